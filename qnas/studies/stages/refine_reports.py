"""Rounds of `refine` with Vitis HLS: projects of the front's kernels out, reports of them in.

The tool may be on another machine: the projects are written, and their reports read when they are
there.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from qnas.accel.calibration.designs import Columns, Designs, Setup
from qnas.accel.calibration.kernels import kernel_name
from qnas.accel.calibration.projects import measured_projects
from qnas.accel.hls.synthesis import COMMANDS, synthesise
from qnas.accel.reports.measurement import same_part
from qnas.errors import ConfigError, ToolMissingError, problem
from qnas.studies.progress import Progress
from qnas.studies.results.picks import Pick
from qnas.studies.run.refinement import Refinement
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import PickDirectory
from qnas.studies.stages.export import export_pick
from qnas.studies.stages.refine import (
    STAGE,
    Member,
    RefineSettings,
    advance,
    kept,
    opened,
    teaching,
    unmeasured_picks,
)
from qnas.studies.stages.search import searched


def refine_with_vitis(run: Run, progress: Progress, settings: RefineSettings) -> Refinement:
    """Write projects of the picks and of the kernels that teach most, synthesize them with Vitis
    HLS, predict anew and search on, for `settings.rounds` or until nothing is left to measure.

    A kernel that the tool refuses is left out, and not tried again.

    Raises StageOrderError before the search is done, ConfigError for a study that predicts the RTL
    kernel, and ToolMissingError, with the projects written and what to do with them, where the tool
    is not installed.
    """
    run.need(STAGE, searched(run), "search")
    state = opened(run, by_reports=True)
    for _ in range(settings.rounds):
        chosen = _chosen(run, state, settings.kernels)
        if not chosen:
            progress.stage(STAGE, "every pick and every kernel of the front is measured")
            break
        folder = write_projects(run, chosen, progress)
        if not any(shutil.which(command[0]) for command in COMMANDS):
            raise _missing_tool(run, folder, len(chosen))
        state, projects = _synthesised(run, state, chosen, progress)
        if projects:
            state = refine_with_reports(run, progress, settings, folder)
    return state


def refine_with_reports(
    run: Run, progress: Progress, settings: RefineSettings, folder: Path
) -> Refinement:
    """Take the measured projects in or below `folder` as measurements, predict every trial with
    them and search on.

    Raises as `measured_projects`, and ConfigError for reports of another part than the study's, or
    of no kernel that is new.
    """
    run.need(STAGE, searched(run), "search")
    state = opened(run, by_reports=True)
    remark = partial(progress.stage, STAGE)
    setup, found = measured_projects(folder, at_least=1, partly=True, remark=remark)
    if not same_part(run.device.part, setup.part):
        rule, remedy = f"must be of the study's part, {run.device.part}", "Name its own projects."
        raise ConfigError(problem(str(folder), rule, setup.part, remedy))
    known = state.known
    fresh = _fresh(found, known)
    names = [*state.waiting, *fresh.names.tolist()]
    if not names:
        rule, remedy = "must hold reports of kernels that are not measured", "Synthesize others."
        raise ConfigError(problem(str(folder), rule, f"{len(found)} that are", remedy))
    progress.stage(STAGE, f"{len(names)} kernels measured: {setup}")
    both = fresh if known is None else known.plus(fresh)
    if known is None:
        state = replace(state, setup=Setup(setup.tool, setup.stage))
    elif (state.setup.tool, state.setup.stage) != (setup.tool, setup.stage):
        rule = f"must be of the tool and stage of the others, {state.setup}"
        raise ConfigError(problem(str(folder), rule, setup, "Run that tool."))
    state = kept(run, replace(state, designs=Columns.of(both)))
    trials = settings.trials or run.config.search.population
    return advance(run, state, names, trials, progress)


def write_projects(run: Run, chosen: Sequence[Member], progress: Progress) -> Path:
    """Write a project a kernel, in `refine` of the run, and return that folder."""
    folder = run.files.path / "refine"
    for count, (trial, plan) in enumerate(chosen):
        progress.advance(count, len(chosen), f"project of trial {trial.number}")
        files = PickDirectory(folder / kernel_name([plan]))
        if not files.architecture.exists():  # written last
            export_pick(run, Pick(f"trial{trial.number}", trial), files)
    progress.advance(len(chosen), len(chosen), f"projects in {folder}")
    return folder


def _chosen(run: Run, state: Refinement, count: int) -> list[Member]:
    chosen = [*unmeasured_picks(run, state.failed), *teaching(run, count, state.failed)]
    by_kernel = {kernel_name([plan]): (trial, plan) for trial, plan in reversed(chosen)}
    return list(reversed(by_kernel.values()))


def _synthesised(
    run: Run, state: Refinement, chosen: Sequence[Member], progress: Progress
) -> tuple[Refinement, int]:
    """Synthesize the projects of these kernels; the state, and how many have reports."""
    done = 0
    for count, (trial, plan) in enumerate(chosen):
        name = kernel_name([plan])
        progress.advance(count, len(chosen), f"synthesizes the kernel of trial {trial.number}")
        try:
            synthesise(PickDirectory(run.files.path / "refine" / name).project)
            done += 1
        except ToolMissingError as error:  # it is there, and failed
            progress.stage(STAGE, f"trial {trial.number} is left out: {error}")
            state = kept(run, state.without(name, str(error)))
            shutil.rmtree(run.files.path / "refine" / name)
    return state, done


def _missing_tool(run: Run, folder: Path, count: int) -> ToolMissingError:
    new, old = (shlex.join(command) for command in COMMANDS)
    remedy = (
        f"{count} projects are in {folder}: run `{new}` (2024.1 and before: `{old}`) in the "
        f"`project` of each where Vitis is installed, bring the folder back, then "
        f"`qnas refine {run.config.name} --reports {folder}`."
    )
    return ToolMissingError(
        problem("vitis-run or vitis_hls", "must be on the PATH", "none", remedy)
    )


def _fresh(found: Designs, known: Designs | None) -> Designs:
    """The designs that are not known; ConfigError if one contradicts what is known of it."""
    if known is None:
        return found
    known.plus(found).merged("reports")
    return found.subset(np.flatnonzero(~np.isin(found.names, known.names)))
