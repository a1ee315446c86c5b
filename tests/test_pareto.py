from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnas.pareto import Box, hypervolume, knee, nondominated

coordinates = st.integers(-20, 20).map(float)


def point_sets(width: int) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(st.lists(coordinates, min_size=width, max_size=width), min_size=1, max_size=25)


def dominated(point: list[float], others: list[list[float]]) -> bool:
    return any(
        all(o <= p for o, p in zip(other, point, strict=True)) and other != point
        for other in others
    )


@given(point_sets(3))
def test_nondominated_is_what_the_definition_says(points: list[list[float]]) -> None:
    assert nondominated(points).tolist() == [not dominated(p, points) for p in points]


def test_nothing_is_nondominated_in_nothing() -> None:
    assert nondominated(np.zeros((0, 3))).tolist() == []


@given(point_sets(2))
def test_hypervolume_never_falls_as_points_are_added(points: list[list[float]]) -> None:
    box = Box((-20.0, -20.0), (20.0, 20.0))
    volumes = [hypervolume(points[:n], box) for n in range(len(points) + 1)]
    assert volumes[0] == 0
    assert all(a <= b + 1e-12 for a, b in pairwise(volumes))
    assert volumes[-1] <= 1


def test_hypervolume_counts_in_units_of_the_box() -> None:
    box = Box((0.0, 100.0), (10.0, 200.0))
    assert hypervolume([[5.0, 150.0]], box) == pytest.approx(0.25)
    assert hypervolume([[5.0, 150.0], [0.0, 190.0]], box) == pytest.approx(0.25 + 0.05)
    assert hypervolume([[-10.0, 100.0]], box) == pytest.approx(2.0)  # better than the box's best
    assert hypervolume([[11.0, 100.0]], box) == 0  # beyond the reference point
    assert hypervolume([[3.0, 7.0]], Box((3.0, 7.0), (3.0, 7.0))) == 1  # no width


@given(point_sets(3))
def test_the_knee_has_the_least_sum_after_normalisation(points: list[list[float]]) -> None:
    array = np.array(points)
    low, width = array.min(axis=0), np.ptp(array, axis=0)
    sums = ((array - low) / np.where(width > 0, width, 1)).sum(axis=1)
    assert sums[knee(points)] == pytest.approx(sums.min())


def test_the_knee_of_a_bent_front_is_its_bend() -> None:
    front = [[0.0, 10.0], [1.0, 9.0], [2.0, 2.0], [6.0, 1.0], [10.0, 0.0]]
    assert knee(front) == 2
    # In two objectives: farthest from the line through the ends.
    ends = np.array(front[0]), np.array(front[-1])
    x, y = ends[1] - ends[0]
    distances = [abs(x * (p[1] - ends[0][1]) - y * (p[0] - ends[0][0])) for p in front]
    assert int(np.argmax(distances)) == 2


def test_a_single_point_is_its_own_knee() -> None:
    assert knee([[3.0, 4.0, 5.0]]) == 0
