"""Stage `verify`: every project against the integer reference, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.serialization import Value, encode, read_value, write_json
from qnas.accel.csim.probe import Probe
from qnas.accel.csim.simulation import write_vectors
from qnas.accel.csim.toolchain import Toolchain
from qnas.accel.csim.verification import Mismatch, Verification
from qnas.accel.csim.verify import inputs_of, verify_project
from qnas.errors import CheckpointError, VerificationError, problem
from qnas.integer.file import load_integer
from qnas.integer.network import IntegerNetwork
from qnas.studies.progress import Progress
from qnas.studies.results.picks import Pick
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import project_digest
from qnas.studies.run.tuning_record import supernet_of
from qnas.studies.stages.export import exported, picks, plan_of, reachable_picks
from qnas.studies.stages.search import searched

STAGE = "verify"


@dataclass(frozen=True, slots=True)
class Accuracy(Value):
    """Top-1 on the report split, as fractions, of the three rungs."""

    fake_quant: float
    integer: float
    hls: float


@dataclass(frozen=True, slots=True)
class Verdict(Value):
    """verification.json: whose project, which files, and what `Verification` says of them."""

    key: str
    project_digest: str
    accuracy: Accuracy
    images: int
    packed_images: int
    stages: int
    values: int
    mismatches: int
    first_mismatch: Mismatch | None
    loops_checked: int
    seconds: float
    simulated_seconds: float
    compiler: str
    probe: Probe | None = None  # of `verify --probe` alone


def report_images(run: Run) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The images of the report split that are simulated, and their labels."""
    return run.loaded_subset("report", at_most=run.config.verify_images or len(run.splits.report))


def verified(run: Run, pick: Pick, *, probe: bool = False) -> bool:
    """Whether verification.json speaks of the project as it is now, mismatches or not; with
    `probe`, of its memories as well."""
    files = run.files.pick(pick.name)
    try:
        found = read_value(Verdict, files.verification)
    except CheckpointError:
        return False
    watched = found.probe is not None or not probe
    return watched and found.project_digest == project_digest(files.project)


def verify(run: Run, progress: Progress, *, probe: bool = False) -> None:
    """Run every report image through each project that has not been verified as it is now; with
    `probe`, also through each whose memories have not been watched.

    Writes verification.json for each, mismatches counted. Raises ToolMissingError without g++;
    what the counts say is for `check_verified`.
    """
    run.need(STAGE, searched(run), "search")
    chosen = picks(run)
    run.need(STAGE, all(exported(run, pick) for pick in chosen), "export")
    missing = [pick for pick in chosen if not verified(run, pick, probe=probe)]
    count = run.config.verify_images or len(run.splits.report)
    note = f"{count} report images through {len(missing)} projects"
    progress.stage(STAGE, note if missing else "projects are verified")
    if missing:
        Toolchain().version()
        run.files.summary.unlink(missing_ok=True)  # it speaks of other projects
    for done, pick in enumerate(missing, start=1):
        _verify(run, pick, probe=probe)
        progress.advance(done, len(missing), pick.name)


def everything_verified(run: Run) -> bool:
    """Whether nothing is left to simulate: the study is done, and so is each of its picks."""
    if not run.trained() or not searched(run):
        return False
    return all(exported(run, pick) and verified(run, pick) for pick in reachable_picks(run))


def verifications(run: Run) -> dict[str, dict[str, Any]]:
    """What is known of each pick's project as it is now: verification.json by pick."""
    return {
        pick.name: encode(read_value(Verdict, run.files.pick(pick.name).verification))
        for pick in reachable_picks(run)
        if exported(run, pick) and verified(run, pick)
    }


def check_verified(run: Run) -> None:
    """Raises VerificationError naming the first stage that differs, if any does."""
    for name, found in verifications(run).items():
        files = run.files.pick(name)
        check_equal(name, found, project=files.project, mismatch=files.mismatch)


def check_equal(name: str, found: Mapping[str, Any], *, project: Path, mismatch: Path) -> None:
    """VerificationError if a verdict counts mismatches, with what runs the image of the first one
    alone, every stage compared; or if its probe found a fault."""
    if found["mismatches"]:
        first = found.get("first_mismatch") or {}
        folder, image = project.resolve(), mismatch.resolve()
        command = f"cd {folder} && make build/csim && build/csim . {image}"
        raise VerificationError(
            f"`{name}`: the C++ must equal the integer reference bit for bit; "
            f"got {found['mismatches']} mismatches in {found['values']} values, "
            f"first in stage {first.get('stage')!r} of image {first.get('image')}, "
            f"value {first.get('index')}: expected {first.get('expected')}, "
            f"got {first.get('got')}. To see it again: {command}"
        )
    faults = (found.get("probe") or {}).get("faults", ())
    if faults:
        rule = "must touch memories so that an iteration can start every cycle"
        remedy = "The generator is at fault: report it."
        raise VerificationError(problem(name, rule, "; ".join(faults), remedy))


def _verify(run: Run, pick: Pick, *, probe: bool) -> None:
    files = run.files.pick(pick.name)
    network = load_integer(files.network)
    images, labels = report_images(run)
    files.verification.unlink(missing_ok=True)  # what fails from here on is not verified
    files.mismatch.unlink(missing_ok=True)
    before = project_digest(files.project)
    verification = verify_project(
        files.project, network, images, labels, plan=plan_of(run, pick), probe=probe
    )
    if verification.first_mismatch:
        chosen = slice(verification.first_mismatch.image, verification.first_mismatch.image + 1)
        write_vectors(files.mismatch, inputs_of([network], images), labels, images=chosen)
    write_json(files.verification, verdict_of(run, network, verification, digest=before))


def verdict_of(
    run: Run, network: IntegerNetwork, verification: Verification, *, digest: str
) -> Verdict:
    """What a verification with the report images says, and the accuracies of the other rungs.
    `digest`: of the project when it began."""
    from qnas.objectives.accuracy import AccuracyEvaluator

    architecture = network.architecture
    images, labels = report_images(run)
    supernet = supernet_of(run, architecture)
    (fake_quant,) = AccuracyEvaluator(supernet, images, labels).top1([architecture])
    integer = float(np.mean(network.predict(images) == labels))
    return Verdict(
        key=architecture.key,
        project_digest=digest,
        accuracy=Accuracy(fake_quant, integer, verification.accuracy),
        images=verification.images,
        packed_images=verification.packed_images,
        stages=verification.stages,
        values=verification.values,
        mismatches=verification.mismatches,
        first_mismatch=verification.first_mismatch,
        loops_checked=verification.loops_checked,
        seconds=verification.seconds,
        simulated_seconds=verification.simulated_seconds,
        compiler=verification.compiler,
        probe=verification.probe,
    )
