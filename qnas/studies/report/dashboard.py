"""The copy of a run's study that optuna-dashboard shows, kept up to date.

The dashboard reads constraints from a system attribute that Optuna 5 no longer writes, and stores
notes and artifacts in the storage. Written into the run's own journal, both would change what the
sampler reads (the two kinds of constraints would add up). The dashboard therefore gets an in-memory
copy, to which new trials of the run are added.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.artifacts import upload_artifact
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial

from qnas._util.units import in_passes
from qnas.accel.device import Resource
from qnas.errors import DependencyError, problem
from qnas.studies.optuna_internals import attach_to_finished, live_trial
from qnas.studies.report.content import figures_content
from qnas.studies.results.front import StudyRecords
from qnas.studies.results.network_size import network_size
from qnas.studies.results.picks import Pick, choose
from qnas.studies.search.trials import REASON, TrialRecord
from qnas.studies.storage.read_only_copy import PICKS
from qnas.studies.storage.stoppable import name_metrics

if TYPE_CHECKING:
    from qnas.studies.run.run import Run

OLD_CONSTRAINTS = "constraints"
LONGEST = 80  # characters of an attribute's value in the dashboard


def mirrored(trial: FrozenTrial) -> FrozenTrial:
    """`trial` with its constraints in the attribute that the dashboard reads, and with the user
    attributes that fit a line: the dashboard breaks none, and scrolls sideways for a long one."""
    shown = copy(trial)
    shown.user_attrs = {k: _line(v) for k, v in trial.user_attrs.items() if _fits_line(k, v)}
    if trial.constraints:
        shown.system_attrs = {
            **trial.system_attrs,
            OLD_CONSTRAINTS: list(trial.constraints.values()),
        }
    return shown


def _fits_line(name: str, value: object) -> bool:
    numbers = isinstance(value, int | float)
    return numbers or name == REASON or (isinstance(value, str) and len(value) <= LONGEST)


def _line(value: object) -> object:
    if isinstance(value, float):
        return int(value) if value.is_integer() else float(f"{value:.6g}")
    long = isinstance(value, str) and len(value) > LONGEST
    return f"{str(value)[: LONGEST - 3]}..." if long else value


class Mirror:
    """A copy of a run's study with notes, figures and files; `update` brings it up to date.

    The search may be running: its journal is read, but never locked or written.
    """

    def __init__(self, run: Run, folder: Path) -> None:
        _need_dashboard()
        from optuna.artifacts import FileSystemArtifactStore

        run.need("dashboard", run.files.journal.exists(), "search")
        self._run, self._folder = run, folder
        (folder / "artifacts").mkdir()
        self.artifacts = FileSystemArtifactStore(folder / "artifacts")
        self.storage = InMemoryStorage()
        self.study = optuna.create_study(
            study_name=run.config.name,
            storage=self.storage,
            directions=[info.direction for info in run.objectives],
        )
        name_metrics(self.study, [info.name for info in run.objectives])
        for name, value in facts(run).items():
            self.study.set_user_attr(name, value)
        self._attached: set[tuple[str, int]] = set()

    def update(self) -> int:
        """Add the run's new trials since the last call; return their number."""
        source = self._run.study
        picks = source.user_attrs.get(PICKS)
        if picks is not None:
            self.study.set_user_attr(PICKS, picks)
        known = len(self.study.get_trials(deepcopy=False))
        new = [t for t in source.get_trials(deepcopy=False)[known:] if t.state.is_finished()]
        self.study.add_trials(mirrored(trial) for trial in new)
        if new:
            self._annotate()
        self._attach()
        return len(new)

    def _annotate(self) -> None:
        """Write the study's note, a note on each Pareto trial, and the report's figures."""
        from optuna_dashboard import save_note

        run = self._run
        records = run.records()
        if not any(trial.feasible for trial in records.trials):
            return
        members = {trial.number: trial for trial in records.front()}
        picks = choose(records, run.config.fps_targets, run.config.confidence)
        save_note(self.study, study_note(run, len(members), picks))
        for trial in self.study.get_trials(deepcopy=False):
            if trial.number in members:
                note = trial_note(members[trial.number], run.device.limits())
                save_note(live_trial(self.study, trial), note)
        self._draw(records)

    def _draw(self, records: StudyRecords) -> None:
        from optuna_dashboard import save_plotly_graph_object

        from qnas.studies.report.figures import device, front

        content = figures_content(self._run, records)
        trials = [*records.front(), *(pick.trial for pick in content.picks)]
        drawn = [figure for _, figure in front.pairwise(content)]
        drawn.append(front.parallel(content))
        shown = [front.described(figure, trials) for figure in drawn]
        for index, figure in enumerate([*shown, device.resources(content)]):
            save_plotly_graph_object(self.study, figure, graph_object_id=f"qnas{index}")

    def _attach(self) -> None:
        """Attach new or changed reports and projects as artifacts of the study, and projects as
        artifacts of their picks' trials."""
        for source in (self._run.files.report, *self._run.files.picks.glob("*/project")):
            stamp = (str(source), source.stat().st_mtime_ns) if source.exists() else None
            if stamp is None or stamp in self._attached:
                continue
            self._attached.add(stamp)
            path = self._archive(source) if source.is_dir() else source
            artifact = upload_artifact(
                artifact_store=self.artifacts, file_path=str(path), study_or_trial=self.study
            )
            number = self.study.user_attrs.get(PICKS, {}).get(source.parent.name)
            if source.is_dir() and number is not None:
                attach_to_finished(self.study, self.study.trials[number], artifact)

    def _archive(self, project: Path) -> Path:
        name = self._folder / f"{project.parent.name}-project"
        return Path(shutil.make_archive(str(name), "zip", project))


def facts(run: Run) -> dict[str, str | int]:
    """The facts on the study in the dashboard's table of attributes."""
    config = run.config
    return {
        "space": run.space.name,
        "data": run.manifest.data.name,
        "device": f"{run.device.name} ({run.device.part})",
        "seed": config.seed,
        "trials to make": config.search.trials,
        "sampler": config.search.sampler_name,
    }


def study_note(run: Run, members: int, picks: Sequence[Pick]) -> str:
    """The study's note in Markdown: space, device, progress and current picks."""
    objectives = ", ".join(info.name for info in run.objectives)
    lines = [
        f"## {run.config.name}",
        "",
        f"Space `{run.space.name}` on **{run.device.name}** ({run.device.part}); objectives"
        f" {objectives}. {members} members of the front so far, each with a"
        " note of its architecture and estimate. The report's figures and the artifacts (report,"
        " a project a pick) are on the page of the history.",
        "",
        f"| pick | trial | error | FPS{in_passes(run.config.search.batch)} | LUT | DSP | BRAM18 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for pick in picks:
        amount = pick.trial.predicted.value
        lines.append(
            f"| {pick.name} | {pick.trial.number} | {pick.trial.values['error']:.2f} % |"
            f" {amount('fps'):,.0f} | {amount('lut'):,.0f} | {amount('dsp'):,.0f} |"
            f" {amount('bram18'):,.0f} |"
        )
    title = picks[0].trial.predicted.title
    end = f"Errors are measured on the search split; FPS and resources: {title}."
    return "\n".join([*lines, "", end]) + "\n"


def trial_note(trial: TrialRecord, limits: Mapping[Resource, int]) -> str:
    """The note on a Pareto trial in Markdown: its network and its estimate."""
    arch, amount = trial.architecture, trial.predicted.value
    lines = [
        f"### {arch.key}",
        f"embed {arch.embed_dim}, depth {arch.depth}, {network_size(arch).w8_share:.0%} of weights"
        f" in 8-bit rows; {trial.values['error']:.2f} % error on the search split",
        "",
        "Eighths of a matrix's rows in 8 bits, the others in 4:",
        "",
        "| block | heads | MLP | qkv | proj | fc1 | fc2 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for index, block in enumerate(arch.blocks):
        w8 = block.w8
        lines.append(
            f"| {index} | {block.num_heads} | {block.mlp_hidden} |"
            f" {w8.qkv} | {w8.proj} | {w8.fc1} | {w8.fc2} |"
        )
    lines += [
        "",
        f"Modelled: {amount('cycles'):,.0f} cycles, {amount('fps'):,.0f} FPS"
        f"{in_passes(trial.estimate.batch)} at {trial.estimate.clock_mhz:g} MHz.",
        "",
        "| resource | used | limit |",
        "|---|---:|---:|",
    ]
    lines += [
        f"| {name.upper()} | {amount(name):,.0f} | {limit:,} |"
        for name, limit in limits.items()
        if limit
    ]
    return "\n".join(lines) + "\n"


def _need_dashboard() -> None:
    try:
        import optuna_dashboard  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            problem(
                "qnas dashboard",
                "needs the package optuna-dashboard",
                error,
                "pip install 'qnas-fpga[dashboard]'",
            )
        ) from error
