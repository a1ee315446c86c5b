"""The page of predictions says which intervals hold what was measured, and what is not drawn."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from qnas.accel.calibration.evaluation import Predicted, held, score
from qnas.studies.report.calibration import page

MADE_UP = Predicted(
    names=np.array(["a", "b", "c", "nothing"]),
    measured=np.array([100.0, 200.0, 300.0, 0.0]),
    estimate=np.array([150.0, 210.0, 330.0, 0.0]),
    value=np.array([110.0, 260.0, 290.0, 0.0]),
    low=np.array([90.0, 240.0, 250.0, 0.0]),
    high=np.array([130.0, 280.0, 330.0, 0.0]),
    far=np.array([False, False, True, False]),
)


def test_hits_and_misses_are_told_apart() -> None:
    assert held(MADE_UP).tolist() == [True, False, True, True]
    found = page({"lut": MADE_UP}, score({"lut": MADE_UP}), what="blocks")
    names = {"predicted, in its interval", "the same, extrapolated", "outside its interval"}
    assert names <= set(re.findall(r'"name":"([^"]+)"', found))
    assert "outside, extrapolated" not in found and "1 of the blocks have none" in found
    assert "4 blocks of the engine as RTL" in found and 'src="http' not in found
    assert found.count("measured LUTs") == 2 and "75.0%" in found


def test_of_many_designs_some_are_drawn_and_the_page_says_so() -> None:
    many = {
        n: np.tile(getattr(MADE_UP, n), 400)
        for n in ("names", "measured", "estimate", "value", "low", "high", "far")
    }
    told = {"ff": replace(MADE_UP, **many)}
    found = page(told, score(told), what="designs")
    assert "1,600 designs" in found and "1,000 designs, chosen at random, are drawn." in found


def test_nothing_built_draws_nothing() -> None:
    none = replace(MADE_UP, measured=np.zeros(4), estimate=np.zeros(4), value=np.zeros(4))
    found = page({"dsp": none}, score({"dsp": none}), what="blocks")
    assert "Of the 4 blocks none has any: there is nothing to draw" in found
    assert 'class="plotly-graph-div"' not in found


def test_what_is_exact_is_said_and_not_drawn() -> None:
    exact = replace(MADE_UP, estimate=MADE_UP.measured, value=MADE_UP.measured)
    found = page({"dsp": exact}, score({"dsp": exact}), what="blocks")
    assert "Of the 4 blocks estimate and prediction are what was measured" in found
    assert 'class="plotly-graph-div"' not in found
