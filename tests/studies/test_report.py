from __future__ import annotations

import re
from dataclasses import replace

import pytest

from qnas.studies.front import StudyRecords
from qnas.studies.picks import choose
from qnas.studies.records import read_records
from qnas.studies.report import figures
from qnas.studies.report.content import ReportContent
from qnas.studies.report.page import render
from tests.studies.analytic import GENOME, LIMITS, OBJECTIVES, search

VERIFIED = {
    "accuracy": {"fake_quant": 0.9712, "integer": 0.9701, "hls": 0.9701},
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


def test_one_offline_file_with_plotly_in_it_once(content: ReportContent) -> None:
    page = render(content)
    assert page.count("plotly.js v") == 1
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert 4_000_000 < len(page) < 8_000_000
    assert page.count('class="plotly-graph-div"') == 3 + 1 + 2 + 1


def test_every_plot_is_fitted_to_its_card_once_the_page_is_whole(content: ReportContent) -> None:
    page = render(content)
    assert 'addEventListener("load", () => requestAnimationFrame(fit))' in page
    assert "auto-fit" not in page[: page.index("</style>")]  # a first card alone is as wide, too
    assert figures.hypervolumes(content.records).layout.yaxis.rangemode == "nonnegative"


def test_equal_studies_give_equal_pages(content: ReportContent) -> None:
    assert render(content) == render(content)


def test_the_page_says_what_was_checked_and_what_is_only_modelled(content: ReportContent) -> None:
    page = render(content)
    assert "52 stages &times; 360 images" in page
    assert "1,234,567 values" in page
    assert '<span class="ok">0 mismatches</span>' in page
    assert "not verified yet" in page  # the other pick
    assert "Modelled" in page
    assert "a &lt;board&gt; &amp; more" in page


def test_mismatches_stand_out(content: ReportContent) -> None:
    found = {"knee": {**VERIFIED, "mismatches": 3}}
    assert '<span class="bad">3 mismatches</span>' in render(replace(content, verifications=found))


def test_two_objectives_need_no_third_axis(content: ReportContent) -> None:
    names = OBJECTIVES[:2]
    records = StudyRecords(names, content.records.trials)
    page = render(replace(content, records=records, picks=choose(records, ())))
    assert page.count('class="plotly-graph-div"') == 1 + 2 + 1
