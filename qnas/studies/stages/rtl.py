"""`verify --rtl`: RTL simulation of each pick's kernel on report images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qnas._util.units import fps
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.kernel.cycles import cycles_of_first_pass, cycles_of_pass
from qnas.accel.rtl.kernel.simulate import KernelSimulation, simulate_kernel
from qnas.accel.rtl.simulate import verilator_root
from qnas.errors import DependencyError
from qnas.integer.network import load_integer
from qnas.studies.progress import Progress
from qnas.studies.run.outcome import RtlCheck
from qnas.studies.run.run import Run
from qnas.studies.stages.kernels import Kernel, kernel_of, kernels, named_picks, picks
from qnas.studies.stages.verify import report_images, verdicts_of, write_verdicts

STAGE = "rtl"
IMAGES = 4  # of one call: the first, and some behind it
PASSES = 2  # at least


def simulate(run: Run, progress: Progress, *, names: Sequence[str] = ()) -> None:
    """Run the first report images through the kernels of the picks called `names` (all without
    names) in RTL, unless the current projects were simulated already; the outcome, with the number
    of mismatches, goes to verification.json.

    Without Verilator the function only reports that it is missing. Raises UnknownNameError for an
    unknown pick, CompileError and VerificationError as `simulate_kernel`.
    """
    named = named_picks(picks(run), names)
    # The kernel of all picks is simulated with all of them.
    chosen = [kernel_of(run, pick) for pick in named] if names else kernels(run, named)
    try:
        verilator_root()
    except DependencyError as error:
        progress.stage(STAGE, f"left out: {error}")
        return
    missing = [kernel for kernel in chosen if any(one.rtl is None for one in verdicts_of(kernel))]
    count = images_of_call(run.config.search.batch)
    note = f"{count} report images through {len(missing)} kernels"
    progress.stage(STAGE, note if missing else "kernels are simulated")
    if missing:
        run.files.summary.unlink(missing_ok=True)  # it lacks this simulation
    for done, kernel in enumerate(missing, start=1):
        _simulate(run, kernel)
        progress.advance(done, len(missing), kernel.name)


def images_of_call(batch: int) -> int:
    """Images of a simulated call: whole passes."""
    return max(PASSES, IMAGES // batch) * batch


def _simulate(run: Run, kernel: Kernel) -> None:
    members = [
        KernelNetwork(load_integer(path), plan, head.name)
        for path, plan, head in zip(kernel.networks, kernel.plan.plans, kernel.heads, strict=True)
    ]
    images, _ = report_images(run)
    chosen = np.resize(np.arange(len(images)), images_of_call(run.config.search.batch))
    found = simulate_kernel(members, images[chosen])
    checks = (_check(s, plan) for s, plan in zip(found, kernel.plan.plans, strict=True))
    both = zip(verdicts_of(kernel), checks, strict=True)
    write_verdicts(kernel.files, [replace(verdict, rtl=check) for verdict, check in both])


def _check(found: KernelSimulation, plan: HardwarePlan) -> RtlCheck:
    cycles = round(found.cycles_next or found.cycles_first)
    return RtlCheck(
        images=found.images,
        stages=found.stages,
        values=found.values,
        mismatches=found.mismatches,
        cycles_first=found.cycles_first,
        cycles_next=cycles,
        modelled_first=cycles_of_first_pass(plan),
        modelled_next=cycles_of_pass(plan),
        fps=fps(cycles, clock_mhz=plan.clock_mhz, batch=plan.folding.batch),
        first_mismatch=found.first_mismatch,
    )
