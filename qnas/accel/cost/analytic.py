"""The analytic cost model: the cycles and resources of a hardware plan.

Cycles are the iterations of every pipelined loop (exact: the C++ counts them) plus the depths of
the pipelines (assumed). Steps run one after the other; a softmax beside products of the array adds
only the iterations that exceed theirs. The weight stream is read ahead at a word a cycle, which
the device's memory sustains (`Device` checks it), so reading it adds no cycles to the loops that
consume it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.cost.coefficients import (
    DEFAULT,
    STAGE_CYCLES,
    START_CYCLES,
    Coefficients,
)
from qnas.accel.cost.design import DesignFacts, Memory, design_of_foldings, design_of_plan, union
from qnas.accel.cost.estimate import RESOURCES, Estimate, Resources
from qnas.accel.cost.logic import logic
from qnas.accel.cost.memories import (
    bram18_blocks,
    dsp_blocks,
    lutram_luts,
    uram_blocks,
)
from qnas.accel.cost.units import Amount
from qnas.accel.device import Device
from qnas.accel.plan.folding import FIELDS, Folding
from qnas.accel.plan.plan import HardwarePlan, Multiplier
from qnas.architecture import Architecture
from qnas.errors import CapacityError, problem
from qnas.numerics import Ints

Count = Any


@dataclass(frozen=True, slots=True)
class Part:
    """Resources of one unit, buffer, group of multipliers or port."""

    name: str
    lut: Count = 0
    ff: Count = 0
    dsp: Count = 0
    bram18: Count = 0
    uram: Count = 0


@dataclass(frozen=True, slots=True)
class Prices:
    """Estimates of many foldings: arrays of one shape, one element a folding."""

    loop_cycles: Ints
    fill_cycles: Ints
    dram_bits: Ints
    resources: dict[str, Ints]
    clock_mhz: float
    start_cycles: int
    batch: Ints

    @property
    def cycles(self) -> Ints:
        """Cycles of one pass of each folding."""
        return self.loop_cycles + self.fill_cycles

    def at(self, index: int) -> Estimate:
        """Return the estimate of the folding at a flat index."""
        return Estimate(
            loop_cycles=int(self.loop_cycles.flat[index]),
            fill_cycles=int(self.fill_cycles.flat[index]),
            clock_mhz=self.clock_mhz,
            resources=Resources(*(int(self.resources[r].flat[index]) for r in RESOURCES)),
            dram_bits=int(self.dram_bits.flat[index]),
            start_cycles=self.start_cycles,
            batch=int(self.batch.flat[index]),
        )


def estimate(*plans: HardwarePlan, coefficients: Coefficients = DEFAULT) -> Estimate:
    """Estimate the kernel of one or several plans.

    Args:
        plans: Plans of one kernel (`check_together`).
        coefficients: Numbers of the model.

    Returns: The resources of the kernel, and the cycles of one pass through each of its networks
        in turn.
    """
    return _priced(union([design_of_plan(plan) for plan in plans]), coefficients).at(0)


def price(
    archs: Sequence[Architecture],
    device: Device,
    foldings: Folding,
    *,
    coefficients: Coefficients = DEFAULT,
) -> Prices:
    """Estimate one kernel of all `archs` under many foldings at once.

    The result equals `estimate` of the plans.

    Args:
        archs: The networks of the kernel.
        device: The target device.
        foldings: Fields are integers or integer arrays that broadcast against each other. Each
            folding must satisfy `Folding.check`.
        coefficients: Numbers of the model.
    """
    designs = [
        design_of_foldings(arch, device, foldings, share_with=[a for a in archs if a is not arch])
        for arch in archs
    ]
    return _priced(union(designs), coefficients)


def parts(plan: HardwarePlan, *, coefficients: Coefficients = DEFAULT) -> tuple[Part, ...]:
    """Break the resources of a plan down into parts; the parts add up to the estimate."""
    return tuple(
        Part(part.name, *(int(getattr(part, r)) for r in RESOURCES))
        for part in _parts(design_of_plan(plan), coefficients)
    )


def _priced(design: DesignFacts, c: Coefficients) -> Prices:
    every_part = list(_parts(design, c))
    fixed = design.stages * STAGE_CYCLES
    fills = (x.times * x.entries * x.depth for x in design.loops)
    counts = [
        _add_up(x.times * x.cycles for x in design.loops),
        _add_up((fixed, *fills)),
        _add_up(port.count * port.bits * port.words for port in design.ports),
        design.folding.batch,
        *(_add_up(getattr(part, r) for part in every_part) for r in RESOURCES),
    ]
    shape = np.broadcast_shapes(*(np.shape(getattr(design.folding, name)) for name in FIELDS))
    columns = (np.broadcast_to(np.asarray(x, np.int64), shape) for x in counts)
    loops, fill, dram, batch, *used = columns
    start = design.networks * START_CYCLES
    resources = dict(zip(RESOURCES, used, strict=True))
    return Prices(loops, fill, dram, resources, design.clock_mhz, start, batch)


def _add_up(terms: Iterable[Count]) -> Count:
    """Sum terms that broadcast.

    Terms of equal shape are added first, then those with the first axis (TM) and those without it,
    so that only the last sum makes a large array.
    """
    by_shape: dict[tuple[int, ...], Count] = {}
    for term in terms:
        shape = np.shape(term)
        by_shape[shape] = by_shape[shape] + term if shape in by_shape else term
    sums: dict[bool, Count] = {}
    for shape in sorted(by_shape, key=lambda s: (np.prod(s), s)):
        first = shape[:1] > (1,)
        sums[first] = sums[first] + by_shape[shape] if first in sums else by_shape[shape]
    return sum(sums.values())


def _parts(design: DesignFacts, c: Coefficients) -> Iterator[Part]:
    for name, amount in logic(design, c):
        yield Part(name, lut=amount.lut, ff=amount.ff)
    stage_table = c.stage_bits * ceil_div(design.stages, 64)  # a LUT6 is a ROM of 64 bits
    yield Part("control", lut=c.control_lut + stage_table, ff=c.control_ff)
    for port in design.ports:
        # The adapter buffers the bursts in flight; the interconnect is counted beside it.
        blocks = bram18_blocks(port.bits, port.buffer_words)
        one = Amount(c.axi_port_lut, c.axi_port_ff) + Amount(
            c.axi_interconnect_lut, c.axi_interconnect_ff
        )
        one = one * port.count
        yield Part(f"port {port.name}", lut=one.lut, ff=one.ff, bram18=blocks * port.count)
    for memory in design.memories:
        yield memory_part(memory)
    for multiplier in design.multipliers:
        yield _multiplier(multiplier, design.dsp_ports, c)


def memory_part(m: Memory) -> Part:
    """Resources of a memory in its kind of memory."""
    if m.storage == "registers":
        return Part(m.name, ff=m.banks * m.bits * m.depth)
    in_luts = m.lies_in("lutram")
    wide_bits = m.bits if m.wide_bits is None else m.wide_bits
    wide_banks = m.banks if m.wide_banks is None else m.wide_banks
    return Part(
        m.name,
        lut=in_luts * m.banks * lutram_luts(m.bits, m.depth),
        ff=in_luts * m.banks * m.bits,  # output register; block RAM and UltraRAM have their own
        bram18=m.lies_in("bram") * wide_banks * bram18_blocks(wide_bits, m.depth),
        uram=wide_banks * uram_blocks(wide_bits, m.depth) if m.storage == "uram" else 0,
    )


def _multiplier(m: Multiplier, ports: tuple[int, int], c: Coefficients) -> Part:
    if m.where == "dsp":
        return Part(m.name, dsp=m.count * dsp_blocks(m.a_bits, m.b_bits, ports=ports))
    lut = {(4, 6): c.fabric_product_lut, (4, 8): c.fabric_product8_lut}.get((m.a_bits, m.b_bits))
    if lut is None:
        value = f"{m.a_bits} x {m.b_bits} bits ({m.name})"
        rule = "in LUTs must be 4 x 6 or 4 x 8 bits"
        raise CapacityError(problem("multiplier", rule, value, "Build it from DSPs."))
    return Part(m.name, lut=m.count * lut, ff=m.count * (m.a_bits + m.b_bits))
