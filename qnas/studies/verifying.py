"""Stage `verify`: every project against the integer reference, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from qnas.errors import CheckpointError, VerificationError
from qnas.integer_file import load_integer
from qnas.serial import encode, read_json, write_json
from qnas.studies.exporting import exported, picks
from qnas.studies.picks import Pick
from qnas.studies.progress import Progress
from qnas.studies.rundir import tree_digest
from qnas.studies.searching import searched
from qnas.studies.workspace import Workspace

STAGE = "verify"


def verified(work: Workspace, pick: Pick) -> bool:
    """Whether verification.json speaks of the project as it is now, mismatches or not."""
    files = work.files.pick(pick.name)
    try:
        found = read_json(files.verification)
    except CheckpointError:
        return False
    return bool(found.get("project_digest") == tree_digest(files.project))


def verify(work: Workspace, progress: Progress) -> None:
    """Run every report image through each project that has not been verified as it is now.

    Writes verification.json for each, mismatches counted. Raises ToolMissingError without g++;
    what the counts say is for `check_verified`.
    """
    work.need(STAGE, searched(work), "search")
    chosen = picks(work)
    work.need(STAGE, all(exported(work, pick) for pick in chosen), "export")
    missing = [pick for pick in chosen if not verified(work, pick)]
    note = f"{len(work.splits.report)} report images through {len(missing)} projects"
    progress.stage(STAGE, note if missing else "projects are verified")
    for done, pick in enumerate(missing, start=1):
        _verify(work, pick)
        progress.advance(done, len(missing), pick.name)


def verifications(work: Workspace) -> dict[str, dict[str, Any]]:
    """What is known of each pick's project as it is now: verification.json by pick."""
    return {
        pick.name: read_json(work.files.pick(pick.name).verification)
        for pick in picks(work)
        if exported(work, pick) and verified(work, pick)
    }


def check_verified(work: Workspace) -> None:
    """Raises VerificationError naming the first stage that differs, if any does."""
    for name, found in verifications(work).items():
        if found["mismatches"]:
            first = found.get("first_mismatch") or {}
            raise VerificationError(
                f"`{name}`: the C++ must equal the integer reference bit for bit; "
                f"got {found['mismatches']} mismatches in {found['values']} values, "
                f"first in stage {first.get('stage')!r} of image {first.get('image')}, "
                f"value {first.get('index')}: expected {first.get('expected')}, "
                f"got {first.get('got')}. Look at {work.files.pick(name).verification}."
            )


def _verify(work: Workspace, pick: Pick) -> None:
    from qnas.accel.verify import verify_project
    from qnas.objectives.accuracy import AccuracyEvaluator

    files, architecture = work.files.pick(pick.name), pick.trial.architecture
    network = load_integer(files.network)
    images, labels = work.part("report")
    project_digest = tree_digest(files.project)
    verification = verify_project(files.project, network, images, labels)
    (fake_quant,) = AccuracyEvaluator(work.supernet, images, labels).top1([architecture])
    accuracy = {
        "fake_quant": fake_quant,
        "integer": float(np.mean(network.predict(images) == labels)),
        "hls": verification.accuracy,
    }
    facts = encode(verification)
    facts.pop("accuracy")
    write_json(
        files.verification,
        {"key": architecture.key, "project_digest": project_digest, "accuracy": accuracy, **facts},
    )
