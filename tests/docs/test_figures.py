"""The pages' tables are those of their figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.figures import DATA, PAGES, TABLE, fronts, gains, refreshed, worth

WITH_TABLES = [p for p in sorted(PAGES.glob("*.md")) if TABLE.search(p.read_text("utf-8"))]


@pytest.mark.parametrize("page", WITH_TABLES, ids=lambda page: page.stem)
def test_tables_have_the_figures_of_their_files(page: Path) -> None:
    text = page.read_text("utf-8")
    assert refreshed(text) == text, "python -m tests.docs.figures"


def test_every_file_is_shown() -> None:
    named = {name for page in WITH_TABLES for _, _, name, _ in TABLE.findall(page.read_text())}
    assert named == {path.name for path in DATA.glob("*.json")}


def test_a_front_shows_the_most_accurate_member_at_each_speed() -> None:
    members = [(0.5, 9.0), (0.25, 12.0), (0.25, 10.0), (0.4, 11.0)]
    front = [{"latency_ms": ms, "error": error, "dsp": 64.0} for ms, error in members]
    _, *rows = fronts({"front": front})
    assert rows == [("0.250", "4,000", "64", "10.0 %"), ("0.500", "2,000", "64", "9.0 %")]


def test_an_approach_without_a_member_at_a_speed_has_no_figure() -> None:
    one, none = {"mean": 1.0, "seeds": 1}, None
    x = {
        "hypervolume": {"mean": 0.5, "low": 0.4, "high": 0.6},
        "hypervolume_lost_to_rows": {"mean": 0.1, "low": -0.1, "high": 0.3},
        "error_at_fps": [one, none, one, one, one],
        "points_lost_to_rows_at_fps": [one, none, one, one, one],
    }
    found = {"fps_levels": [10, 20, 30, 40, 50], "approaches": {"rows": x, "all 8": x}}
    assert list(worth(found))[2] == (
        *("all 8", "0.500 (0.400 to 0.600)", "0.100 (-0.100 to 0.300)", "-", "1.00"),
    )
    assert list(gains(found))[1] == ("all 8", "1.00", "-", "1.00", "1.00", "1.00")
