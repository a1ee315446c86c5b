"""Stage `verify` of the kernel that all picks share: every network, bit for bit, by turns."""

from __future__ import annotations

from dataclasses import dataclass

from qnas._util.serialization import Value, encode, read_value, write_json
from qnas.accel.csim.simulation import write_vectors
from qnas.accel.csim.toolchain import Toolchain
from qnas.accel.csim.verify import inputs_of, verify_kernel
from qnas.errors import CheckpointError
from qnas.integer.file import load_integer
from qnas.studies.progress import Progress
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import project_digest
from qnas.studies.stages.multi_network import Group, exported_together, group_of
from qnas.studies.stages.verify import STAGE, Verdict, check_equal, report_images, verdict_of


@dataclass(frozen=True, slots=True)
class Verdicts(Value):
    """verification.json of the kernel: a verdict a network, by index."""

    networks: tuple[Verdict, ...]


def verdicts_together(run: Run) -> tuple[Verdict, ...]:
    """Of the project as it is now, mismatches or not; empty if it was not verified."""
    files = run.files.together
    try:
        found = read_value(Verdicts, files.verification).networks
    except CheckpointError:
        return ()
    digest = project_digest(files.project, networks=len(found))
    return found if all(one.project_digest == digest for one in found) else ()


def verify_together(run: Run, progress: Progress, *, probe: bool = False) -> None:
    """Run every report image through each network of the kernel that all picks share, unless it
    was verified as it is now. Nothing where there is no such kernel; else as `verify`."""
    if not run.files.together.path.exists():
        return
    group = group_of(run)
    run.need(STAGE, exported_together(run, group), "export --together")
    known = verdicts_together(run)
    if known and (known[0].probe is not None or not probe):
        progress.stage(STAGE, "the kernel of all picks is verified")
        return
    Toolchain().version()
    count = run.config.verify_images or len(run.splits.report)
    progress.stage(STAGE, f"{count} report images through the kernel of all picks")
    _verify(run, group, probe=probe)


def check_together_verified(run: Run) -> None:
    """Raises VerificationError naming the first stage that differs, if any does."""
    files = run.files.together
    for index, found in enumerate(verdicts_together(run)):
        name = f"network {index} of the kernel of all picks"
        check_equal(name, encode(found), project=files.project, mismatch=files.mismatch)


def _verify(run: Run, group: Group, *, probe: bool) -> None:
    files, heads = run.files.together, group.heads
    networks = [load_integer(run.files.pick(pick.name).network) for pick in heads]
    images, labels = report_images(run)
    files.verification.unlink(missing_ok=True)  # what fails from here on is not verified
    files.mismatch.unlink(missing_ok=True)
    digest = project_digest(files.project, networks=len(networks))
    found = verify_kernel(files.project, networks, images, labels, plans=group.plans, probe=probe)
    first = next((one.first_mismatch for one in found if one.first_mismatch), None)
    if first:
        chosen = slice(first.image, first.image + 1)
        write_vectors(files.mismatch, inputs_of(networks, images), labels, images=chosen)
    verdicts = tuple(
        verdict_of(run, network, one, digest=digest)
        for network, one in zip(networks, found, strict=True)
    )
    write_json(files.verification, Verdicts(verdicts))
