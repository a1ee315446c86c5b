"""The folding search: the best of its candidates, within every limit."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnas.accel.cost.analytic import estimate, price
from qnas.accel.cost.estimate import RESOURCES, Estimate
from qnas.accel.device import MOST_OF, Device, Margins
from qnas.accel.folding_search.search import (
    best_kernel,
    best_plan,
    candidate_foldings,
    speedups_without_limits,
)
from qnas.accel.plan.check import check_plan
from qnas.accel.plan.folding import FIELDS, Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.multi_network import check_together
from qnas.architecture import Architecture
from qnas.errors import CapacityError, ConfigError
from qnas.spaces import load_space
from tests.accel.designs import alike, architectures, foldings, tiny, zcu102

SHARES = st.sampled_from((1.0, 0.5, 0.1, 0.03, 0.001))


def _all_candidates(
    arch: Architecture, device: Device, *, lut_lanes: bool
) -> list[tuple[Folding, Estimate]]:
    folding, legal = candidate_foldings(arch, device, lut_lanes=lut_lanes)
    prices = price([arch], device, folding)
    fields = [np.broadcast_to(getattr(folding, f), prices.cycles.shape) for f in FIELDS]
    return [
        (Folding(*(int(f.flat[i]) for f in fields)), prices.at(i))
        for i in np.flatnonzero(np.broadcast_to(legal, prices.cycles.shape))
    ]


@settings(deadline=None, max_examples=3)
@given(architectures(), SHARES, st.booleans(), st.sampled_from((1.0, 0.02)))
def test_nothing_beats_the_best(
    arch: Architecture, share: float, lut_lanes: bool, size: float
) -> None:
    device = zcu102()
    device = dataclasses.replace(device, lut=int(device.lut * size), ff=int(device.ff * size))
    plan, result = best_plan(arch, device, share, lut_lanes=lut_lanes)
    assert result == estimate(plan)
    limits = {**device.limits(), "dsp": math.floor(share * device.limit("dsp"))}

    def rank(candidate: tuple[Folding, Estimate]) -> tuple[Any, ...]:
        folding, e = candidate
        used = [(getattr(e.resources, r), limits[r]) for r in RESOURCES]
        fits = all(u <= limit for u, limit in used)
        worst = 0.0 if fits else max(u / max(limit, 1) for u, limit in used)
        order = tuple(getattr(folding, f) for f in FIELDS)
        return (not fits, worst, e.cycles, e.resources.dsp, e.resources.lut, order)

    # Where buffers lie by the rule of depth; test_placing compares with every other placement.
    best = min(_all_candidates(arch, device, lut_lanes=lut_lanes), key=rank)
    over, excess, *_ = rank((plan.folding, result))
    if rank(best)[0]:
        assert not over or excess <= rank(best)[1] * (1 + 1e-9)
    else:
        assert not over and result.cycles <= best[1].cycles
        assert result.cycles < best[1].cycles or (plan.folding, result) == best


@settings(deadline=None, max_examples=3)
@given(architectures(), st.booleans())
def test_every_candidate_is_a_folding(arch: Architecture, lut_lanes: bool) -> None:
    folding, legal = candidate_foldings(arch, zcu102(), lut_lanes=lut_lanes)
    fields = np.broadcast_arrays(*(getattr(folding, f) for f in FIELDS))
    shape = fields[0].shape
    columns = [f[np.broadcast_to(legal, shape)] for f in fields]
    assert len(set(zip(*columns, strict=True))) == columns[0].size
    for index in range(0, columns[0].size, 397):
        lower(arch, zcu102(), Folding(*(int(c[index]) for c in columns)))


def test_dsp_share_is_kept_and_pays() -> None:
    cycles = []
    for share in (1.0, 0.5, 0.25, 0.125, 0.0625):
        _, result = best_plan(tiny(), zcu102(), share)
        assert result.resources.dsp <= share * zcu102().limit("dsp")
        cycles.append(result.cycles)
    assert cycles == sorted(cycles)


def test_lut_lanes_stand_in_for_dsps() -> None:
    arch, few = load_space("digits").largest(), dataclasses.replace(zcu102(), dsp=400)
    plan, with_luts = best_plan(arch, few, lut_lanes=True)
    _, without = best_plan(arch, few)
    f = plan.folding
    assert 0 < f.lut_slots <= f.tm // 2 or 0 < f.lut_tokens <= f.tt // 2
    assert with_luts.cycles < without.cycles
    assert with_luts.resources.dsp <= few.limit("dsp")


def test_where_nothing_fits_the_least_excess_is_returned() -> None:
    small = dataclasses.replace(zcu102(), lut=4000)
    _, result = best_plan(tiny(), small)
    assert result.resources.lut > small.limit("lut")


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5, float("nan")])
def test_shares_outside_are_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="dsp_share"):
        best_plan(tiny(), zcu102(), share)


def test_a_batch_pays_for_small_networks() -> None:
    """The folding is chosen for the pass, of the same DSPs; the plan is lowered with the batch."""
    arch, few = load_space("digits").middle(), dataclasses.replace(zcu102(), dsp=300)
    found = [best_plan(arch, few, batch=batch) for batch in (1, 4)]
    assert [plan.folding.batch for plan, _ in found] == [1, 4]
    assert [estimate(plan) for plan, _ in found] == [result for _, result in found]
    assert found[1][1].fps > 1.2 * found[0][1].fps
    shared = best_kernel([arch, arch], few, batch=4)
    assert all(one.batch == 4 and one.fps > 0 for one in shared.estimates)


@pytest.mark.parametrize("batch", [0, 65, 2.0, True])
def test_batches_outside_are_refused(batch: Any) -> None:
    with pytest.raises(ConfigError, match="batch"):
        best_plan(tiny(), zcu102(), batch=batch)


def test_networks_that_no_plan_holds_are_refused_before_the_sweep() -> None:
    with pytest.raises(CapacityError, match="embed_dim"):
        best_plan(dataclasses.replace(tiny(), embed_dim=2000), zcu102())


def test_one_folding_for_several_architectures() -> None:
    space, device = load_space("digits"), zcu102()
    archs = [space.smallest(), space.largest()]
    shared = best_kernel(archs, device)
    check_together(shared.plans)
    for arch in archs:
        check_plan(shared.plans[archs.index(arch)], device, share_with=archs)
    for arch, plan, found in zip(archs, shared.plans, shared.estimates, strict=True):
        alone = estimate(lower(arch, device, shared.plans[0].folding))
        assert plan.architecture == arch and plan.folding == shared.plans[0].folding
        assert found.cycles == alone.cycles and found.dram_bits == alone.dram_bits
        assert found.resources == shared.resources
        for resource in ("dsp", "bram18", "uram"):
            assert getattr(shared.resources, resource) >= getattr(alone.resources, resource)
    assert all(getattr(shared.resources, r) <= n for r, n in device.limits().items())
    assert shared.estimates[1].cycles >= best_plan(archs[1], device)[1].cycles
    small = best_kernel(archs, device, weights=(1.0, 0.0)).estimates[0].cycles
    assert small <= shared.estimates[0].cycles


@settings(deadline=None, max_examples=20)
@given(st.lists(architectures(), min_size=1, max_size=3), foldings(), st.data())
def test_a_kernel_of_several_is_priced_as_its_plans_say(
    archs: list[Architecture], folding: Folding, data: st.DataObject
) -> None:
    """Field by field: the sweep over foldings, and the set of plans that is printed."""
    archs = [alike(arch, archs[0]) for arch in archs]
    device = zcu102()
    plans = [lower(arch, device, folding, share_with=archs) for arch in archs]
    together = estimate(*plans)
    assert price(archs, device, folding).at(0) == together
    assert together.cycles == sum(estimate(plan).cycles for plan in plans)
    assert together.dram_bits == sum(estimate(plan).dram_bits for plan in plans)
    for arch in archs:
        alone = lower(arch, device, folding)
        assert together.resources.dsp == estimate(alone).resources.dsp
        for ours, own in zip(plans[0].buffers, alone.buffers, strict=True):
            assert ours.depth >= own.depth and ours.bits >= own.bits


def test_the_union_of_one_is_the_one() -> None:
    shared = best_kernel([tiny()], zcu102(), 0.5)
    plan, result = best_plan(tiny(), zcu102(), 0.5)
    assert shared.plans == (plan,) and shared.estimates == (result,)
    assert shared.resources == result.resources
    with pytest.raises(ConfigError, match="archs"):
        best_kernel([], zcu102())
    with pytest.raises(ConfigError, match="weights"):
        best_kernel([tiny()], zcu102(), weights=(1.0, 2.0))
    with pytest.raises(ConfigError, match="head_dim"):
        best_kernel([tiny(), replace(tiny(), head_dim=8)], zcu102())


@settings(deadline=None, max_examples=8)
@given(architectures(), st.sampled_from(RESOURCES))
def test_a_plan_at_the_limit_is_taken_and_one_over_is_not(arch: Architecture, scarce: str) -> None:
    """Limits are hard, one by one: equal fits, one more does not."""
    plan, found = best_plan(arch, _without_margins(zcu102()))
    used = getattr(found.resources, scarce)
    if used < 2:  # of no use to a plan, or no device can have fewer
        return
    at, below = (
        dataclasses.replace(_without_margins(zcu102()), **{scarce: n}) for n in (used, used - 1)
    )
    tight = best_plan(arch, at)[1]
    # Where buffers left the memories of their depth, another limit may place them otherwise.
    assert tight.cycles == found.cycles and getattr(tight.resources, scarce) <= used
    other = best_plan(arch, below)[0]  # of another folding, or placed elsewhere
    assert other != plan or not _some_plan_fits(arch, below)


@settings(deadline=None, max_examples=8)
@given(architectures(), st.sampled_from(("lut", "ff", "dsp", "bram18")), st.booleans())
def test_more_of_a_board_is_never_slower(arch: Architecture, more: str, lut_lanes: bool) -> None:
    small = dataclasses.replace(zcu102(), lut=60_000, ff=120_000, dsp=300, bram18=300)
    large = dataclasses.replace(small, **{more: 2 * getattr(small, more)})
    plans = [speedups_without_limits(arch, d, lut_lanes=lut_lanes) for d in (small, large)]
    cycles = [estimate.cycles for _, estimate, _ in plans]
    fit = all(getattr(plans[0][1].resources, r) <= n for r, n in small.limits().items())
    assert bool(plans[0][2]) == fit
    if fit:
        assert cycles[1] <= cycles[0]
        unlimited = dataclasses.replace(small, **{more: MOST_OF[more]})
        speedup = cycles[0] / best_plan(arch, unlimited, lut_lanes=lut_lanes)[1].cycles
        assert plans[0][2][more] == pytest.approx(speedup)  # type: ignore[index]


def _without_margins(device: Device) -> Device:
    return dataclasses.replace(device, margins=Margins(**dict.fromkeys(RESOURCES, 1.0)))


def _some_plan_fits(arch: Architecture, device: Device) -> bool:
    resources = best_plan(arch, device)[1].resources
    return all(getattr(resources, r) <= limit for r, limit in device.limits().items())


def test_a_share_of_less_than_one_dsp_gives_the_tightest_plan() -> None:
    plan, found = best_plan(tiny(), zcu102(), 1e-4)
    assert found.resources.dsp == best_plan(tiny(), zcu102(), 1e-3)[1].resources.dsp
    check_plan(plan, zcu102())
