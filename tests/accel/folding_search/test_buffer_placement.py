"""Placement: what the search chooses is the best of every placement of every folding."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from qnas.accel.cost.analytic import estimate, parts, price
from qnas.accel.cost.design import memories_of_foldings
from qnas.accel.cost.estimate import RESOURCES
from qnas.accel.device import Device, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.folding_search.selection import (
    CandidateTable,
    SelectedFolding,
    fastest_feasible,
    least_violating,
)
from qnas.accel.hls.emit.top import top_source
from qnas.accel.plan.check import check_plan
from qnas.accel.plan.folding import FIELDS, Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.placement import MEMORIES, PLACED, Placement, placement_of
from qnas.architecture import Architecture
from qnas.errors import ConfigError
from tests.accel.designs import architectures, foldings, tiny, zcu102

ZCU104 = load_device("zcu104")
Amounts = tuple[int, ...]


def sweep_of(arch: Architecture, device: Device, chosen: list[Folding]) -> CandidateTable:
    folding = Folding(*(np.array([getattr(f, name) for f in chosen]) for name in FIELDS))
    prices = price([arch], device, folding)
    memories = memories_of_foldings((arch,), device, folding)
    legal = np.ones(len(chosen), bool)
    return CandidateTable(folding, legal, prices=prices, memories=memories, cycles=prices.cycles)


def every_placement(arch: Architecture, device: Device, folding: Folding) -> Iterator[Amounts]:
    """Resources of all placements: of each kind of memory one plan is lowered, and its parts are
    combined."""
    kinds = MEMORIES if device.uram else MEMORIES[:2]
    of: dict[str, list[Amounts]] = {name: [] for name in PLACED}
    for kind in kinds:
        plan = lower(arch, device, folding, placement=dict.fromkeys(PLACED, kind))
        found = {p.name: tuple(getattr(p, r) for r in RESOURCES) for p in parts(plan)}
        for name in PLACED:
            of[name].append(found[name])
        rest = [amounts for name, amounts in found.items() if name not in PLACED]
    fixed = tuple(map(sum, zip(*rest, strict=True)))
    for combination in itertools.product(*of.values()):
        yield tuple(map(sum, zip(fixed, *combination, strict=True)))


def worst(amounts: Amounts, limits: dict[str, int]) -> float:
    return max(n / limits[r] for n, r in zip(amounts, RESOURCES, strict=True) if limits[r])


@settings(deadline=None, max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    architectures(),
    st.lists(foldings(), min_size=2, max_size=4, unique=True),
    st.sampled_from(("zcu102", "zcu104")),
    st.tuples(*(st.sampled_from((0.5, 0.8, 0.95, 1.0, 1.3)) for _ in RESOURCES)),
)
def test_the_choice_is_the_best_of_every_placement(
    arch: Architecture, chosen: list[Folding], board: str, shares: tuple[float, ...]
) -> None:
    """Limits around what the first folding takes, so that some fit by the rule, some elsewhere
    alone, and some nowhere."""
    device, sweep = load_device(board), sweep_of(arch, load_device(board), chosen)
    first = sweep.prices.at(0).resources
    limits = {
        r: max(1, int(share * getattr(first, r)))
        for r, share in zip(RESOURCES, shares, strict=True)
    }
    limits["uram"] = 20 if device.uram else 0
    tables = [list(every_placement(arch, device, folding)) for folding in chosen]

    def fits(amounts: Amounts) -> bool:
        return all(n <= limits[r] for n, r in zip(amounts, RESOURCES, strict=True))

    fitting = [i for i, table in enumerate(tables) if any(map(fits, table))]
    found = fastest_feasible(sweep, limits)
    assert (found is None) == (not fitting)
    if found is not None:
        assert found.estimate.cycles == min(int(sweep.cycles[i]) for i in fitting)
        assert fits(dataclasses.astuple(found.estimate.resources))
        assert_is_what_is_lowered(sweep, found, arch, device)
    least = least_violating(sweep, limits)
    reached = worst(dataclasses.astuple(least.estimate.resources), limits)
    assert reached == pytest.approx(min(worst(x, limits) for t in tables for x in t))
    assert_is_what_is_lowered(sweep, least, arch, device)


def assert_is_what_is_lowered(
    sweep: CandidateTable, choice: SelectedFolding, arch: Architecture, device: Device
) -> None:
    plan = lower(arch, device, sweep.folding_at(choice.index), placement=choice.placement)
    check_plan(plan, device)
    assert estimate(plan) == choice.estimate


def test_ultra_ram_makes_a_faster_folding_fit() -> None:
    """A board that is short of block RAM alone, with and without UltraRAM."""
    arch = dataclasses.replace(tiny(), image_size=40)
    poor = dataclasses.replace(ZCU104, lut=25_000, bram18=24, uram=0)
    rich = dataclasses.replace(poor, uram=ZCU104.uram)
    without, with_it = best_plan(arch, poor), best_plan(arch, rich)
    assert with_it[1].cycles < without[1].cycles
    assert 0 < with_it[1].resources.uram <= rich.limit("uram")
    assert with_it[1] == estimate(with_it[0])
    check_plan(with_it[0], rich)
    assert "uram" in placement_of(with_it[0]).values()


def test_the_rule_of_depth_stands_where_the_fastest_fits_by_it() -> None:
    plan, _ = best_plan(tiny(), zcu102())
    assert plan == lower(tiny(), zcu102(), plan.folding)


def _limits(device: Device) -> dict[str, int]:
    return {str(r): n for r, n in device.limits().items()}


@pytest.mark.parametrize("kind", MEMORIES)
def test_the_kernel_says_where_a_buffer_lies(kind: str) -> None:
    placement: Placement = dict.fromkeys(PLACED, kind)  # type: ignore[arg-type]
    plan = lower(tiny(), ZCU104, Folding(tm=4, tt=2, tk=4, vl=2), placement=placement)
    source = top_source([plan])
    for name in PLACED:
        assert f"#pragma HLS BIND_STORAGE variable={name} type=ram_s2p impl={kind}" in source
    used = {part.name: part for part in parts(plan)}
    resource = {"lutram": "lut", "bram": "bram18", "uram": "uram"}[kind]
    assert all(getattr(used[name], resource) > 0 for name in PLACED)


@pytest.mark.parametrize(
    ("placement", "named"),
    [
        ({"act": "uram"}, "storage of act"),
        ({"act": "registers"}, "storage of act"),
        ({"act": "disk"}, "storage of act"),
        ({"rsqrt": "bram"}, "placement"),
        ({"acts": "bram"}, "Did you mean 'act'"),
    ],
)
def test_impossible_placements_are_refused(placement: Placement, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        lower(tiny(), zcu102(), Folding(tm=4, tt=2, tk=4, vl=2), placement=placement)
