"""`qnas verify`."""

from __future__ import annotations

from pathlib import Path

import click

from qnas.cli.stage import opened, show_probes, study_command, verify_and_show


@study_command
@click.option(
    "--probe", is_flag=True, help="Also watch the memories: ports, order, distances, claims."
)
def command(study: str, runs: Path, probe: bool) -> None:
    """Run every report image through each project of STUDY, and compare every stage.

    Exit status 1 if a single value differs. Needs `qnas export`.

    With --probe the simulation records what each pipelined loop does to each memory. A bank that is
    loaded or stored to twice in an iteration, a load behind a store, and a DEPENDENCE pragma that
    is not true are failures too.
    """
    with opened(study, runs, stage="verify") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        def verify() -> None:
            try:
                stages.verify(run, probe=probe, progress=progress)
            finally:
                if probe:
                    show_probes(run)

        verify_and_show(run, verify)
