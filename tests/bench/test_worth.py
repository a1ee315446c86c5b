"""The comparison of approaches: known fronts give known figures."""

from __future__ import annotations

import pytest

from qnas.space import MATRIX_KINDS
from qnas.studies.search.genome import Genome
from qnas.studies.sections import SearchConfig
from tests.bench.worth import ROWS, Front, OneRatio, approaches, interval, summary
from tests.tiny import TINY


def test_one_ratio_ties_all_matrices() -> None:
    tied = OneRatio(TINY)
    params = {gene.name: gene.choices[-1] for gene in tied.genes()} | {"w8": 3}
    blocks = tied.decode(params).blocks
    assert {getattr(b.w8, kind) for b in blocks for kind in MATRIX_KINDS} == {3}


def test_a_space_of_one_shape_has_no_hand_made_one() -> None:
    assert "hand-made" in approaches(TINY)
    shape = approaches(TINY)["hand-made"].space
    assert "hand-made" not in approaches(shape)
    assert shape.largest().depth == TINY.middle().depth


def test_a_search_may_start_with_one_ratio() -> None:
    begun = approaches(TINY)["rows, from one ratio"].start(SearchConfig(population=9), seed=0)
    assert len(begun) == 9
    for params in begun:
        blocks = Genome(TINY, (1.0,)).decode(params).architecture.blocks
        assert len({getattr(b.w8, kind) for b in blocks for kind in MATRIX_KINDS}) == 1
    assert approaches(TINY)[ROWS].start(SearchConfig(), seed=0) == []


def test_a_front_is_judged_on_the_report_split_by_the_choice_of_the_search_split() -> None:
    front = Front((10.0, 20.0), (30.0, 5.0), (2.0, 1.0))
    assert front.at_fps(400) == 30.0, "the one with the least search error"
    assert front.at_fps(900) == 5.0
    assert front.at_fps(1100) is None


def test_differences_are_taken_seed_by_seed() -> None:
    better, worse = Front((10.0,), (10.0,), (1.0,)), Front((12.0,), (12.0,), (1.0,))
    found = summary({ROWS: [better, better], "all 4": [worse, worse]})["approaches"]["all 4"]
    assert found["points_lost_to_rows_at_fps"][0] == {
        "mean": 2.0,
        "seeds": 2,
        "low": 2.0,
        "high": 2.0,
    }
    assert found["hypervolume_lost_to_rows"]["mean"] > 0


def test_intervals() -> None:
    found = interval([1.0, 2.0, 3.0])
    assert found is not None
    assert found["mean"] == 2.0
    assert found["high"] == pytest.approx(2 + 4.3027 / 3**0.5, abs=1e-3)
    assert interval([]) is None
    assert interval([1.0]) == {"mean": 1.0, "seeds": 1}
