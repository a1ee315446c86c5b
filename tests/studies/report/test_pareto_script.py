"""The page's front, knee and hypervolume against qnas/pareto.py: the same cases, in JavaScript."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnas import pareto
from qnas.pareto import Box

quickjs = pytest.importorskip("quickjs", reason="a JavaScript engine of the extra `dev`")
Call = Callable[..., Any]
SCRIPT = resources.files("qnas.studies.report").joinpath("templates/pareto.js")
FEW = settings(max_examples=100, deadline=None)


@pytest.fixture(scope="module")
def call() -> Iterator[Call]:
    """call(name, *arguments): a function of pareto.js."""
    context = quickjs.Context()
    context.eval(SCRIPT.read_text(encoding="utf-8"))

    def call(name: str, *arguments: object) -> Any:
        words = ", ".join(json.dumps(argument) for argument in arguments)
        return json.loads(context.eval(f"JSON.stringify(pareto.{name}({words}))"))

    yield call


def point_sets(*, least: int = 1) -> st.SearchStrategy[list[list[float]]]:
    """Up to 20 points of two to four costs, many of them equal."""
    costs = st.integers(-6, 6).map(float)
    return st.integers(2, 4).flatmap(
        lambda width: st.lists(
            st.lists(costs, min_size=width, max_size=width), min_size=least, max_size=20
        )
    )


@FEW
@given(points=point_sets())
def test_the_front(call: Call, points: list[list[float]]) -> None:
    assert call("nondominated", points) == pareto.nondominated(points).tolist()


@FEW
@given(points=point_sets())
def test_the_knee(call: Call, points: list[list[float]]) -> None:
    found, expected = call("knee", points), pareto.knee(points)
    sums = Box.around(points).normalise(points).sum(axis=1)
    assert found == expected or sums[found] == pytest.approx(sums[expected])


@FEW
@given(points=point_sets(), margin=st.sampled_from((0.0, 0.5, 3.0)))
def test_the_hypervolume(call: Call, points: list[list[float]], margin: float) -> None:
    around = Box.around(points)
    box = Box(around.best, tuple(w + margin for w in around.worst))
    found = call("hypervolume", points, {"best": box.best, "worst": box.worst})
    assert found == pytest.approx(pareto.hypervolume(points, box))


def test_known_answers(call: Call) -> None:
    """Those of tests/test_pareto.py."""
    box = {"best": [0.0, 100.0], "worst": [10.0, 200.0]}
    assert call("hypervolume", [], box) == 0
    assert call("hypervolume", [[5.0, 150.0]], box) == pytest.approx(0.25)
    assert call("hypervolume", [[5.0, 150.0], [0.0, 190.0]], box) == pytest.approx(0.3)
    assert call("hypervolume", [[-10.0, 100.0]], box) == pytest.approx(2.0)
    assert call("hypervolume", [[11.0, 100.0]], box) == 0
    no_width = {"best": [3.0, 7.0], "worst": [3.0, 7.0]}
    assert call("hypervolume", [[3.0, 7.0]], no_width) == 1
    bent = [[0.0, 10.0], [1.0, 9.0], [2.0, 2.0], [6.0, 1.0], [10.0, 0.0]]
    assert call("knee", bent) == 2
    assert call("knee", [[3.0, 4.0, 5.0]]) == 0


def test_many_points_of_three_costs(call: Call) -> None:
    points = np.random.default_rng(0).random((200, 3)).round(3).tolist()
    mask = call("nondominated", points)
    assert mask == pareto.nondominated(points).tolist()
    front = [point for point, kept in zip(points, mask, strict=True) if kept]
    box = Box.around(points)
    found = call("hypervolume", front, {"best": box.best, "worst": box.worst})
    assert found == pytest.approx(pareto.hypervolume(points, box))
