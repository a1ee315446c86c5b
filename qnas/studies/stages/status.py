"""The state of a run: which stages are done, what is next, how long it took and how large it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qnas._util.serialization import Value, read_value
from qnas._util.units import counted
from qnas.errors import CapacityError, CheckpointError, ConfigError, StageOrderError
from qnas.studies.results.picks import choose
from qnas.studies.run.kept_files import size_bytes
from qnas.studies.run.manifest import Manifest, read_manifest
from qnas.studies.run.opening import read_run
from qnas.studies.run.outcome import Summary
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import RunDirectory
from qnas.studies.search.loop import SECONDS


@dataclass(frozen=True, slots=True)
class StageState(Value):
    """The state of one stage.

    Attributes:
        name: Name of the stage, which is also its command.
        done: Whether the stage has nothing left to do.
        progress: What is there: "epoch 12 of 130", "320 of 320 trials", "2 of 3 picks".
        seconds: Time that the stage took so far; None if it is not recorded.
    """

    name: str
    done: bool
    progress: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RunStatus(Value):
    """The state of a run.

    Attributes:
        run: The run's directory.
        name: Name of the study.
        space: Name of the space.
        device: Name of the device.
        stages: The stages, in their order.
        next: The command that does what is missing; "" if nothing is.
        trials: Decided trials of the search.
        best_error: Lowest top-1 error (percent) on the search split; None before a search.
        picks: Names of the exported picks.
        tuned: Number of fine-tuned subnets.
        mebibytes: Size of the run's directory.
        remark: Why a part of the state cannot be read; "" if all of it can.
    """

    run: str
    name: str
    space: str
    device: str
    stages: tuple[StageState, ...]
    next: str
    trials: int
    best_error: float | None
    picks: tuple[str, ...]
    tuned: int
    mebibytes: float
    remark: str = ""

    @property
    def stage(self) -> str:
        """The last stage that is done; "none" at the beginning."""
        done = [stage.name for stage in self.stages if stage.done]
        return done[-1] if done else "none"


def status(directory: Path) -> RunStatus:
    """Read the state of the run in `directory`, also while another process works on it.

    Nothing is executed, locked or written. Raises ConfigError for a directory that is no run, and
    CheckpointError for a damaged manifest.
    """
    files = RunDirectory(directory)
    manifest = read_manifest(files.manifest)
    trials, best_error, wanted, seconds, remark = _searched(directory)
    exported = sorted(path.parent.name for path in files.picks.glob("*/architecture.json"))
    verified = [name for name in exported if files.pick(name).verification.exists()]
    trained = files.trained
    of = manifest.config.search.trials
    searched = files.front.exists() and trained
    all_exported = searched and bool(wanted) and set(wanted) <= set(exported)
    all_verified = all_exported and set(wanted) <= set(verified) and files.summary.exists()
    picks = f"of {counted(len(wanted), 'pick')}"
    stages = (
        StageState("train", trained, _training(files, manifest), _training_seconds(manifest)),
        StageState("search", searched, f"{trials} of {of} trials" if trials else "", seconds),
        StageState("export", all_exported, f"{len(exported)} {picks}" if wanted else ""),
        StageState("verify", all_verified, f"{len(verified)} {picks}" if wanted else ""),
        StageState("report", searched and _is_current(files), _missed(files)),
    )
    missing = [stage.name for stage in stages if not stage.done]
    return RunStatus(
        run=str(directory),
        name=manifest.name,
        space=manifest.space.name,
        device=manifest.device.name,
        stages=stages,
        next=f"qnas {missing[0] if len(missing) == 1 else 'run'} {directory}" if missing else "",
        trials=trials,
        best_error=best_error,
        picks=tuple(exported),
        tuned=len(list(files.path.glob("tuned/*/tuning.json"))),
        mebibytes=round(size_bytes(directory) / 2**20, 2),
        remark=remark,
    )


def _searched(directory: Path) -> tuple[int, float | None, tuple[str, ...], float | None, str]:
    """Trials, best error, names of the wanted picks, seconds of the search, and a remark."""
    try:
        run = read_run(directory)
        records = run.records()
    except StageOrderError:
        return 0, None, (), None, ""
    except (CheckpointError, ConfigError) as error:
        return 0, None, (), None, str(error)
    errors = [trial.values["error"] for trial in records.trials if trial.feasible]
    try:
        wanted = tuple(
            pick.name for pick in choose(records, run.config.fps_targets, run.config.confidence)
        )
    except (CapacityError, StageOrderError):
        wanted = ()
    return records.count, min(errors, default=None), wanted, _search_seconds(run), ""


def _search_seconds(run: Run) -> float | None:
    """Time of the search as the study records it at its end."""
    found = run.study.user_attrs.get(SECONDS)
    return float(found) if isinstance(found, int | float) else None


def _training(files: RunDirectory, manifest: Manifest) -> str:
    """The last line of the training's log, in words."""
    log = files.training_log
    lines = log.read_text("utf-8").splitlines() if log.is_file() else []
    epochs = manifest.config.train.epochs
    return f"epoch {len(lines) and _epoch(lines)} of {epochs}" if lines else ""


def _epoch(lines: list[str]) -> int:
    import json

    for line in reversed(lines):  # the last line may be half written
        try:
            return int(json.loads(line)["epoch"])
        except (ValueError, KeyError, TypeError):
            continue
    return 0


def _training_seconds(manifest: Manifest) -> float | None:
    found = manifest.stages.get("train", {}).get("seconds")
    return float(found) if isinstance(found, int | float) else None


def _is_current(files: RunDirectory) -> bool:
    """Whether the report is as new as the outcome that it shows."""
    if not files.report.is_file():
        return False
    return not files.summary.exists() or (
        files.report.stat().st_mtime >= files.front.stat().st_mtime
    )


def _missed(files: RunDirectory) -> str:
    """The missed FPS targets, from the summary."""
    try:
        missed = read_value(Summary, files.summary).missed_targets if files.summary.exists() else ()
    except CheckpointError:
        return "summary.json is damaged"
    return ", ".join(f"{one.target:,} FPS is missed" for one in missed)
