"""The figures as PNG files, drawn by a real Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from qnas.studies.report.content import ReportContent
from qnas.studies.report.pictures import (
    HEIGHT_PX,
    SCALE,
    WIDTH_PX,
    Pictures,
    figures_of,
    write_images,
)
from qnas.studies.results.front import StudyRecords
from qnas.studies.results.picks import choose
from qnas.studies.search.trials import read_records
from tests.browser import installed
from tests.studies.analytic import GENOME, LIMITS, OBJECTIVES, search


@pytest.fixture
def content(tmp_path: Path) -> ReportContent:
    study = search(tmp_path / "a", trials=40, population=20)
    records = StudyRecords.of(OBJECTIVES, read_records(study, GENOME, OBJECTIVES))
    return ReportContent("demo", "board", (), records, choose(records, (1000,)), LIMITS, {})


def test_every_figure_has_a_name_of_its_own(content: ReportContent) -> None:
    assert {"front_error_latency", "front_3d", "resources"} <= figures_of(
        content, Pictures.of(content)
    ).keys()


@pytest.mark.slow
def test_every_figure_becomes_a_picture_with_something_on_it(
    content: ReportContent, tmp_path: Path
) -> None:
    pytest.importorskip("kaleido", reason="needs the extra png")
    if installed() is None:
        pytest.skip("needs a Chromium: apt-get install chromium")
    files = write_images(content, Pictures.of(content), tmp_path / "figures")
    assert {file.stem for file in files} == figures_of(content, Pictures.of(content)).keys()
    for file in files:
        with Image.open(file) as image:
            assert image.size == (SCALE * WIDTH_PX, SCALE * HEIGHT_PX)
            assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 10, file.name
