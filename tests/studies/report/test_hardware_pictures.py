"""The pictures of one plan: their numbers are those of the plan, the folding search and boards."""

from __future__ import annotations

from random import Random

import pytest

from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.timeline import UNITS, timeline
from qnas.accel.device import RESOURCES, device_names, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.folding_search.tradeoffs import folding_front
from qnas.accel.plan.lower import lower
from qnas.studies.report.explanation import Explanation, explain
from qnas.studies.report.figures.boards import boards, boards_picture, foldings_picture, on_boards
from qnas.studies.report.figures.timeline import gantt, timeline_picture
from tests.studies.analytic import SPACE


@pytest.fixture(scope="module")
def found() -> Explanation:
    device = load_device("zcu102")
    plan, _ = best_plan(SPACE.sample(Random(5)), device)
    return explain("knee", plan, device)


def test_the_gantt_chart_draws_every_activity(found: Explanation) -> None:
    time = timeline(found.plan)
    whole = [trace for trace in gantt(time).data if trace.xaxis == "x"]
    for unit in UNITS:
        drawn = sum(
            x for trace in whole for y, x in zip(trace.y, trace.x, strict=True) if y == unit
        )
        assert drawn == sum(one.cycles for one in time.activities if one.unit == unit)
    array = sum(one.cycles for one in time.activities if one.unit == "array")
    caption = timeline_picture(found).caption
    assert f"{found.estimate.cycles:,} cycles" in caption
    assert f"is at a tile in {array / found.estimate.cycles:.1%}" in caption
    assert f"{found.array_use:.1%} of all its products are made" in caption  # as `qnas explain`


def test_the_folding_front_is_that_of_all_foldings(found: Explanation) -> None:
    arch, device = found.plan.architecture, found.device
    front = folding_front(arch, device)
    amounts = [
        (p.estimate.cycles, p.estimate.resources.dsp, p.estimate.resources.lut)
        for p in front.points
    ]
    assert len(set(amounts)) == len(amounts)
    for one in amounts:
        assert not any(
            other != one and all(a <= b for a, b in zip(other, one, strict=True))
            for other in amounts
        )
    fewer = found.estimate.cycles, found.estimate.resources.dsp, found.estimate.resources.lut
    assert fewer in amounts  # the fastest plan lies on it
    for point in front.points[::40]:
        assert estimate(lower(arch, device, point.folding)) == point.estimate
        limits, used = device.limits(), point.estimate.resources
        assert all(getattr(used, r) <= limits[r] for r in RESOURCES)


def test_the_folding_front_s_picture_says_how_many(found: Explanation) -> None:
    picture = foldings_picture(found)
    assert picture is not None
    front = folding_front(found.plan.architecture, found.device)
    assert picture.caption.startswith(f"{len(front.points):,} foldings")
    assert f"{front.fitting:,} that fit zcu102 ({front.legal:,} priced)" in picture.caption
    (cross, _) = (t for t in picture.figure.data if t.marker.symbol == "x")
    assert list(cross.y) == [found.estimate.fps]


def test_boards_have_their_fastest_plans(found: Explanation) -> None:
    arch = found.plan.architecture
    shown = on_boards(arch)
    assert sorted(one.device.name for one in shown) == sorted(device_names())
    bars, cells = boards(shown).data
    for place, one in enumerate(shown):
        _, best = best_plan(arch, one.device)
        assert bars.x[place] == best.fps and bars.text[place] == f"{best.fps:,.0f}"
        share = 100 * best.resources.lut / one.device.limits()["lut"]
        assert cells.z[place][0] == pytest.approx(share, rel=1e-12)
    assert f"fits {len(shown)} of them" in boards_picture(found).caption
