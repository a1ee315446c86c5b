"""The folding that suits one architecture on one device, from one sweep over all candidates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.units import ceil_div
from qnas.accel.cost.analytic import estimate, price, price_together
from qnas.accel.cost.design import memories_of_foldings
from qnas.accel.cost.estimate import Estimate, Resources
from qnas.accel.device import RESOURCES, Device, Resource
from qnas.accel.folding_search.selection import (
    CandidateTable,
    SelectedFolding,
    fastest_feasible,
    least_violating,
)
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import check_formats, lower
from qnas.accel.plan.multi_network import check_alike
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import CapacityError, ConfigError, problem

MAX_LANES = 64  # of TM, TT and TK
MAX_DRAIN_PAIRS = 8
UNLIMITED = 1 << 60
LUT_EIGHTHS = (0, 2, 4)  # of the row slots; half at most, so that DSPs remain what is traded


def candidate_foldings(
    arch: Architecture, device: Device, *, lut_lanes: bool = False
) -> tuple[Folding, NDArray[np.bool_]]:
    """Foldings as arrays that broadcast over (tm, lut share, tt, tk, vl, drain pairs, head
    buffers, weight ports), and which are legal.

    TM: even, to 64. TT: the smallest value for each number of tiles of the network's token counts.
    TK, VL, drain pairs: powers of two. LUT share: none; a quarter and half of the row slots too
    with `lut_lanes`. Head buffers: 1, and 2 where a block has several heads. Weight ports: as many
    as the device feeds.
    """
    axes: tuple[Any, ...] = np.ix_(
        np.arange(2, MAX_LANES + 1, 2),
        np.array(LUT_EIGHTHS if lut_lanes else LUT_EIGHTHS[:1]),
        np.array(_token_lanes(arch)),
        2 ** np.arange(MAX_LANES.bit_length()),
        2 ** np.arange(MAX_LANES.bit_length()),
        2 ** np.arange(MAX_DRAIN_PAIRS.bit_length()),
        np.array((1, 2)),
        2 ** np.arange(device.most_weight_ports.bit_length()),
    )
    tm, share, tt, tk, vl, pairs, heads, ports = axes
    lut_slots = 2 * (tm * share // 16)
    folding = Folding(
        *(tm, tt, tk, vl, lut_slots),
        drain_pairs=pairs,
        head_buffers=heads,
        weight_ports=ports,
    )
    drains = (pairs <= vl) & (pairs <= tt) & (tm % (2 * pairs) == 0)
    legal = drains & (tt <= tk) & (vl <= tk)
    # Of few row slots a share may be none, or the same as a smaller one.
    smaller = 2 * (tm * np.maximum(share - 2, 0) // 16)
    several = max(block.num_heads for block in arch.blocks) > 1
    legal = legal & ((share == 0) | (lut_slots > smaller)) & ((heads == 1) | several)
    return folding, np.broadcast_to(legal, np.broadcast_shapes(*(axis.shape for axis in axes)))


def best_plan(
    arch: Architecture,
    device: Device,
    dsp_share: float = 1.0,
    *,
    lut_lanes: bool = False,
    limits: Mapping[str, int] | None = None,
) -> tuple[HardwarePlan, Estimate]:
    """The fastest plan of `arch` that fits the device with at most `dsp_share` of its DSP limit.

    Ties go to fewer weight ports, then fewer DSPs, then fewer LUTs, then the smallest folding (as a
    tuple). Large buffers leave the memories that their depth suggests only where that makes a
    faster folding fit. If nothing fits, the plan whose worst resource is over its limit by the
    smallest factor: the estimate then tells by how much. `lut_lanes` lets up to half of the
    products be built from LUTs; never more, or small networks would need hardly any DSP and there
    would be nothing to trade latency for. `limits` of the estimates, where they are not the
    device's own (a calibration's are not). ConfigError for a share outside 0..1, CapacityError as
    `lower`.
    """
    sweep = _sweep(arch, device, lut_lanes=lut_lanes)
    bounds = _limits(device, dsp_share, limits)
    return _lowered(
        arch, device, sweep, fastest_feasible(sweep, bounds) or least_violating(sweep, bounds)
    )


def best_plan_and_speedups(
    arch: Architecture,
    device: Device,
    dsp_share: float = 1.0,
    *,
    lut_lanes: bool = False,
    limits: Mapping[str, int] | None = None,
) -> tuple[HardwarePlan, Estimate, dict[Resource, float]]:
    """`best_plan`, and of every resource how many times as fast the fastest plan were without its
    limit: 1.0 where it does not bind, or where the device has none of it. Empty if nothing fits."""
    sweep = _sweep(arch, device, lut_lanes=lut_lanes)
    bounds = _limits(device, dsp_share, limits)
    best = fastest_feasible(sweep, bounds)
    if best is None:
        return *_lowered(arch, device, sweep, least_violating(sweep, bounds)), {}
    speedups: dict[Resource, float] = dict.fromkeys(RESOURCES, 1.0)
    for resource in RESOURCES:
        if getattr(device, resource):
            without = fastest_feasible(sweep, {**bounds, resource: UNLIMITED}) or best
            speedups[resource] = best.estimate.cycles / without.estimate.cycles
    return *_lowered(arch, device, sweep, best), speedups


def smallest_plan(
    arch: Architecture,
    device: Device,
    fps: float,
    *,
    dsp_share: float = 1.0,
    lut_lanes: bool = False,
) -> tuple[HardwarePlan, Estimate]:
    """The plan that fits, reaches `fps`, and leaves most of its scarcest resource free, wherever
    its large buffers lie for that.

    CapacityError, naming the fastest, if no plan that fits reaches it; ConfigError and
    CapacityError else as in `best_plan`.
    """
    sweep = _sweep(arch, device, lut_lanes=lut_lanes)
    limits = _limits(device, dsp_share)
    fastest = fastest_feasible(sweep, limits)
    if fastest is None or fastest.estimate.fps < fps:
        best = fastest.estimate.fps if fastest else 0
        rule = f"must be at most {math.floor(best):,} for this network on {device.name}"
        raise CapacityError(problem("fps", rule, fps, "Lower it or take a larger board."))
    reaches = sweep.prices.fps >= fps
    return _lowered(arch, device, sweep, least_violating(sweep, limits, among=reaches))


@dataclass(frozen=True, slots=True)
class SharedFolding:
    """One folding for several architectures, and the kernel that runs them all: `plans`, each made
    with room for the others (`emit_kernel` prints them together), and `estimates` of each network
    in that kernel: cycles of its own, resources of the kernel."""

    folding: Folding
    plans: tuple[HardwarePlan, ...]
    estimates: tuple[Estimate, ...]

    @property
    def resources(self) -> Resources:
        return self.estimates[0].resources


def best_plan_for_all(
    archs: Sequence[Architecture],
    device: Device,
    dsp_share: float = 1.0,
    *,
    weights: Sequence[float] | None = None,
    lut_lanes: bool = False,
    limits: Mapping[str, int] | None = None,
) -> SharedFolding:
    """The folding under which the slowest architecture is fastest, in a kernel of all of them.

    With `weights`, one an architecture, what counts is the weighted sum of their cycles. Choice
    and errors else as in `best_plan`; ConfigError too for networks that cannot share a kernel.
    """
    check_alike(archs)
    if weights is not None and len(weights) != len(archs):
        rule = f"must be one for each of {len(archs)} architectures"
        raise ConfigError(problem("weights", rule, len(weights), "Give as many, or none."))
    for arch in archs:
        check_formats(arch)
    most_heads = max(archs, key=lambda arch: max(block.num_heads for block in arch.blocks))
    folding, legal = candidate_foldings(most_heads, device, lut_lanes=lut_lanes)
    prices = [price(arch, device, folding) for arch in archs]
    cycles: Any = np.max([p.cycles for p in prices], axis=0)
    if weights is not None:
        cycles = sum(w * p.cycles for w, p in zip(weights, prices, strict=True))
    together = price_together(archs, device, folding)
    memories = memories_of_foldings(archs, device, folding)
    sweep = CandidateTable(folding, legal, prices=together, memories=memories, cycles=cycles)
    bounds = _limits(device, dsp_share, limits)
    best = fastest_feasible(sweep, bounds) or least_violating(sweep, bounds)
    chosen = sweep.folding_at(best.index)
    plans = tuple(
        lower(arch, device, chosen, placement=best.placement, share_with=archs) for arch in archs
    )
    kernel = best.estimate.resources
    return SharedFolding(
        folding=chosen,
        plans=plans,
        estimates=tuple(replace(estimate(plan), resources=kernel) for plan in plans),
    )


def _sweep(arch: Architecture, device: Device, *, lut_lanes: bool) -> CandidateTable:
    """Every candidate, priced."""
    check_formats(arch)
    folding, legal = candidate_foldings(arch, device, lut_lanes=lut_lanes)
    prices = price(arch, device, folding)
    memories = memories_of_foldings((arch,), device, folding)
    return CandidateTable(folding, legal, prices=prices, memories=memories, cycles=prices.cycles)


def _lowered(
    arch: Architecture, device: Device, sweep: CandidateTable, choice: SelectedFolding
) -> tuple[HardwarePlan, Estimate]:
    folding = sweep.folding_at(choice.index)
    return lower(arch, device, folding, placement=choice.placement), choice.estimate


def _limits(
    device: Device, dsp_share: float, given: Mapping[str, int] | None = None
) -> dict[str, int]:
    if not 0 < dsp_share <= 1:
        rule = "must be above 0, at most 1"
        raise ConfigError(problem("dsp_share", rule, dsp_share, "Choose, say, 0.5."))
    limits = {str(resource): limit for resource, limit in (given or device.limits()).items()}
    return {**limits, "dsp": math.floor(dsp_share * limits["dsp"])}


def _token_lanes(arch: Architecture) -> list[int]:
    """Values of TT worth trying: no smaller one makes as few tiles of any token count."""
    counts = (arch.num_tokens, arch.num_patches, arch.head_dim)
    lanes = {ceil_div(n, tiles) for n in counts for tiles in range(1, n + 1)}
    return sorted(lane for lane in lanes if lane <= MAX_LANES)
