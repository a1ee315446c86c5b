"""What optuna-dashboard shows of a run: a mirror of its study, kept up to date.

The dashboard reads constraints from a system attribute that Optuna 5 no longer writes, and takes
notes and artifacts by writing to the storage. Writing either into the run's own journal would
change what the sampler reads (both kinds of constraint add up), so the dashboard is given a copy
in memory, to which new trials are added as the run makes them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial

from qnas.errors import DependencyError, problem
from qnas.studies.picks import w8_share
from qnas.studies.records import TrialRecord

if TYPE_CHECKING:
    from optuna.artifacts import FileSystemArtifactStore

    from qnas.studies.workspace import Workspace

OLD_CONSTRAINTS = "constraints"


def mirrored(trial: FrozenTrial) -> FrozenTrial:
    """`trial` with its constraints where the dashboard looks for them."""
    if not trial.constraints:
        return trial
    copy = optuna.trial.create_trial(
        state=trial.state,
        values=trial.values,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=trial.user_attrs,
        system_attrs={**trial.system_attrs, OLD_CONSTRAINTS: list(trial.constraints.values())},
        constraints=trial.constraints,
    )
    copy.number = trial.number
    copy.datetime_start, copy.datetime_complete = trial.datetime_start, trial.datetime_complete
    return copy


class Mirror:
    """A copy of a run's study with notes, figures and files; `update` brings it up to date."""

    def __init__(self, work: Workspace) -> None:
        _need_dashboard()
        self._work = work
        self.storage: BaseStorage = InMemoryStorage()
        self.folder = tempfile.TemporaryDirectory(prefix="qnas-dashboard-")
        self.study = optuna.create_study(
            study_name=work.config.name,
            storage=self.storage,
            directions=[d.name.lower() for d in work.study.directions],
        )
        self.study.set_metric_names(list(work.config.objectives))
        self._files_kept: set[tuple[str, int]] = set()

    @property
    def artifacts(self) -> FileSystemArtifactStore:
        from optuna.artifacts import FileSystemArtifactStore

        return FileSystemArtifactStore(self.folder.name)

    def update(self) -> int:
        """Add what the run has made since the last time; the number of new trials."""
        known = len(self.study.get_trials(deepcopy=False))
        new = [t for t in self._work.study.get_trials(deepcopy=False)[known:] if _finished(t)]
        self.study.add_trials(mirrored(trial) for trial in new)
        if new:
            self._annotate()
        self._attach()
        return len(new)

    def _annotate(self) -> None:
        """The study's note, a note a Pareto trial, and the report's figures."""
        from optuna_dashboard import save_note

        records = self._work.records()
        if not any(trial.feasible for trial in records.trials):
            return
        front = records.front()
        save_note(self.study, study_note(self._work, len(front)))
        numbers = {trial.number: trial for trial in front}
        for trial in self.study.get_trials(deepcopy=False):
            if trial.number in numbers:
                live = optuna.Trial(self.study, trial._trial_id)
                save_note(live, trial_note(numbers[trial.number], self._work.device.limits()))
        self._draw()

    def _draw(self) -> None:
        from optuna_dashboard import save_plotly_graph_object

        from qnas.studies.exporting import reachable_picks
        from qnas.studies.report import figures
        from qnas.studies.report.page import content_of

        content = content_of(self._work, reachable_picks(self._work), {})
        drawn = [figure for _, figure in figures.pairwise(content)]
        drawn.append(figures.resources(content))
        for index, figure in enumerate(drawn):
            save_plotly_graph_object(self.study, figure, graph_object_id=f"qnas{index}")

    def _attach(self) -> None:
        """Report and project archives that are new, as artifacts of the study."""
        for path in self._deliverables():
            stamp = (str(path), path.stat().st_mtime_ns)
            if stamp not in self._files_kept:
                self._files_kept.add(stamp)
                _upload(self.study, path, self.artifacts)

    def _deliverables(self) -> Sequence[Path]:
        import shutil

        found = [self._work.files.report] if self._work.files.report.exists() else []
        for project in sorted(self._work.files.picks.glob("*/project")):
            name = Path(self.folder.name).with_name(f"{project.parent.name}-project")
            archive = name.with_suffix(".zip")
            if not archive.exists() or archive.stat().st_mtime < project.stat().st_mtime:
                shutil.make_archive(str(name), "zip", project)
            found.append(archive)
        return found


def study_note(work: Workspace, members: int) -> str:
    """Markdown: what is searched, on what, and how far it is."""
    return (
        f"## {work.config.name}\n\nSpace `{work.space.name}` on **{work.device.name}** "
        f"({work.device.part}); objectives {', '.join(work.config.objectives)}. "
        f"{members} members of the front so far. Cycles, FPS and resources are modelled.\n"
    )


def trial_note(trial: TrialRecord, limits: Any) -> str:
    """Markdown of a Pareto trial: its network and its estimate."""
    arch, estimate = trial.architecture, trial.estimate
    lines = [
        f"### {arch.key}",
        f"embed {arch.embed_dim}, depth {arch.depth}, {w8_share(arch):.0%} of weights in 8-bit"
        f" rows; {trial.values['error']:.2f} % error on the search split",
        "",
        "| block | heads | MLP | 8-bit eighths qkv/proj/fc1/fc2 |",
        "|---|---|---|---|",
    ]
    for index, block in enumerate(arch.blocks):
        w8 = block.w8
        lines.append(
            f"| {index} | {block.num_heads} | {block.mlp_hidden} |"
            f" {w8.qkv}/{w8.proj}/{w8.fc1}/{w8.fc2} |"
        )
    lines += [
        "",
        f"Modelled: {estimate.cycles:,} cycles, {estimate.fps:,.0f} FPS at"
        f" {estimate.clock_mhz:g} MHz.",
        "",
        "| resource | used | limit |",
        "|---|---|---|",
    ]
    lines += [
        f"| {name.upper()} | {getattr(estimate.resources, name):,} | {limit:,} |"
        for name, limit in limits.items()
    ]
    return "\n".join(lines) + "\n"


def _finished(trial: FrozenTrial) -> bool:
    return trial.state.is_finished()


def _upload(study: optuna.Study, path: Path, store: Any) -> None:
    from optuna.artifacts import upload_artifact

    upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=study)


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
