"""simulate_kernel: whole images through the RTL, every stage compared with the integer reference,
clocks counted."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.cache import user_cache
from qnas._util.children import run_program
from qnas._util.serialization import Value
from qnas.accel.csim.verification import Mismatch
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.plan.ports import MEMORY_LATENCY_CYCLES
from qnas.accel.rtl.kernel.bench import write_network
from qnas.accel.rtl.kernel.compiled import compiled
from qnas.accel.rtl.kernel.sources import kernel_sources
from qnas.accel.rtl.simulate import LOG_LINES
from qnas.errors import VerificationError, problem

PATIENCE = 10  # times the longest stage, as the plan has it, without a stage that ends
WAIT_CYCLES = 20_000  # of memory, at most


@dataclass(frozen=True, slots=True)
class MemoryTiming(Value):
    """How the memory behind the ports answers.

    The first word of a burst comes `latency_cycles` after its request and up to `jitter_cycles`
    later; of 1024 clocks `words` bring one; in every `refresh_period_cycles` the memory pauses for
    `refresh_cycles`; of 256 clocks `stalls` refuse whatever is asked. What is random follows from
    `seed`.
    """

    latency_cycles: int = MEMORY_LATENCY_CYCLES
    jitter_cycles: int = 0
    refresh_period_cycles: int = 0
    refresh_cycles: int = 0
    words: int = 1024
    stalls: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class KernelSimulation(Value):
    """What the images of one call did: values compared, and clocks.

    A pass ends when memory has acknowledged the logits of its images. `cycles_first`: from the
    call to the end of the first pass; `cycles_next`: of each further one of the call, on average
    (each 0 where there was none). `stage_cycles`: of the stages of the first pass, in the plan's
    order; what runs side by side overlaps.
    """

    images: int
    stages: int
    values: int
    mismatches: int
    first_mismatch: Mismatch | None
    cycles_first: int
    cycles_next: float
    stage_cycles: tuple[int, ...]

    @property
    def passed(self) -> bool:
        return self.mismatches == 0


def simulate_kernel(
    networks: Sequence[KernelNetwork],
    images: NDArray[np.float32],
    *,
    timing: MemoryTiming | None = None,
    sources: Mapping[str, str] | None = None,
    cache: Path | None = None,
) -> tuple[KernelSimulation, ...]:
    """Run `images` (B, C, H, W) through each network of a kernel, a call each, in Verilator.

    Args:
        networks: with plans of one kernel.
        images: normalised, as for `IntegerNetwork.quantize_images`. The last one is repeated
            until a pass is full.
        timing: of the memory behind the ports; by default it answers after
            MEMORY_LATENCY_CYCLES and then brings a word a clock.
        sources: instead of `kernel_sources` of the plans: an experiment, a fault.
        cache: of compiled simulations, by their content; the user's by default.

    Returns:
        One outcome a network, mismatches counted.

    Raises:
        DependencyError: Verilator is not installed.
        ToolMissingError: g++ is not.
        CompileError: the tools do not accept the RTL.
        VerificationError: the kernel stands still, or reads or writes beyond its memory.
    """
    plans = [one.plan for one in networks]
    whole = whole_passes(images, plans[0].folding.batch)
    chosen = kernel_sources(plans) if sources is None else sources
    program = compiled(plans, chosen, cache=cache or user_cache())
    with tempfile.TemporaryDirectory(prefix="qnas-rtl-") as scratch:
        work = Path(scratch)
        for index, one in enumerate(networks):
            write_network(work, index, networks, one.network.quantize_images(whole))
        _write_options(work / "run.txt", timing or MemoryTiming(), len(whole), plans)
        _run(program, work, plans)
        found = json.loads((work / "result.json").read_text())
    return tuple(_result(plan, raw, len(images)) for plan, raw in zip(plans, found, strict=True))


def whole_passes(images: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """The images, and the last one again until they fill passes of `batch`."""
    missing = -len(images) % batch
    return np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])


def _run(program: bytes, work: Path, plans: Sequence[HardwarePlan]) -> None:
    path = work / "bench"
    path.write_bytes(program)
    path.chmod(0o700)
    done = run_program([str(path), str(work)])
    if done.returncode:
        names = [stage.name for plan in plans for stage in plan.stages]
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-LOG_LINES:])
        text = re.sub(r"stage (\d+)", lambda found: f"stage {names[int(found[1])]}", tail)
        raise VerificationError(problem("kernel", "must run all images", text, "Mend its RTL."))


def _write_options(
    path: Path, timing: MemoryTiming, images: int, plans: Sequence[HardwarePlan]
) -> None:
    longest = max(stage.loop_cycles for plan in plans for stage in plan.stages)
    options = {
        "images": images,
        "patience": PATIENCE * longest + WAIT_CYCLES,
        **{field.name: getattr(timing, field.name) for field in fields(timing)},
    }
    path.write_text("".join(f"{name} {value}\n" for name, value in options.items()))


def _result(plan: HardwarePlan, raw: Mapping[str, Any], images: int) -> KernelSimulation:
    first, ends = raw["first_mismatch"], raw["pass_ends"]
    return KernelSimulation(
        images=images,
        stages=len(plan.stages),
        values=raw["values"],
        mismatches=raw["mismatches"],
        first_mismatch=first and Mismatch(**{**first, "stage": plan.stages[first["stage"]].name}),
        cycles_first=ends[0] if ends else 0,
        cycles_next=(ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else 0.0,
        stage_cycles=tuple(e - b for b, e in zip(raw["begins"], raw["ends"], strict=True)),
    )
