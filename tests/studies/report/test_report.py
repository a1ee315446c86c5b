from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from qnas._util.intervals import wilson_interval
from qnas._util.serialization import encode
from qnas.studies.report.columns import column_of
from qnas.studies.report.content import ReportContent
from qnas.studies.report.figures.front import described, pairwise
from qnas.studies.report.figures.ladder import ladder
from qnas.studies.report.figures.search import hypervolumes
from qnas.studies.report.page import render
from qnas.studies.results.front import StudyRecords
from qnas.studies.results.picks import choose
from qnas.studies.run.outcome import AccuracyLadder
from qnas.studies.search.trials import read_records
from tests.studies.analytic import GENOME, LIMITS, OBJECTIVES, search
from tests.studies.results.test_front import records, trial

PLOTS = {"ladder", "bits", "pair", "parallel", "best", "volume", "resources"}
VERIFIED = {
    "accuracy": encode(
        AccuracyLadder.of(
            floating=0.95,
            fake_quant=0.975,
            integer=0.9722,
            images=360,
            hls=1.0,
            simulated_images=4,
        )
    ),
    "stages": 52,
    "images": 360,
    "values": 1_234_567,
    "mismatches": 0,
}


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> ReportContent:
    study = search(tmp_path_factory.mktemp("report") / "a", trials=40)
    records = StudyRecords.of(OBJECTIVES, read_records(study, GENOME, OBJECTIVES))
    picks = choose(records, (1000,))
    facts = (("device", "a <board> & more"),)
    return ReportContent("demo", "board", facts, records, picks, LIMITS, {"knee": VERIFIED})


def plots_of(page: str) -> set[str]:
    return set(re.findall(r'<div id="plot-([a-z]+)" class="plotly-graph-div"', page))


def test_one_offline_file_with_plotly_in_it_once(content: ReportContent) -> None:
    page = render(content)
    assert page.count("plotly.js v") == 1
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=(?!\"data:)", page)
    assert 4_000_000 < len(page) < 8_000_000
    assert plots_of(page) == PLOTS | {"solid"}


def test_every_plot_is_fitted_to_its_card_once_the_page_is_whole(content: ReportContent) -> None:
    page = render(content)
    assert 'addEventListener("load", () => requestAnimationFrame(fit))' in page
    assert hypervolumes(content.records).layout.yaxis.rangemode == "nonnegative"


def test_equal_studies_give_equal_pages(content: ReportContent) -> None:
    assert render(content) == render(content)


def test_the_page_says_what_was_checked_and_what_is_only_modelled(content: ReportContent) -> None:
    page = render(content)
    assert "52 stages &times; 360 images" in page
    assert "1,234,567 values" in page
    assert '<span class="ok">0 mismatches</span>' in page
    assert "97.50% of 360<br>(95.32% to 98.68%)" in page and "100.00% of 4<br>(51.01% to" in page
    assert "not verified yet" in page  # the other pick
    assert page.count('class="kind modelled"') > 3
    assert "a &lt;board&gt; &amp; more" in page


def test_the_ladder_has_every_rung_with_its_images_and_interval(content: ReportContent) -> None:
    (trace,) = ladder(content).data  # the other pick is not verified
    assert trace.name.endswith("knee")
    assert list(trace.y) == [95.0, 97.5, 97.22, 100.0]
    low, high = wilson_interval(0.975, 360)
    assert trace.error_y.array[1] == pytest.approx(100 * (high - 0.975))
    assert trace.error_y.arrayminus[1] == pytest.approx(100 * (0.975 - low))
    texts = ladder(content).layout.xaxis.ticktext
    assert [text.split("n = ")[1] for text in texts] == ["360", "360", "360", "4"]


def test_mismatches_stand_out(content: ReportContent) -> None:
    found = {"knee": {**VERIFIED, "mismatches": 3}}
    assert '<span class="bad">3 mismatches</span>' in render(replace(content, verifications=found))


def test_two_objectives_need_no_third_axis(content: ReportContent) -> None:
    names = OBJECTIVES[:2]
    records = StudyRecords(names, content.records.trials)
    page = render(replace(content, records=records, picks=choose(records, ())))
    assert plots_of(page) == PLOTS


def test_the_script_has_every_candidate_once_and_nothing_that_ends_it(
    content: ReportContent,
) -> None:
    hostile = replace(content, study="</script><b>.toml")
    page = render(hostile)
    text = re.search(r'<script type="application/json" id="study">(.*?)</script>', page)
    assert text is not None
    study = json.loads(text[1])
    assert study["file"] == "</script><b>.toml"
    assert [t["number"] for t in study["trials"]] == [t.number for t in content.records.distinct()]
    assert {p["trial"] for p in study["picks"]} == {p.trial.number for p in content.picks}
    names = [column["name"] for column in study["columns"]]
    assert names[:3] == list(OBJECTIVES) and {"fps", "lut", "bram18"} < set(names)
    assert "fps" not in study["budgets"]  # the same as latency


def test_axes_are_logarithmic_where_amounts_span_much() -> None:
    few = records(*(trial(n, error=1, cycles=10 + n, dsp=10**n) for n in range(4)))
    dsp, latency = column_of(few, "dsp"), column_of(few, "latency")
    assert latency.axis == {"type": "linear"}
    assert dsp.axis["type"] == "log" and dsp.axis["ticktext"][-2:] == ["1k", "10k"]


def test_a_batch_is_said_where_it_is_more_than_one() -> None:
    alone = trial(0, error=1, cycles=10)
    batch = replace(alone, estimate=replace(alone.estimate, batch=8))
    titles = {name: column_of(records(batch), name).title for name in ("fps", "latency", "dsp")}
    assert titles == {
        "fps": "FPS (in passes of 8 images)",
        "latency": "latency (ms a pass of 8 images)",
        "dsp": "DSP",
    }
    assert column_of(records(alone), "latency").title == "latency (ms)"


def test_in_the_dashboard_points_tell_their_architecture(content: ReportContent) -> None:
    (_, figure), *_ = pairwise(content)
    shown = described(figure, content.records.front())
    traces = {trace.name: trace for trace in shown.data}
    assert all("embed" in text for text in traces["front"].text)
    pick = next(trace for name, trace in traces.items() if name and name[:2] == "A ")
    assert list(pick.text) == ["A"] and "embed" in pick.hovertext[0]
