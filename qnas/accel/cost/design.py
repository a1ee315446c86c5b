"""Design facts: the input of the cost formulas, read from a plan or from many foldings at once.

Both sources are priced by the same formulas, so the folding search cannot price hardware that
differs from the plan. For many foldings the numbers are arrays that broadcast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qnas.accel.device import Device
from qnas.accel.plan.depths import loop_depths
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.loops import operation_trips, step_trips, stream_words
from qnas.accel.plan.memory import LUTRAM_DEPTH, accumulator_bits, plan_arrays, score_bits
from qnas.accel.plan.multipliers import packing, plan_multipliers
from qnas.accel.plan.plan import HardwarePlan, Multiplier, Packing, Port, Storage
from qnas.accel.plan.ports import plan_ports
from qnas.accel.plan.schedule import schedule
from qnas.architecture import Architecture
from qnas.operations import Epilogue, Gemm, Operation, Softmax, Tensor, network_operations

Count = Any


@dataclass(frozen=True, slots=True)
class Memory:
    """One on-chip array. Without `storage`, the rule of depth decides the kind of memory.

    In block RAM or UltraRAM it has `wide_banks` of `wide_bits`, if they are given.
    """

    name: str
    bits: Count
    banks: Count
    depth: Count
    storage: Storage | None
    wide_bits: Count | None = None
    wide_banks: Count | None = None

    def lies_in(self, kind: Storage) -> Count:
        """1 for foldings in which the memory is of this kind, else 0."""
        if self.storage is not None:
            return int(self.storage == kind)
        shallow = np.asarray(self.depth) <= LUTRAM_DEPTH
        return {"lutram": 1 * shallow, "bram": 1 * ~shallow}.get(kind, 0)


@dataclass(frozen=True, slots=True)
class CountedLoop:
    """A pipelined loop that `times` equal stages run.

    `cycles` counts the iterations that do not run beside another loop of the stage.
    """

    name: str
    cycles: Count
    entries: Count
    depth: Count
    times: int = 1


@dataclass(frozen=True, slots=True)
class CountedPort:
    """`count` equal AXI ports; `words` of `bits` cross each in a pass."""

    name: str
    bits: int
    words: Count
    buffer_words: int
    count: Count = 1


@dataclass(frozen=True, slots=True)
class DesignFacts:
    """Facts of a kernel of one network, or of several that run one pass each (`union`)."""

    folding: Folding
    stages: int
    loops: tuple[CountedLoop, ...]
    memories: tuple[Memory, ...]
    multipliers: tuple[Multiplier, ...]
    ports: tuple[CountedPort, ...]
    dsp_ports: tuple[int, int]
    packing: Packing
    activation_bits: int
    accumulator_bits: int
    score_bits: int
    head_dim: int
    clock_mhz: float
    networks: int = 1

    def multipliers_called(self, name: str) -> Count:
        """Number of multipliers with this name; 0 if there is none."""
        return sum(m.count for m in self.multipliers if m.name == name)


def design_of_plan(plan: HardwarePlan) -> DesignFacts:
    """Read the facts from a plan. Nothing is recomputed from its architecture."""
    return DesignFacts(
        folding=plan.folding,
        stages=len(plan.stages),
        loops=tuple(
            CountedLoop(loop.name, loop.trips - loop.hidden, loop.entries, loop.depth)
            for stage in plan.stages
            for loop in stage.loops
        ),
        memories=tuple(Memory(b.name, b.bits, b.banks, b.depth, b.storage) for b in plan.buffers),
        multipliers=plan.multipliers,
        ports=tuple(map(_counted, plan.ports)),
        dsp_ports=(plan.dsp_wide_bits, plan.dsp_narrow_bits),
        packing=plan.packing,
        activation_bits=plan.activation_bits,
        accumulator_bits=plan.accumulator_bits,
        score_bits=plan.score_bits,
        head_dim=plan.architecture.head_dim,
        clock_mhz=plan.clock_mhz,
    )


def design_of_foldings(
    arch: Architecture,
    device: Device,
    foldings: Folding,
    *,
    share_with: Sequence[Architecture] = (),
) -> DesignFacts:
    """Compute the facts of every folding at once.

    Args:
        arch: The network.
        device: The target device.
        foldings: Fields are integers or arrays that broadcast.
        share_with: The other networks of the kernel, as in `lower`.
    """
    port_bits = device.port_bits
    operations = network_operations(arch)
    distinct = Counter(_shape(op) for op in operations)
    depths = loop_depths(arch, device, foldings)
    words = sum(times * stream_words(op, foldings, port_bits) for op, times in distinct.items())
    return DesignFacts(
        folding=foldings,
        stages=len(operations),
        loops=(
            *_loops(distinct, foldings, port_bits, depths),
            *_softmax_loops(arch, foldings, port_bits, depths),
        ),
        memories=memories_of_foldings((arch, *share_with), device, foldings),
        multipliers=plan_multipliers(arch, device, foldings),
        ports=_ports_of_foldings(arch, foldings, words, port_bits),
        dsp_ports=(device.dsp_wide_bits, device.dsp_narrow_bits),
        packing=packing(device, arch.activation_bits),
        activation_bits=arch.activation_bits,
        accumulator_bits=max(accumulator_bits(one) for one in (arch, *share_with)),
        score_bits=score_bits(arch),
        head_dim=arch.head_dim,
        clock_mhz=device.clock_mhz,
    )


def _loops(
    operations: Mapping[Operation, int],
    foldings: Folding,
    port_bits: int,
    depths: Mapping[str, Count],
) -> Iterator[CountedLoop]:
    """Yield all loops but those that a softmax may share with products beside it."""
    for op, times in operations.items():
        for loop in operation_trips(op, foldings, port_bits):
            if loop.name != "softmax":
                depth = depths[loop.name]
                yield CountedLoop(loop.name, loop.trips, loop.entries, depth, times)


def _softmax_loops(
    arch: Architecture, foldings: Folding, port_bits: int, depths: Mapping[str, Count]
) -> Iterator[CountedLoop]:
    """Yield the loops of every softmax.

    What runs beside a softmax depends on the head buffers. Equal steps are counted instead of
    listed.
    """
    for buffers in (1, 2):
        chosen = 1 * (np.asarray(foldings.head_buffers) == buffers)
        steps = [s for s in schedule(arch, buffers) if any(isinstance(op, Softmax) for op in s)]
        for step, times in Counter(tuple(map(_shape, step)) for step in steps).items():
            for loop in (loop for loops in step_trips(step, foldings, port_bits) for loop in loops):
                if loop.name == "softmax":
                    cycles, entries = loop.trips - loop.hidden, loop.entries
                    depth = depths[loop.name]
                    yield CountedLoop(loop.name, chosen * cycles, chosen * entries, depth, times)


def _counted(port: Port) -> CountedPort:
    return CountedPort(port.name, port.bits, port.words, port.burst * port.outstanding)


def _ports_of_foldings(
    arch: Architecture, foldings: Folding, words: Count, port_bits: int
) -> tuple[CountedPort, ...]:
    one = replace(foldings, weight_ports=1)
    weights, *others = (
        _counted(port) for port in plan_ports(arch, one, weight_words=words, port_bits=port_bits)
    )
    return (replace(weights, count=foldings.weight_ports), *others)


def memories_of_foldings(
    archs: Sequence[Architecture], device: Device, foldings: Folding
) -> tuple[Memory, ...]:
    """List every on-chip array of a kernel of `archs` under each folding and the rule of depth."""
    return tuple(
        Memory(
            *(a.name, a.bits, a.banks, a.depth, "registers" if a.registers else None),
            wide_bits=a.wide_bits,
            wide_banks=a.wide_banks,
        )
        for a in plan_arrays(archs, foldings, device.port_bits)
    )


def union(designs: Sequence[DesignFacts]) -> DesignFacts:
    """Combine the designs of several networks into one kernel that runs one pass of each.

    Each design must have been made with the others in `share_with`. Loops, stages and words add up.
    """
    return replace(
        designs[0],
        networks=len(designs),
        stages=sum(d.stages for d in designs),
        loops=tuple(loop for d in designs for loop in d.loops),
        ports=tuple(
            replace(group[0], words=sum(port.words for port in group))
            for group in zip(*(d.ports for d in designs), strict=True)
        ),
    )


def _shape(op: Operation) -> Operation:
    """`op` without fields that do not affect its loops, so that equal work is priced once."""
    if isinstance(op, Softmax):
        return replace(op, name="", head=0)
    if not isinstance(op, Gemm) or op.epilogue is Epilogue.LOGITS:
        return replace(op, name="")
    gelu = op.epilogue is Epilogue.GELU
    return Gemm(
        name="",
        left=op.left,
        right=Tensor.NORMED,
        dst=Tensor.RESIDUAL,
        epilogue=Epilogue.GELU if gelu else Epilogue.RAW,
        rows=op.rows,
        w8_rows=op.w8_rows,
        tokens=op.tokens,
        inner=op.inner,
        table=op.table,
    )
