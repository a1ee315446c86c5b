"""The folding that suits one architecture on one device, from one sweep over all candidates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas.accel.device import Device
from qnas.accel.folding import Folding
from qnas.accel.lower import check_formats, lower
from qnas.accel.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import ConfigError, problem
from qnas.objectives.cost.analytic import Prices, price
from qnas.objectives.cost.estimate import RESOURCES, Estimate
from qnas.units import ceil_div

MAX_LANES = 64  # of TM, TT and TK
FIELDS = ("tm", "tt", "tk", "vl", "lut_slots", "drain_pairs")
MAX_DRAIN_PAIRS = 8


def candidate_foldings(
    arch: Architecture, device: Device, *, lut_lanes: bool = False
) -> tuple[Folding, NDArray[np.bool_]]:
    """Foldings as arrays that broadcast over (tm, lut share, tt, tk, vl, drain pairs), and which
    are legal.

    TM: even, to 64. TT: the smallest value for each number of tiles of the network's token counts.
    TK, VL, drain pairs: powers of two. LUT share: none; half and all of the row slots too with
    `lut_lanes`.
    """
    axes: tuple[Any, ...] = np.ix_(
        np.arange(2, MAX_LANES + 1, 2),
        np.arange(3 if lut_lanes else 1),
        np.array(_token_lanes(arch)),
        2 ** np.arange(MAX_LANES.bit_length()),
        2 ** np.arange(MAX_LANES.bit_length()),
        2 ** np.arange(MAX_DRAIN_PAIRS.bit_length()),
    )
    tm, share, tt, tk, vl, pairs = axes
    lut_slots = 2 * (tm * share // 4)
    folding = Folding(tm=tm, tt=tt, tk=tk, vl=vl, lut_slots=lut_slots, drain_pairs=pairs)
    # With two row slots, half of them is none.
    drains = (pairs <= vl) & (pairs <= tt) & (tm % (2 * pairs) == 0)
    legal = drains & (tt <= tk) & (vl <= tk)
    return folding, legal & ((share != 1) | (tm > 2))


def best_plan(
    arch: Architecture, device: Device, dsp_share: float = 1.0, *, lut_lanes: bool = False
) -> tuple[HardwarePlan, Estimate]:
    """The fastest plan of `arch` that fits the device with at most `dsp_share` of its DSP limit.

    Ties go to fewer DSPs, then fewer LUTs, then the smallest folding (as a tuple). If nothing
    fits, the plan whose worst resource is over its limit by the smallest factor: the estimate then
    tells by how much. `lut_lanes` lets half or all of the products be built from LUTs. Then small
    networks need hardly any DSP, so that trading latency for DSPs needs it off.
    ConfigError for a share outside 0..1, CapacityError as `lower`.
    """
    check_formats(arch)
    if not 0 < dsp_share <= 1:
        rule = "must be above 0, at most 1"
        raise ConfigError(problem("dsp_share", rule, dsp_share, "Choose, say, 0.5."))
    folding, legal = candidate_foldings(arch, device, lut_lanes=lut_lanes)
    prices = price(arch, device, folding)
    limits = {**device.limits(), "dsp": math.floor(dsp_share * device.limit("dsp"))}
    index = _fastest(folding, prices, legal=legal, limits={str(r): n for r, n in limits.items()})
    return lower(arch, device, _folding_at(folding, index)), prices.at(index)


def _token_lanes(arch: Architecture) -> list[int]:
    """Values of TT worth trying: no smaller one makes as few tiles of any token count."""
    counts = (arch.num_tokens, arch.num_patches, arch.head_dim)
    lanes = {ceil_div(n, tiles) for n in counts for tiles in range(1, n + 1)}
    return sorted(lane for lane in lanes if lane <= MAX_LANES)


def _fastest(
    folding: Folding, prices: Prices, *, legal: NDArray[np.bool_], limits: dict[str, int]
) -> int:
    """Flat index of the best folding."""
    used = prices.resources
    fits = legal.copy()
    for resource in RESOURCES:
        fits = fits & (used[resource] <= limits[resource])
    if not fits.any():
        worst = np.max([used[r] / max(limits[r], 1) for r in RESOURCES], axis=0)
        fits = legal & (worst == worst[np.broadcast_to(legal, worst.shape)].min())
    cycles = np.where(fits, prices.cycles, np.iinfo(np.int64).max)
    tied = np.flatnonzero(cycles == cycles.min())
    ranks = [used[r].ravel()[tied] for r in ("dsp", "lut")]
    ranks += [np.broadcast_to(getattr(folding, f), cycles.shape).ravel()[tied] for f in FIELDS]
    return int(tied[np.lexsort(ranks[::-1])[0]])


def _folding_at(folding: Folding, index: int) -> Folding:
    fields = np.broadcast_arrays(*(getattr(folding, name) for name in FIELDS))
    return Folding(*(int(field.flat[index]) for field in fields))
