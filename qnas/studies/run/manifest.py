"""The manifest: the inputs of a run, and the records of its stages."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from qnas._util.serialization import Value, decode, digest, read_json, write_json
from qnas._util.version import __version__
from qnas.accel.cost.prediction import CONFIDENCE
from qnas.accel.device import Device
from qnas.data.image_set import ImageSet
from qnas.data.splits import Splits
from qnas.errors import CheckpointError, ConfigError, problem
from qnas.objectives.registry import ObjectiveInfo, objective_info
from qnas.space import SearchSpace
from qnas.studies.config import Study
from qnas.studies.sections import NO_CALIBRATION

PACKAGES = ("numpy", "torch", "optuna", "moocore", "plotly", "scikit-learn", "safetensors")
FORMAT = 2  # of manifest.json; format 1 had a digest of `config` as well


@dataclass(frozen=True, slots=True)
class Named(Value):
    """A space or a device: its name, and the digest of its content when the run began."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class NamedData(Value):
    """The data: name, digest and number of images."""

    name: str
    digest: str
    images: int

    def __str__(self) -> str:
        return f"{self.images:,} images ({self.digest[:12]})"


@dataclass(frozen=True, slots=True)
class SplitSizes(Value):
    """The splits: their digest, and the number of images of each."""

    digest: str
    train: int
    search: int
    report: int


@dataclass(frozen=True, slots=True)
class Definitions(Value):
    """What a study's names in Python files stand for: a run is read without executing them.

    Attributes:
        space: The search space.
        objectives: The objectives, also those of limits, by their names in the study.
        device: The device; None in runs of older versions.
    """

    space: SearchSpace
    objectives: dict[str, ObjectiveInfo]
    device: Device | None = None


@dataclass(frozen=True, slots=True)
class Manifest(Value):
    """The content of manifest.json."""

    format: int
    name: str
    versions: dict[str, str]
    seeds: dict[str, int]
    config: Study
    space: Named
    data: NamedData
    splits: SplitSizes
    device: Named
    calibration: Named = Named("", "")
    definitions: Definitions | None = None
    stages: dict[str, dict[str, float | int | str]] = field(default_factory=dict)

    def board_kept(self) -> Study:
        """The study, with the device as the run began with it if the study names a file of it: the
        run may be read where that file is not."""
        kept = self.definitions.device if self.definitions else None
        named = self.config.device
        if kept is None or not isinstance(named, str) or not named.endswith(".toml"):
            return self.config
        return replace(self.config, device=kept)


def make_manifest(
    config: Study, *, space: SearchSpace, device: Device, images: ImageSet, splits: Splits
) -> Manifest:
    """Make the manifest of a new run: versions, seeds, config, and digests of all inputs."""
    seeds = {"splits": config.seed, "train": config.seed, "search": config.seed}
    return Manifest(
        format=FORMAT,
        name=config.name,
        versions={"python": platform.python_version(), "qnas": __version__, **_versions()},
        seeds=seeds,
        config=config.recorded(),
        space=space_of(config, space),
        data=NamedData(config.data_name, images.digest, len(images.labels)),
        splits=SplitSizes(
            splits.digest,
            train=len(splits.train),
            search=len(splits.search),
            report=len(splits.report),
        ),
        device=device_of(device),
        calibration=calibration_of(config, device),
        definitions=Definitions(
            space,
            {n: objective_info(n) for n in (*config.objective_names, *config.limit_values)},
            device,
        ),
    )


def space_of(config: Study, space: SearchSpace) -> Named:
    """The study's space: its name, and the digest of its content."""
    return Named(
        config.space if isinstance(config.space, str) else space.name, digest(space.identity())
    )


def device_of(device: Device) -> Named:
    """The device: its name, and the digest of its content."""
    return Named(device.name, digest(device))


def calibration_of(config: Study, device: Device) -> Named:
    """The study's calibration by its content, independent of the file's location."""
    from qnas.accel.calibration.kernels import has_table, shipped_digest

    path = config.calibration.path
    shipped = shipped_digest() if has_table(device) else ""
    if path:
        return Named(Path(path).name, digest([read_json(Path(path)), shipped]))
    none = config.calibration.file == NO_CALIBRATION or not shipped
    return Named("", "") if none else Named("the shipped table", shipped)


def read_manifest(path: Path) -> Manifest:
    """Read the manifest at `path`, in this format or an older one.

    Raises CheckpointError if it is damaged, of a newer format, or of a study that only an older
    version of qnas reads.
    """
    data = read_json(path)
    number = data.get("format") if isinstance(data, dict) else None
    if isinstance(number, int) and number > FORMAT:
        rule, remedy = (
            f"must have a format of at most {FORMAT}",
            "Update qnas: a newer one wrote it.",
        )
        raise CheckpointError(problem(f"{path}: format", rule, number, remedy))
    if isinstance(number, int) and number < 1:
        rule, remedy = f"must be a format from 1 to {FORMAT}", "Restore the manifest."
        raise CheckpointError(problem(f"{path}: format", rule, number, remedy))
    if isinstance(data, dict):
        _without_calibration(data)
    if number == 1:
        data = {k: v for k, v in data.items() if k != "config_digest"} | {"format": FORMAT}
    try:
        return decode(Manifest, data, subject=str(path))
    except ConfigError as error:
        if number != 1 or "versions" not in data:
            raise CheckpointError(f"{error} Delete {path} and run again.") from None
        rule = "must be of a study that this version reads"
        remedy = "Open the run with the version that made it, or give the study another name."
        raise CheckpointError(
            problem(str(path), rule, f"one of qnas {_writer(data)} ({error})", remedy)
        ) from None


def _without_calibration(data: dict[str, Any]) -> None:
    """Say so in the study of a run whose predictions were estimates: before there was a table,
    this was what an empty name of a file meant."""
    study, made_with = data.get("config"), data.get("calibration")
    if isinstance(study, dict) and isinstance(study.get("calibration"), dict):
        named = isinstance(made_with, dict) and made_with.get("digest")
        bound = study["calibration"].pop("bound", "value")
        if not named and not study["calibration"].get("file"):
            study["calibration"]["file"] = NO_CALIBRATION
        if bound == "upper":
            study["confidence"] = CONFIDENCE


def _writer(data: dict[str, Any]) -> str:
    """The version of qnas that wrote a manifest, as far as it says so."""
    versions = data["versions"]
    return str(versions.get("qnas", "?") if isinstance(versions, dict) else "?")[:40]


def record_stage(path: Path, stage: str, facts: Mapping[str, float | int | str]) -> None:
    """Add `facts` to the record of `stage` in the manifest."""
    manifest = read_manifest(path)
    known = manifest.stages.get(stage, {})
    stages = {**manifest.stages, stage: {**known, **facts}}
    write_json(path, replace(manifest, stages=stages))


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
