"""The report in a real browser: its budgets, tabs and points answer as the study itself does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qnas.pareto import hypervolume
from qnas.studies.report.content import ReportContent
from qnas.studies.report.page import render
from qnas.studies.results.front import StudyRecords
from qnas.studies.results.picks import choose
from qnas.studies.results.selection import Requirements, select_candidate
from qnas.studies.search.trials import TrialRecord, read_records
from tests.browser import chromium, open_page
from tests.studies.analytic import GENOME, LIMITS, OBJECTIVES, search

pytestmark = pytest.mark.slow

SHOWN = """(name) => document.getElementById("plot-" + name).data
  .filter((trace) => trace.meta && trace.meta.role === "front")
  .flatMap((trace) => trace.customdata)"""
MOVE = """(input, at) => { input.value = at;
  for (const kind of ["input", "change"])
    input.dispatchEvent(new Event(kind, { bubbles: true })); }"""
PLACE = """(number) => {
  const node = document.getElementById("plot-pair"), box = node.getBoundingClientRect();
  const { _size: size, xaxis, yaxis } = node._fullLayout;
  for (const trace of node.data.filter((t) => t.meta.role === "front")) {
    const i = trace.customdata.indexOf(number);
    return [box.left + size.l + xaxis.d2p(trace.x[i]), box.top + size.t + yaxis.d2p(trace.y[i])];
  } }"""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> StudyRecords:
    study = search(tmp_path_factory.mktemp("study") / "a", trials=120, population=20)
    return StudyRecords.of(OBJECTIVES, read_records(study, GENOME, OBJECTIVES))


@pytest.fixture(scope="module")
def address(records: StudyRecords, tmp_path_factory: pytest.TempPathFactory) -> str:
    content = ReportContent("demo", "board", (), records, choose(records, (1000,)), LIMITS, {})
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(content), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def numbers(trials: list[TrialRecord] | tuple[TrialRecord, ...]) -> list[int]:
    return [trial.number for trial in trials]


def test_budgets_filter_every_figure_and_agree_with_qnas_pick(
    browser: Any, address: str, records: StudyRecords
) -> None:
    errors: list[str] = []
    page = open_page(browser, address, width=1300, height=900, errors=errors)
    assert page.evaluate(SHOWN, "pair") == numbers(records.front())
    before = page.evaluate("document.getElementById('plot-volume').data[0].y")
    assert before[-1] == pytest.approx(records.hypervolume())

    fitting = [trial for trial in records.distinct() if trial.feasible]
    for name in ("lut", "dsp"):  # LUTs are no objective: the front gains members
        values = sorted({trial.amount(name) for trial in fitting})
        slider = page.locator(f"input[data-budget={name}]")
        middle = (len(values) - 1) // 2
        slider.evaluate(MOVE, middle)
        limit = values[middle]
        keeping = [trial for trial in fitting if trial.amount(name) <= limit]
        assert len(keeping) < len(fitting)
        front = records.front_of(keeping)
        assert page.evaluate(SHOWN, "pair") == numbers(front)
        chosen = select_candidate(records, Requirements(at_most={name: limit})).trial
        assert f"Knee trial {chosen.number}:" in page.locator("#verdict").inner_text()
        command = page.locator("#command").inner_text()
        assert command.endswith(f"--at-most {name}={limit:g}")
        volumes = page.evaluate("document.getElementById('plot-volume').data[0].y")
        expected = hypervolume(records.minimised(keeping), records.box())
        assert volumes[-1] == pytest.approx(expected)
        for tab, figure in (("parallel", "parallel"), ("solid", "solid")):
            page.locator(f"[data-tab={tab}][role=tab]").click()
            drawn = dict.fromkeys(page.evaluate(SHOWN, figure))
            assert list(drawn) == numbers(front)
        page.locator("[data-tab=table][role=tab]").click()
        assert page.locator("#front-rows tr").count() == len(front)
        page.locator("[data-tab=pair][role=tab]").click()
        page.locator("#reset").click()
        assert page.evaluate(SHOWN, "pair") == numbers(records.front())
    assert page.evaluate("document.getElementById('plot-volume').data[0].y") == before
    assert not errors


def test_a_point_under_the_mouse_shows_its_architecture(
    browser: Any, address: str, records: StudyRecords
) -> None:
    errors: list[str] = []
    page = open_page(browser, address, width=1300, height=900, errors=errors)
    picked = {pick.trial.number for pick in choose(records, (1000,))}
    trial = next(trial for trial in records.front() if trial.number not in picked)
    page.locator("#plot-pair").scroll_into_view_if_needed()
    x, y = page.evaluate(PLACE, trial.number)
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y)
    shown = page.locator("#candidate")
    shown.get_by_text(f"Trial {trial.number} ").wait_for()
    text = shown.inner_text()
    assert trial.architecture.key in text
    assert f"{trial.architecture.embed_dim}, {trial.architecture.depth}" in text
    assert shown.locator("table.blocks tbody tr").count() == trial.architecture.depth
    page.locator("#axis-x").select_option("lut")
    title = "document.getElementById('plot-pair').layout.xaxis.title.text"
    assert page.evaluate(title) == "LUT"
    assert not errors


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Any, address: str) -> None:
    errors: list[str] = []
    page = open_page(browser, address, width=390, height=844, errors=errors)
    for tab in ("pair", "parallel", "table"):
        page.locator(f"[data-tab={tab}][role=tab]").tap()
        assert page.locator(f"[role=tabpanel][data-tab={tab}]").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    widths = (
        "[...document.querySelectorAll('.plotly-graph-div .main-svg')].map((s) => s.clientWidth)"
    )
    assert all(width <= 390 for width in page.evaluate(widths))
    assert not errors
