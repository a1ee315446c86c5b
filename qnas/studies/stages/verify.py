"""Stage `verify`: every project against the integer reference, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.serialization import Value, decode, encode, read_json, write_json
from qnas.accel.csim.probe import Probe
from qnas.accel.csim.toolchain import Toolchain
from qnas.accel.csim.verification import Mismatch, Verification
from qnas.accel.csim.verify import inputs_of, verify_project, write_vectors
from qnas.errors import CheckpointError, ConfigError, VerificationError, problem
from qnas.integer.network import IntegerNetwork, load_integer
from qnas.studies.progress import Progress
from qnas.studies.report.thumbnails import wrong_images
from qnas.studies.run.outcome import AccuracyLadder, RtlCheck
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import KernelDirectory, PickDirectory, project_digest
from qnas.studies.stages.accuracy import ReportAccuracy, report_accuracy
from qnas.studies.stages.export import exported
from qnas.studies.stages.kernels import Kernel, kernel_of, kernels, picks
from qnas.studies.stages.search import searched

STAGE = "verify"

Accuracies = dict[Path, ReportAccuracy]  # by file of the integer network


@dataclass(frozen=True, slots=True)
class Verdict(Value):
    """The content of verification.json: the network's key, the digest of the project's files, and
    the outcome of their verification."""

    key: str
    project_digest: str
    accuracy: AccuracyLadder
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
    probe: Probe | None = None  # only after `verify --probe`
    rtl: RtlCheck | None = None  # only after `verify --rtl`


def report_images(run: Run) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The images of the report split to simulate, with their labels."""
    return run.loaded_subset("report", at_most=run.config.verify_images or len(run.splits.report))


def read_verdicts(files: KernelDirectory) -> tuple[Verdict, ...]:
    """Read the verdict on each network of a kernel; CheckpointError for a damaged file."""
    found = read_json(files.verification)
    several = isinstance(found, dict) and "networks" in found
    verdicts = found["networks"] if several else [found]
    try:
        return tuple(decode(Verdict, one, subject=str(files.verification)) for one in verdicts)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def write_verdicts(files: KernelDirectory, verdicts: Sequence[Verdict]) -> None:
    """Write verification.json: the verdict of one network, or for several a list `networks`."""
    found = [encode(verdict) for verdict in verdicts]
    write_json(files.verification, found[0] if len(found) == 1 else {"networks": found})


def verdicts_of(kernel: Kernel) -> tuple[Verdict, ...]:
    """The verdicts on the current project, with or without mismatches; empty if not verified."""
    try:
        found = read_verdicts(kernel.files)
    except CheckpointError:
        return ()
    digest = project_digest(kernel.files.project, networks=len(kernel.members))
    return found if all(one.project_digest == digest for one in found) else ()


def verified(kernel: Kernel, *, probe: bool = False) -> bool:
    """Whether the current project is verified, with or without mismatches; with `probe`, whether
    its memory accesses are checked as well."""
    found = verdicts_of(kernel)
    return bool(found) and (found[0].probe is not None or not probe)


def verify(run: Run, progress: Progress, *, probe: bool = False) -> None:
    """Run every report image through each project that is not verified in its current state; with
    `probe`, also through each whose memory accesses are not checked.

    Writes verification.json for each, with the number of mismatches, for which `check_verified`
    raises. Raises ToolMissingError without g++.
    """
    run.need(STAGE, searched(run), "search")
    everything = kernels(run, picks(run))
    for kernel in everything:
        before = "export --together" if kernel.of_all_picks else "export"
        run.need(STAGE, exported(run, kernel), before)
    missing = [kernel for kernel in everything if not verified(kernel, probe=probe)]
    count = run.config.verify_images or len(run.splits.report)
    note = f"{count} report images through {len(missing)} projects"
    progress.stage(STAGE, note if missing else "projects are verified")
    if missing:
        Toolchain().version()
        run.files.summary.unlink(missing_ok=True)  # it describes other projects
    accuracies: Accuracies = {}
    for done, kernel in enumerate(missing, start=1):
        _verify(run, kernel, accuracies, progress, probe=probe)
        progress.advance(done, len(missing), kernel.name)


def everything_verified(run: Run) -> bool:
    """Whether the study is complete and each of its kernels is verified."""
    if not run.trained() or not searched(run):
        return False
    everything = kernels(run, picks(run))
    return all(exported(run, kernel) and verified(kernel) for kernel in everything)


def verifications(run: Run) -> dict[str, dict[str, Any]]:
    """The verdict on each pick's current project, by pick, in plain JSON types."""
    own = [kernel_of(run, pick) for pick in picks(run)]
    return {
        kernel.name: encode(verdict)
        for kernel in own
        if exported(run, kernel)
        for verdict in verdicts_of(kernel)
    }


def check_verified(run: Run) -> None:
    """Raise VerificationError, naming the first stage that differs, if any does."""
    for kernel in kernels(run, picks(run)):
        if not exported(run, kernel):
            continue
        for index, found in enumerate(verdicts_of(kernel)):
            network = f"network {index} of " if kernel.of_all_picks else ""
            check_equal(f"{network}{kernel.title}", encode(found), files=kernel.files)


def check_equal(name: str, found: Mapping[str, Any], *, files: KernelDirectory) -> None:
    """Raise VerificationError if a verdict has mismatches, or if its RTL differs or its probe found
    a fault. The message names the command that reruns the first differing image alone."""
    if found["mismatches"]:
        first = found.get("first_mismatch") or {}
        folder, image = files.project.resolve(), files.mismatch.resolve()
        command = f"cd {folder} && make build/csim && build/csim . {image}"
        raise VerificationError(
            f"{name}: the C++ must equal the integer reference bit for bit; "
            f"got {found['mismatches']} mismatches in {found['values']} values, "
            f"first in stage {first.get('stage')!r} of image {first.get('image')}, "
            f"value {first.get('index')}: expected {first.get('expected')}, "
            f"got {first.get('got')}. To see it again: {command}"
        )
    rtl = found.get("rtl") or {"mismatches": 0}
    if rtl["mismatches"]:
        first = rtl["first_mismatch"]
        rule = "as RTL must equal the integer reference bit for bit"
        value = (
            f"{rtl['mismatches']} mismatches in {rtl['values']} values, first in stage "
            f"{first['stage']!r} of image {first['image']}, value {first['index']}: expected "
            f"{first['expected']}, got {first['got']}"
        )
        raise VerificationError(problem(name, rule, value, "The generator is at fault: report it."))
    faults = (found.get("probe") or {}).get("faults", ())
    if faults:
        rule = "must touch memories so that an iteration can start every cycle"
        remedy = "The generator is at fault: report it."
        raise VerificationError(problem(name, rule, "; ".join(faults), remedy))


def _verify(
    run: Run, kernel: Kernel, accuracies: Accuracies, progress: Progress, *, probe: bool
) -> None:
    """Verify one kernel, and add its accuracies to `accuracies`, of networks verified before."""
    files = kernel.files
    networks = [load_integer(path) for path in kernel.networks]
    images, labels = report_images(run)
    files.verification.unlink(missing_ok=True)  # a project that fails below is not verified
    files.mismatch.unlink(missing_ok=True)
    digest = project_digest(files.project, networks=len(networks))
    found = verify_project(
        files.project, networks, images, labels, plans=kernel.plan.plans, probe=probe
    )
    first = next((one.first_mismatch for one in found if one.first_mismatch), None)
    if first:
        chosen = slice(first.image, first.image + 1)
        write_vectors(files.mismatch, inputs_of(networks, images), labels, images=chosen)
    for path, network in zip(kernel.networks, networks, strict=True):
        if path not in accuracies:
            accuracies[path] = report_accuracy(run, network, progress)
            _write_predictions(run, accuracies[path], PickDirectory(path.parent))
    counted = [accuracies[path] for path in kernel.networks]
    parts = zip(networks, found, counted, strict=True)
    write_verdicts(files, [_verdict(*one, digest=digest) for one in parts])


def _write_predictions(run: Run, accuracy: ReportAccuracy, files: PickDirectory) -> None:
    """Write the classes of the report split, and some of the wrongly classified images."""
    images, _ = run.subset("report")
    names = run.images.class_names
    accuracy.predictions.write(files.predictions)
    write_json(files.wrong, wrong_images(images, accuracy.predictions, names=names))


def _verdict(
    network: IntegerNetwork,
    verification: Verification,
    accuracy: ReportAccuracy,
    *,
    digest: str,
) -> Verdict:
    """The verdict of a verification with the report images, with the accuracies of the other
    models. `digest` is that of the project at the start of the verification."""
    return Verdict(
        key=network.architecture.key,
        project_digest=digest,
        accuracy=AccuracyLadder.of(
            fake_quant=accuracy.fake_quant,
            integer=accuracy.integer,
            images=accuracy.images,
            hls=verification.accuracy,
            floating=accuracy.floating,
            simulated_images=verification.images,
            top5=accuracy.top5,
            macro_f1=accuracy.macro_f1,
            classes=accuracy.classes,
        ),
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
