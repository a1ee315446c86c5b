"""Opening a run: to write, held for one process, or to read, beside whoever writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qnas._util.serialization import write_json
from qnas.data.given import write_images
from qnas.data.image_set import ImageSet
from qnas.errors import ConfigError, problem
from qnas.studies.config import Study
from qnas.studies.run.data_check import check_fit, check_warm_start, inspect_data
from qnas.studies.run.feasibility import assess
from qnas.studies.run.manifest import (
    calibration_of,
    changed_sections,
    device_of,
    merge,
    read_manifest,
    refuse,
    space_of,
)
from qnas.studies.run.pretrained import check_weights
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import RunDirectory, sweep


@contextmanager
def writable_run(config: Study, *, runs: Path = Path("runs"), stage: str = "run") -> Iterator[Run]:
    """The run of `config` under `runs`, held for this process alone.

    Made if absent, for the stages that begin a run ("run" and "train"). Raises StageOrderError
    for other stages without a run, UnknownNameError for names nobody knows, ConfigError for data
    that the space is not for and if the run there was made from something else, and CapacityError
    before a training of which no subnet would fit the device or reach an FPS target; and what
    `check_weights` raises.
    """
    config.check_names()
    run = Run(config, runs / config.name)
    if stage not in ("run", "train"):
        run.need(stage, run.files.manifest.exists(), "train")
    # All before the directory: bad input leaves nothing behind.
    _ = run.predictor
    if not run.trained():
        inspect_data(config, run.space)
        assess(config).require()
        check_warm_start(config, run.space)
        check_weights(config, run.space)
    check_fit(run.space, run.images.header)
    manifest = run.make_manifest()
    run.files.path.mkdir(parents=True, exist_ok=True)
    with run.files.locked():
        sweep(run.files)
        if run.files.manifest.exists():
            manifest = merge(run.files.manifest, manifest)
        if isinstance(config.data, ImageSet) and not run.files.images.exists():
            write_images(run.files.images, config.data)
        write_json(run.files.manifest, manifest)
        yield run


def read_run(directory: Path, *, config: Study | None = None) -> Run:
    """The run in `directory`, to read: see `readable_config`."""
    return Run(readable_config(directory, config=config), directory, read_only=True)


def readable_config(directory: Path, *, config: Study | None = None) -> Study:
    """The study to read the run in `directory` as: `config`, by default the one it was made from.

    Nothing is locked or written. Raises ConfigError for a directory that is no run, and for a
    study that is not the run's.
    """
    files = RunDirectory(directory)
    if not files.manifest.is_file():
        rule, remedy = "must be the directory of a run", "Give a directory like runs/NAME."
        raise ConfigError(problem("run", rule, directory, remedy))
    manifest = read_manifest(files.manifest)
    if config is None:
        return manifest.config
    config.check_names()
    now = {
        "space": space_of(config, config.search_space()),
        "device": device_of(config.board()),
        "calibration": calibration_of(config),
    }
    changed = [name for name, it in now.items() if it.digest != getattr(manifest, name).digest]
    refuse([*changed_sections(manifest, config), *changed], directory)
    return config
