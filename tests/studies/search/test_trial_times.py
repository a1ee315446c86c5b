"""The time of a batch is divided over the trials that were evaluated in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from qnas.studies.search.trials import periods
from tests.studies.analytic import search


def test_duplicates_take_no_time_and_the_others_equal_shares() -> None:
    begun = datetime.now() - timedelta(seconds=30)
    found = periods(["a", "known", "b", "a", "c"], {"a", "b", "c"}, begun)
    seconds = [(end - start).total_seconds() for start, end in found]
    assert seconds == pytest.approx([10, 0, 10, 0, 10], abs=0.2)
    assert found[0][0] == begun and all(a[1] == b[0] for a, b in pairwise(found))


def test_the_trials_of_a_generation_follow_each_other(tmp_path: Path) -> None:
    trials = search(tmp_path / "a", trials=10).trials
    spans = [(t.datetime_start, t.datetime_complete) for t in trials]
    assert all(start and end and start <= end for start, end in spans)
    assert len({start for start, _ in spans}) > 5
    assert all(a[1] == b[0] for a, b in pairwise(spans))
