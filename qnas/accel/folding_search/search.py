"""The folding that suits one architecture on one device, from one sweep over all candidates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.units import ceil_div
from qnas.accel.cost.analytic import Prices, price
from qnas.accel.cost.design import memories_of_foldings
from qnas.accel.cost.estimate import Estimate, Resources
from qnas.accel.cost.prediction import UNCALIBRATED, Predictor
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
from qnas.errors import ConfigError, problem

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


@dataclass(frozen=True, slots=True)
class KernelPlan:
    """A kernel of one network, or of several under one folding: `plans`, each made with room for
    the others (`emit_project` prints them together), and `estimates` of each network in that
    kernel: cycles of its own, resources of the kernel."""

    plans: tuple[HardwarePlan, ...]
    estimates: tuple[Estimate, ...]

    @property
    def resources(self) -> Resources:
        return self.estimates[0].resources


def best_kernel(
    archs: Sequence[Architecture],
    device: Device,
    dsp_share: float = 1.0,
    *,
    weights: Sequence[float] | None = None,
    lut_lanes: bool = False,
    predictor: Predictor = UNCALIBRATED,
) -> KernelPlan:
    """The kernel of `archs` in which the slowest of them is fastest, and which fits the device with
    at most `dsp_share` of its DSP limit.

    With `weights`, one an architecture, the weighted sum of their cycles is minimised instead. Ties
    go to fewer weight ports, then fewer DSPs, then fewer LUTs, then the smallest folding (as a
    tuple). Large buffers leave the memories that their depth suggests only where that makes a
    faster folding fit. If nothing fits, the kernel whose worst resource is over its limit by the
    smallest factor: the estimate then tells by how much. `lut_lanes` lets up to half of the
    products be built from LUTs; never more, or small networks would need hardly any DSP and there
    would be nothing to trade latency for. What must keep the device's limits is
    what `predictor` makes of the estimate.

    Raises:
        ConfigError: A share outside 0..1, or networks that cannot share a kernel.
        CapacityError: As `lower`.
    """
    table = _candidates(archs, device, weights=weights, lut_lanes=lut_lanes)
    bounds = _limits(device, dsp_share, predictor)
    best = fastest_feasible(table.all, bounds) or least_violating(table.all, bounds)
    return table.kernel(device, best)


def best_plan(
    arch: Architecture,
    device: Device,
    dsp_share: float = 1.0,
    *,
    lut_lanes: bool = False,
    predictor: Predictor = UNCALIBRATED,
) -> tuple[HardwarePlan, Estimate]:
    """Plan and estimate of `best_kernel` of one network."""
    kernel = best_kernel([arch], device, dsp_share, lut_lanes=lut_lanes, predictor=predictor)
    return kernel.plans[0], kernel.estimates[0]


def speedups_without_limits(
    arch: Architecture,
    device: Device,
    dsp_share: float = 1.0,
    *,
    lut_lanes: bool = False,
    predictor: Predictor = UNCALIBRATED,
) -> tuple[HardwarePlan, Estimate, dict[Resource, float]]:
    """`best_plan`, and of every resource how many times as fast the fastest plan were without its
    limit: 1.0 where it does not bind, or where the device has none of it. Empty if nothing fits."""
    table = _candidates([arch], device, weights=None, lut_lanes=lut_lanes)
    bounds = _limits(device, dsp_share, predictor)
    best = fastest_feasible(table.all, bounds)
    speedups: dict[Resource, float] = dict.fromkeys(RESOURCES, 1.0) if best else {}
    for resource in RESOURCES:
        if best and getattr(device, resource):
            without = fastest_feasible(table.all, {**bounds, resource: UNLIMITED}) or best
            speedups[resource] = best.estimate.cycles / without.estimate.cycles
    kernel = table.kernel(device, best or least_violating(table.all, bounds))
    return kernel.plans[0], kernel.estimates[0], speedups


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Every candidate folding of a kernel of `archs`: of `all` networks, and of `each` alone."""

    archs: tuple[Architecture, ...]
    all: CandidateTable
    each: tuple[Prices, ...]

    def kernel(self, device: Device, chosen: SelectedFolding) -> KernelPlan:
        folding, placement = self.all.folding_at(chosen.index), chosen.placement
        plans = tuple(
            lower(
                arch,
                device,
                folding,
                placement=placement,
                share_with=[other for other in self.archs if other is not arch],
            )
            for arch in self.archs
        )
        resources = chosen.estimate.resources
        return KernelPlan(
            plans, tuple(replace(p.at(chosen.index), resources=resources) for p in self.each)
        )


def _candidates(
    archs: Sequence[Architecture],
    device: Device,
    *,
    weights: Sequence[float] | None,
    lut_lanes: bool,
) -> _Candidates:
    check_alike(archs)
    if weights is not None and len(weights) != len(archs):
        rule = f"must be one for each of {len(archs)} architectures"
        raise ConfigError(problem("weights", rule, len(weights), "Give as many, or none."))
    for arch in archs:
        check_formats(arch)
    most_heads = max(archs, key=lambda arch: max(block.num_heads for block in arch.blocks))
    folding, legal = candidate_foldings(most_heads, device, lut_lanes=lut_lanes)
    each = tuple(price([arch], device, folding) for arch in archs)
    kernel = each[0] if len(archs) == 1 else price(archs, device, folding)
    cycles: Any = each[0].cycles if len(archs) == 1 else np.max([p.cycles for p in each], axis=0)
    if weights is not None:
        cycles = sum(w * p.cycles for w, p in zip(weights, each, strict=True))
    memories = memories_of_foldings(archs, device, folding)
    table = CandidateTable(folding, legal, prices=kernel, memories=memories, cycles=cycles)
    return _Candidates(tuple(archs), table, each)


def _limits(device: Device, dsp_share: float, predictor: Predictor) -> Mapping[str, int]:
    """The most that estimates may be."""
    if not 0 < dsp_share <= 1:
        rule = "must be above 0, at most 1"
        raise ConfigError(problem("dsp_share", rule, dsp_share, "Choose, say, 0.5."))
    limits = {str(resource): limit for resource, limit in device.limits().items()}
    return predictor.estimate_limits({**limits, "dsp": math.floor(dsp_share * limits["dsp"])})


def _token_lanes(arch: Architecture) -> list[int]:
    """Values of TT worth trying: no smaller one makes as few tiles of any token count."""
    counts = (arch.num_tokens, arch.num_patches, arch.head_dim)
    lanes = {ceil_div(n, tiles) for n in counts for tiles in range(1, n + 1)}
    return sorted(lane for lane in lanes if lane <= MAX_LANES)
