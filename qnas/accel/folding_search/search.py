"""The folding search: prices all candidate foldings of a kernel at once and selects the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
from qnas.accel.plan.folding import BATCH_RULE, Folding, is_batch
from qnas.accel.plan.loops import HANDOVER_STEPS
from qnas.accel.plan.lower import check_formats, lower
from qnas.accel.plan.multi_network import check_alike
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import ConfigError, problem

MAX_LANES = 64  # largest TM, TT and TK
MAX_DRAIN_PAIRS = 8
MAX_PAIR_DOUBLINGS = 4
UNLIMITED = 1 << 60
SELECTIONS = 4  # most selections until estimates and predictions agree on what fits
# Shares of LUT-built row slots, in eighths; at most a half, so that DSPs still limit a design.
LUT_EIGHTHS = (0, 2, 4)
# Or LUT-built tokens: of an odd TT the last one, of which a DSP would make one product in two, and
# pairs of others, at most a half.
LUT_TOKEN_PAIRS = (0, 1, 2, 3)


def candidate_foldings(
    arch: Architecture, device: Device, *, lut_lanes: bool = False, batch: int = 1
) -> tuple[Folding, NDArray[np.bool_]]:
    """List the candidate foldings of a network.

    TM: even, to 64. TT: the smallest value for each number of tiles of the network's token counts.
    TK, VL, drain pairs: powers of two. LUTs: none, or the last token of an odd TT; with `lut_lanes`
    also a quarter and a half of the row slots, or up to six further tokens. Head buffers: 1, and
    also 2 if a block has several heads. Weight ports: up to the number that the device sustains.
    Pairs that scores drain, and that `attend` loads: the fewest that keep the array at work. The
    batch is the one given.

    Returns:
        A folding whose fields are arrays that broadcast over (tm, lut lanes, tt, tk, vl, drain
        pairs, head buffers, weight ports), and a mask of that shape of the legal ones.
    """
    axes: tuple[Any, ...] = np.ix_(
        np.arange(2, MAX_LANES + 1, 2),
        np.arange(len(LUT_EIGHTHS) + len(LUT_TOKEN_PAIRS))[: None if lut_lanes else 2],
        np.array(_token_lanes(arch)),
        2 ** np.arange(MAX_LANES.bit_length()),
        2 ** np.arange(MAX_LANES.bit_length()),
        2 ** np.arange(MAX_DRAIN_PAIRS.bit_length()),
        np.array((1, 2)),
        2 ** np.arange(device.most_weight_ports.bit_length()),
    )
    tm, kind, tt, tk, vl, pairs, heads, ports = axes
    lut_slots, lut_tokens, different = _lut_lanes(kind, tm, tt)
    folding = Folding(
        *(tm, tt, tk, vl, lut_slots),
        drain_pairs=pairs,
        head_buffers=heads,
        weight_ports=ports,
        lut_tokens=lut_tokens,
        score_pairs=_score_pairs(arch, tm, tk, vl, pairs),
        load_pairs=_load_pairs(arch, tm, tt, tk, pairs),
        batch=batch,
    )
    drains = (folding.score_pairs <= vl) & (pairs <= tt) & (tm % (2 * pairs) == 0)
    several = max(block.num_heads for block in arch.blocks) > 1
    legal = drains & (tt <= tk) & (vl <= tk) & different & ((heads == 1) | several)
    return folding, np.broadcast_to(legal, np.broadcast_shapes(*(axis.shape for axis in axes)))


def _lut_lanes(kind: Any, tm: Any, tt: Any) -> tuple[Any, Any, Any]:
    """(row slots in LUTs, tokens in LUTs, whether no smaller kind gives the same) of every kind."""
    of_slots = np.array([*LUT_EIGHTHS[:1], *(0 for _ in LUT_TOKEN_PAIRS), *LUT_EIGHTHS[1:]])
    pairs = np.array([-1, *LUT_TOKEN_PAIRS, *(-1 for _ in LUT_EIGHTHS[1:])])
    share = of_slots[kind]
    lut_slots = 2 * (tm * share // 16)
    lut_tokens = np.where(pairs[kind] >= 0, 2 * pairs[kind] + tt % 2, 0)
    # With few row slots, a share may round to zero or to the same number as a smaller share.
    smaller = 2 * (tm * np.maximum(share - 2, 0) // 16)
    different = np.where(share > 0, lut_slots > smaller, (pairs[kind] < 0) | (lut_tokens > 0))
    return lut_slots, lut_tokens, different & (2 * lut_tokens <= tt)


def _score_pairs(arch: Architecture, tm: Any, tk: Any, vl: Any, drain_pairs: Any) -> Any:
    """The fewest pairs a cycle, from `drain_pairs` on, with which scores leave as fast as they are
    made; fewer where `tm` has no such divisor or `vl` no such lanes."""
    beats = ceil_div(arch.head_dim, tk)
    return _doubled(drain_pairs, tm, lambda n: (tm // 2 > n * beats) & (2 * n <= vl))


def _load_pairs(arch: Architecture, tm: Any, tt: Any, tk: Any, drain_pairs: Any) -> Any:
    """The fewest pairs a cycle with which `attend` loads a row tile while one is multiplied."""
    beats = ceil_div(arch.num_tokens, tk)
    steps = ceil_div(arch.head_dim, tt) * np.maximum(beats, tm // (2 * drain_pairs))
    return _doubled(1, tm, lambda n: tm // (2 * n) * beats + HANDOVER_STEPS > steps)


def _doubled(pairs: Any, tm: Any, too_few: Callable[[Any], Any]) -> Any:
    """`pairs`, doubled while they are too few and the double divides the pairs of row slots."""
    for _ in range(MAX_PAIR_DOUBLINGS):
        pairs = np.where(too_few(pairs) & (tm % (4 * pairs) == 0), 2 * pairs, pairs)
    return pairs


@dataclass(frozen=True, slots=True)
class KernelPlan:
    """A kernel of one or several networks under one folding.

    Attributes:
        plans: One plan for each network; `emit_project` prints them into one kernel.
        estimates: One estimate for each network: its own cycles, the resources of the kernel.
    """

    plans: tuple[HardwarePlan, ...]
    estimates: tuple[Estimate, ...]

    @property
    def resources(self) -> Resources:
        """Resources of the kernel."""
        return self.estimates[0].resources


def best_kernel(
    archs: Sequence[Architecture],
    device: Device,
    dsp_share: float = 1.0,
    *,
    weights: Sequence[float] | None = None,
    lut_lanes: bool = False,
    batch: int = 1,
    predictor: Predictor = UNCALIBRATED,
) -> KernelPlan:
    """Find the fastest kernel for `archs` that fits the device.

    The quantity to minimise is the cycles of the slowest network. Ties go to fewer weight ports,
    then fewer DSPs, then fewer LUTs, then the smallest folding (as a tuple). Large buffers leave
    the kind of memory that the rule of depth gives them only if that makes a faster folding fit.

    Args:
        archs: The networks of the kernel.
        device: The target device.
        dsp_share: Share (0..1] of the device's DSP limit that the kernel may use.
        weights: One weight for each network: minimise the weighted sum of cycles instead.
        lut_lanes: Allow up to half of the row slots to be built from LUTs. A larger share would
            let small networks use hardly any DSPs, and latency could not be traded for DSPs.
        batch: Images that pass through the kernel together.
        predictor: Turns estimates into the predictions that must keep the device's limits.

    Returns:
        The kernel. If nothing fits, the kernel whose largest ratio of use to limit is smallest; its
        estimate then shows by how much it exceeds the limits.

    Raises:
        ConfigError: A share is outside 0..1, the batch is outside 1..64, or the networks cannot
            share a kernel.
        CapacityError: The number formats cannot hold a network.
    """
    table = _candidates(archs, device, weights=weights, lut_lanes=lut_lanes, batch=batch)
    return _select(table, device, limits_of(device, dsp_share), predictor)[0]


def best_plan(
    arch: Architecture,
    device: Device,
    dsp_share: float = 1.0,
    *,
    lut_lanes: bool = False,
    batch: int = 1,
    predictor: Predictor = UNCALIBRATED,
) -> tuple[HardwarePlan, Estimate]:
    """Find the fastest plan for one network: `best_kernel` of that network alone.

    Returns:
        (plan, its estimate).
    """
    kernel = best_kernel(
        [arch], device, dsp_share, lut_lanes=lut_lanes, batch=batch, predictor=predictor
    )
    return kernel.plans[0], kernel.estimates[0]


def speedups_without_limits(
    arch: Architecture,
    device: Device,
    dsp_share: float = 1.0,
    *,
    lut_lanes: bool = False,
    batch: int = 1,
    predictor: Predictor = UNCALIBRATED,
) -> tuple[HardwarePlan, Estimate, dict[Resource, float]]:
    """Find the best plan, and how much each resource limit slows it down.

    Returns:
        (plan, its estimate, speedups). A speedup is the ratio of cycles with and without the limit
        of one resource: 1.0 if the limit does not bind or if the device has none of the resource.
        The speedups are empty if nothing fits.
    """
    table = _candidates([arch], device, weights=None, lut_lanes=lut_lanes, batch=batch)
    kernel, bounds = _select(table, device, limits_of(device, dsp_share), predictor)
    best = fastest_feasible(table.all, bounds)
    speedups: dict[Resource, float] = dict.fromkeys(RESOURCES, 1.0) if best else {}
    for resource in RESOURCES:
        if best and getattr(device, resource):
            without = fastest_feasible(table.all, {**bounds, resource: UNLIMITED}) or best
            speedups[resource] = best.estimate.cycles / without.estimate.cycles
    return kernel.plans[0], kernel.estimates[0], speedups


def candidate_table(arch: Architecture, device: Device, *, batch: int = 1) -> CandidateTable:
    """Price every candidate folding of one network."""
    return _candidates([arch], device, weights=None, lut_lanes=False, batch=batch).all


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Every candidate folding of a kernel of `archs`.

    `all` prices the whole kernel, `each` prices every network alone.
    """

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
    batch: int,
) -> _Candidates:
    check_alike(archs)
    if not is_batch(batch):
        raise ConfigError(problem("batch", BATCH_RULE, repr(batch), "Choose, say, 8."))
    if weights is not None and len(weights) != len(archs):
        rule = f"must be one for each of {len(archs)} architectures"
        raise ConfigError(problem("weights", rule, len(weights), "Give as many, or none."))
    for arch in archs:
        check_formats(arch)
    most_heads = max(archs, key=lambda arch: max(block.num_heads for block in arch.blocks))
    folding, legal = candidate_foldings(most_heads, device, lut_lanes=lut_lanes, batch=batch)
    each = tuple(price([arch], device, folding) for arch in archs)
    kernel = each[0] if len(archs) == 1 else price(archs, device, folding)
    cycles: Any = each[0].cycles if len(archs) == 1 else np.max([p.cycles for p in each], axis=0)
    if weights is not None:
        cycles = sum(w * p.cycles for w, p in zip(weights, each, strict=True))
    memories = memories_of_foldings(archs, device, folding)
    table = CandidateTable(folding, legal, prices=kernel, memories=memories, cycles=cycles)
    return _Candidates(tuple(archs), table, each)


def limits_of(device: Device, dsp_share: float) -> Mapping[str, int]:
    """Largest amounts of resources that a kernel may use."""
    if not 0 < dsp_share <= 1:
        rule = "must be above 0, at most 1"
        raise ConfigError(problem("dsp_share", rule, dsp_share, "Choose, say, 0.5."))
    limits = {str(resource): limit for resource, limit in device.limits().items()}
    return {**limits, "dsp": math.floor(dsp_share * limits["dsp"])}


def _select(
    table: _Candidates, device: Device, limits: Mapping[str, int], predictor: Predictor
) -> tuple[KernelPlan, Mapping[str, int]]:
    """Select the fastest kernel whose prediction keeps the limits, and the bounds on its estimate.

    Estimates alone are known of every candidate. Bounds on them follow from the limits by the ratio
    of prediction and estimate of the kernel that was selected last, until they stay.
    """
    bounds, known, found = limits, -1, list[tuple[bool, float, int, KernelPlan, _Bounds]]()
    while len(found) < SELECTIONS:
        chosen = fastest_feasible(table.all, bounds) or least_violating(table.all, bounds)
        if chosen.index == known and found[-1][0]:
            break
        kernel, known = table.kernel(device, chosen), chosen.index
        predicted = predictor.predict(kernel.estimates[0], kernel.plans)
        used = {r: predicted[r].most(predictor.confidence) for r in RESOURCES}
        worst = max(used[r] / (limits[r] or 0.5) for r in RESOURCES)
        fits = all(used[r] <= limits[r] for r in RESOURCES)
        merit = -float(table.all.cycles.flat[known]) if fits else -worst
        found.append((fits, merit, -len(found), kernel, bounds))
        following = {
            str(r): _bound(limits[r], getattr(kernel.resources, r), used[r]) for r in RESOURCES
        }
        if following == bounds:
            break
        bounds = following
    *_, kernel, bounds = max(found, key=lambda one: one[:3])
    return kernel, bounds


_Bounds = Mapping[str, int]


def _bound(limit: int, estimated: int, used: float) -> int:
    """The largest estimate that keeps a limit, where `estimated` stands for `used`. The small term
    leaves a limit unchanged that an estimate equals."""
    return math.floor(limit * estimated / used + 1e-6) if used and estimated else limit


def _token_lanes(arch: Architecture) -> list[int]:
    """Candidate values of TT: the smallest for each number of tiles of each token count."""
    counts = (arch.num_tokens, arch.num_patches, arch.head_dim)
    lanes = {ceil_div(n, tiles) for n in counts for tiles in range(1, n + 1)}
    return sorted(lane for lane in lanes if lane <= MAX_LANES)
