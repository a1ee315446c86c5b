"""Opening a run: for writing by one process, or for reading beside the process that writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qnas._util.extensions import is_reference, portable
from qnas._util.serialization import write_json
from qnas.data.given import write_images
from qnas.data.image_set import ImageSet
from qnas.errors import ConfigError, problem
from qnas.objectives.registry import use_recorded
from qnas.studies.config import Study
from qnas.studies.progress import SILENT, Progress
from qnas.studies.run.changes import changes, refuse_any
from qnas.studies.run.checks import check_fit, check_recipe, check_warm_start, inspect_data
from qnas.studies.run.corrections import keep_membership, take_over
from qnas.studies.run.feasibility import assess
from qnas.studies.run.manifest import Manifest, read_manifest
from qnas.studies.run.pretrained import check_weights
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import RunDirectory, sweep


@contextmanager
def writable_run(
    config: Study,
    *,
    runs: Path = Path("runs"),
    stage: str = "run",
    progress: Progress = SILENT,
) -> Iterator[Run]:
    """Open the run of `config` under `runs` for writing, locked for this process.

    `progress` is told of every correction of the study or its data that the run takes over.

    The stages that begin a run ("run" and "train") create the run if it is absent.

    Raises StageOrderError for other stages without a run, UnknownNameError for unknown names,
    ConfigError for data that do not match the space and for an existing run of another study, and
    CapacityError, before a training, if no subnet would fit the device or reach an FPS target.
    Raises also as `check_weights`.
    """
    config.check_names()
    run = Run(config, runs / config.name)
    if stage not in ("run", "train"):
        run.need(stage, run.files.manifest.exists(), "train")
    # All checks precede the directory: bad input creates no file.
    _ = run.predictor
    if not run.trained():
        inspect_data(config, run.space)
        assess(config).require()
        check_warm_start(config, run.space)
        check_recipe(config.train)
        check_weights(config, run.space)
    check_fit(run.space, run.images.header)
    _ = run.splits
    run.files.path.mkdir(parents=True, exist_ok=True)
    with run.files.locked():
        sweep(run.files)
        existing = run.files.manifest.exists()
        manifest, corrections = take_over(run) if existing else (run.make_manifest(), ())
        if isinstance(config.data, ImageSet) and not run.files.images.exists():
            write_images(run.files.images, config.data)
        write_json(run.files.manifest, manifest)
        keep_membership(run)
        for correction in corrections:
            progress.stage("study", correction)
        yield run


def read_run(directory: Path, *, config: Study | None = None, trust: bool = False) -> Run:
    """Open the run in `directory` read-only: see `readable_config`."""
    found = readable_config(directory, config=config, trust=trust)
    return Run(found, directory, read_only=True, trust=trust or config is not None)


def readable_config(directory: Path, *, config: Study | None = None, trust: bool = False) -> Study:
    """The study of the run in `directory`: `config` if given, else the study in its manifest.

    Without `config` no Python file is executed unless `trust` is set: space and objectives are
    those that the manifest holds as data. Nothing is locked or written. Raises ConfigError for a
    directory that is no run, for a `config` that differs from the run's study, and for a manifest
    without these data.

    Of a `config` no Python file is executed either, unless the manifest lacks what it stands for.
    """
    files = RunDirectory(directory)
    if not files.manifest.is_file():
        rule, remedy = "must be the directory of a run", "Give a directory like runs/NAME."
        raise ConfigError(problem("run", rule, directory, remedy))
    manifest = read_manifest(files.manifest)
    if config is None:
        return manifest.board_kept() if trust else _without_code(manifest, directory)
    executed = manifest.definitions is None
    config.check_names(execute=executed)
    as_data = not executed and _is_code(config.space)
    found = changes(
        manifest, config, space=None if as_data else config.search_space(), device=config.board()
    )
    refuse_any((change for change in found if change.stage != "export"), directory)
    return config if executed else _as_data(config, manifest, directory)


def recorded_config(directory: Path, *, trust: bool = False) -> Study:
    """The study in the manifest of the run in `directory`, to continue that run.

    ConfigError, unless `trust` is set, for a study that executes Python files.
    """
    config = read_manifest(RunDirectory(directory).manifest).board_kept()
    names = (*_names(config), config.data, config.search.sampler)
    if (code := list(filter(_is_code, names))) and not trust:
        rule = "must be trusted to execute the Python files of its study"
        remedy = "If you trust that file, give --trust, or name the study's TOML."
        raise ConfigError(problem(str(directory), rule, code[0], remedy))
    return config


def _without_code(manifest: Manifest, directory: Path) -> Study:
    """The study of a manifest, with what its names in Python files stand for as data."""
    config = manifest.board_kept()
    code = [name for name in _names(config) if _is_code(name)]
    if code and manifest.definitions is None:
        rule = "must hold its space and objectives as data, or be trusted to execute Python files"
        remedy = "If you trust that file, give --trust (in Python trust=True)."
        raise ConfigError(problem(str(directory), rule, code[0], remedy))
    return _as_data(config, manifest, directory) if code else config


def _as_data(config: Study, manifest: Manifest, directory: Path) -> Study:
    """`config` with what its names in Python files stand for, as its run's manifest holds it."""
    known = manifest.definitions
    assert known is not None
    recorded = {portable(name): info for name, info in known.objectives.items()}
    for name in filter(_is_code, (*config.objective_names, *config.limit_values)):
        if portable(name) not in recorded:
            remedy = "Give the changed study another name."
            rule = f"must be an objective that the run in {directory} was made with"
            raise ConfigError(problem("objectives", rule, name, remedy))
        use_recorded(name, recorded[portable(name)])
    return dataclasses.replace(
        config, space=known.space if _is_code(config.space) else config.space
    )


def _names(config: Study) -> tuple[object, ...]:
    return (config.space, *config.objective_names, *config.limit_values)


def _is_code(name: object) -> bool:
    return isinstance(name, str) and is_reference(name)
