"""Every picture of the report and of an explanation in a real browser, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from qnas._util.serialization import encode
from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.studies.report.content import ReportContent
from qnas.studies.report.explain_page import render_explanation
from qnas.studies.report.explanation import Explanation, explain
from qnas.studies.report.page import render
from qnas.studies.report.pictures import Pictures
from qnas.studies.report.thumbnails import WrongImage, data_uri
from qnas.studies.results.front import StudyRecords
from qnas.studies.results.picks import choose
from qnas.studies.run.outcome import AccuracyLadder
from qnas.studies.run.predictions import MatrixSensitivity, Predictions, Sensitivity
from qnas.studies.run.training_records import AccuracyPoint, BeforeAfter, TrainingCurve, Tuning
from qnas.studies.search.trials import read_records
from tests.browser import chromium, open_page
from tests.studies.analytic import GENOME, LIMITS, OBJECTIVES, SPACE, search

pytestmark = pytest.mark.slow

WIDTHS = {"desk": (1300, 900), "phone": (390, 844)}
FAULTS = """() => {
  const faults = [], inside = (a, b) => a.left > b.left - 3 && a.right < b.right + 3
    && a.top > b.top - 3 && a.bottom < b.bottom + 3;
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  if (document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls sideways");
  for (const plot of document.querySelectorAll(".plotly-graph-div")) {
    if (!plot.offsetParent) continue;  // in a tab that is not open
    const card = plot.closest(".card").getBoundingClientRect(), name = plot.id;
    const svg = plot.querySelector(".main-svg"), box = svg && svg.getBoundingClientRect();
    if (!svg || box.width < 200 || box.height < 200) {
      faults.push(`${name} is not drawn`); continue; }
    if (!inside(box, card)) faults.push(`${name} leaves its card`);
    for (const text of plot.querySelectorAll("text"))
      if (text.textContent && !inside(text.getBoundingClientRect(), box))
        faults.push(`${name}: '${text.textContent}' is cut off`);
    for (const kind of [".annotation-text-g", ".xtick text", ".ytick text"]) {
      const all = [...plot.querySelectorAll(kind)].filter((t) => t.textContent
        && !(t.getAttribute("transform") || "").match(/rotate\\((?!0[,)])/));
      all.forEach((text, i) => all.slice(i + 1).forEach((other) => {
        if (meet(text.getBoundingClientRect(), other.getBoundingClientRect()))
          faults.push(`${name}: '${text.textContent}' lies on '${other.textContent}'`); }));
    }
  }
  return faults;
}"""
DRAWN = "[...document.querySelectorAll('.plotly-graph-div')].map((plot) => plot.id.slice(5))"
BROKEN = "[...document.images].filter((image) => !image.naturalWidth).length"


@pytest.fixture(scope="module")
def explained() -> Explanation:
    device = load_device("zcu102")
    return explain("knee", best_plan(SPACE.sample(Random(5)), device)[0], device)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory, explained: Explanation) -> ReportContent:
    study = search(tmp_path_factory.mktemp("study") / "a", trials=60, population=20)
    records = StudyRecords.of(OBJECTIVES, read_records(study, GENOME, OBJECTIVES))
    picks = choose(records, (1000, 20_000, 50_000))
    ladder = AccuracyLadder.of(
        floating=0.93, fake_quant=0.95, integer=0.945, images=400, hls=0.94, simulated_images=100
    )
    verdict = {"stages": 9, "images": 100, "values": 1000, "mismatches": 0}
    rng = np.random.default_rng(0)
    labels = rng.integers(12, size=400)
    predicted = np.where(rng.random(400) < 0.9, labels, rng.integers(12, size=400))
    image = data_uri(rng.random((3, 32, 32), dtype=np.float32))
    points = (AccuracyPoint(e, "float" if e < 9 else "quantized", *a, 400) for e, a in CURVE)
    return ReportContent(
        *("demo", "zcu102", (), records, picks, LIMITS),
        {pick.name: {"accuracy": encode(ladder), **verdict} for pick in picks},
        tunings={"knee": Tuning("", "", BeforeAfter(0.9, 0.95), BeforeAfter(0.9, 0.94))},
        report_images=400,
        search_images=400,
        shown="knee",
        predictions=Predictions(np.arange(400), labels, predicted),
        wrong=(WrongImage(1, 3, 11, image),) * 24,
        class_names=tuple(f"class {name}" for name in range(12)),
        explained=explained,
        curve=TrainingCurve(tuple((e, 3.0 / e**2) for e in range(1, 30)), tuple(points)),
        sensitivity=Sensitivity(
            *("x", "knee", 400, 0.95, 2),
            tuple(MatrixSensitivity(b, k, 9 * b, 4) for b in (0, 1) for k in ("qkv", "fc1")),
        ),
    )


CURVE = [(epoch, (1 - 0.7 / epoch, 0.3, 0.9 - 0.7 / epoch)) for epoch in range(1, 30, 2)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def settle(page: Any) -> None:
    """Wait until the plots are fitted to their cards, which happens some time after the load."""
    for _ in range(60):
        if not page.evaluate(FAULTS):
            return
        page.wait_for_timeout(500)


@pytest.mark.parametrize("kind", WIDTHS)
def test_every_picture_is_drawn_whole_and_legible(
    kind: str, browser: Any, content: ReportContent, explained: Explanation, tmp_path: Path
) -> None:
    (width, height), errors = WIDTHS[kind], list[str]()
    for name, text in (("report", render(content)), ("explain", render_explanation(explained))):
        file = tmp_path / f"{name}.html"
        file.write_text(text, encoding="utf-8")
        page = open_page(browser, file.as_uri(), width=width, height=height, errors=errors)
        settle(page)
        assert page.evaluate(FAULTS) == []
        if name == "report":
            drawn = set(page.evaluate(DRAWN))
            pictures = list(Pictures.of(content))
            assert {picture.name for picture in pictures} <= drawn and len(pictures) >= 11
            body = page.locator("main").inner_text()
            assert all(" ".join(p.caption.split()) in " ".join(body.split()) for p in pictures)
            assert page.evaluate(BROKEN) == 0
        page.context.close()
    assert not errors
