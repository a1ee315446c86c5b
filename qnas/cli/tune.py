"""`qnas tune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.cli.output import note, result
from qnas.cli.stage import opened, study_command, target
from qnas.errors import VerificationError

if TYPE_CHECKING:
    from qnas.studies.run.run import Run


@study_command
@click.option("--pick", "picks", multiple=True, help="Pick to tune; may be repeated. [all]")
def command(
    study: str, changes: tuple[str, ...], runs: Path, trust: bool, picks: tuple[str, ...]
) -> None:
    """Fine-tune the subnet of each pick of STUDY; export and verify the better weights.

    STUDY may also be a run, or one pick of a run, such as runs/NAME/knee.

    The recipe is the table [tune] of STUDY, or [train] without one. The search split decides
    whether a pick keeps its inherited or its tuned weights; the printed accuracies are of the
    report split. Needs `qnas search`; resumes an interrupted tuning.
    """
    aim = target(study, runs, changes, trust=trust, accept=("study", "run", "pick"))
    picks = (*picks, *filter(None, (aim.address.pick,)))
    with opened(aim, stage="tune") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        try:
            stages.tune(run, picks=picks, progress=progress)
        except VerificationError:
            _show(run)
            raise
        _show(run)


def _show(run: Run) -> None:
    from qnas._util.serialization import read_json
    from qnas.cli.console import printer, tuning_table

    summary = read_json(run.files.summary)
    result(lambda: summary, lambda: printer().print(tuning_table(summary["picks"])))
    note(f"Files: {run.files.path}")
