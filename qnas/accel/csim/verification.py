"""Verification: the outcome of a C simulation, merged from its processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qnas._util.serialization import Value
from qnas.accel.csim.probe import Probe
from qnas.accel.hls.emit.bench import stage_values
from qnas.accel.plan.plan import HardwarePlan
from qnas.errors import VerificationError


@dataclass(frozen=True, slots=True)
class Mismatch(Value):
    """The first value that differs, by stage, image and index into the flat result.

    A loop whose iterations differ from the plan is also a mismatch, with the stage
    `<stage>, loop <name>`.
    """

    stage: str
    image: int
    index: int
    expected: int
    got: int


@dataclass(frozen=True, slots=True)
class Verification(Value):
    """Outcome of a C simulation of one network.

    Attributes:
        images: Images that were simulated.
        packed_images: Images in which products were computed as the DSPs pack them; in the others
            they were computed one by one.
        stages: Stages that were compared.
        values: Values that were compared.
        mismatches: Values that differ.
        accuracy: Top-1 accuracy of the simulated logits, a fraction.
        first_mismatch: The first difference; None if there is none.
        loops_checked: Loops whose iterations were compared.
        seconds: Wall time, including compilation.
        simulated_seconds: Processor time of the kernel alone.
        compiler: Version of the compiler.
        probe: Accesses of the loops to memories, if they were recorded; its faults are failures.
    """

    images: int
    packed_images: int
    stages: int
    values: int
    mismatches: int
    accuracy: float
    first_mismatch: Mismatch | None
    loops_checked: int
    seconds: float
    simulated_seconds: float
    compiler: str
    probe: Probe | None = None

    @property
    def passed(self) -> bool:
        """Whether all values and loops are equal, and the probe, if any, found no fault."""
        return self.mismatches == 0 and (self.probe is None or self.probe.clean)


def merged(parts: Sequence[tuple[int, Mapping[str, Any]]], plan: HardwarePlan) -> Verification:
    """Merge the results of several processes.

    Args:
        parts: (first image, content of the test bench's result) of each process.
        plan: The plan of the network.

    Returns:
        The outcome without `seconds` and `compiler`, which the caller sets.

    Raises:
        VerificationError: Some values were not compared.
    """
    results = [result for _, result in parts]
    loops, faults = _check_loops(results, plan)
    images = sum(r["images"] for r in results)
    if sum(r["values"] for r in results) != images * sum(stage_values(plan)):
        raise VerificationError("C simulation did not compare every value of every stage.")
    found = [
        Mismatch(**{**r["first_mismatch"], "image": r["first_mismatch"]["image"] + first})
        for first, r in parts
        if r["first_mismatch"]
    ]
    return Verification(
        images=images,
        packed_images=sum(r["packed_images"] for r in results),
        stages=len(plan.stages),
        values=sum(r["values"] for r in results),
        mismatches=sum(r["mismatches"] for r in results) + len(faults),
        accuracy=sum(r["correct"] for r in results) / images if images else 0.0,
        first_mismatch=next(iter([*found, *faults]), None),
        loops_checked=loops,
        seconds=0.0,
        simulated_seconds=sum(r["seconds"] for r in results),
        compiler="",
    )


def _check_loops(
    results: Iterable[Mapping[str, Any]], plan: HardwarePlan
) -> tuple[int, list[Mismatch]]:
    """Count the compared loops of the plan, and list those whose iterations differ."""
    checked, faults = 0, []
    for result in results:
        for stage, counted in zip(plan.stages, result["loops"], strict=True):
            got = {loop["name"]: (loop["trips"], loop["entries"]) for loop in counted["loops"]}
            planned = {loop.name: (loop.trips, loop.entries) for loop in stage.loops}
            for name in sorted(planned.keys() | got.keys()):
                want, have = planned.get(name, (0, 0)), got.get(name, (0, 0))
                checked += 1
                if want != have:
                    faults.append(_loop_fault(stage.name, name, want, have))
        if result["varying_loops"]:
            fault = ("of every image", "counts", (0, 0), (result["varying_loops"], 0))
            faults.append(_loop_fault(*fault))
    return checked, faults


def _loop_fault(stage: str, loop: str, want: tuple[int, int], have: tuple[int, int]) -> Mismatch:
    index = 0 if want[0] != have[0] else 1  # trips, or entries
    return Mismatch(f"{stage}, loop {loop}", 0, index, want[index], have[index])
