"""The manifest: what a run was made from, and the guard against mixing two studies."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from qnas._util.serialization import Value, digest, encode, read_json, read_value, write_json
from qnas._util.version import __version__
from qnas.accel.device import Device
from qnas.data.image_set import ImageSet
from qnas.data.splits import Splits
from qnas.errors import ConfigError, problem
from qnas.space import SearchSpace
from qnas.studies.config import Study

PACKAGES = ("numpy", "torch", "optuna", "moocore", "plotly", "scikit-learn", "safetensors")
# Picks follow from the front, and a longer search begins with the shorter one's trials, so
# neither makes an existing run wrong; nor does another tuning, whose record knows its recipe. A
# space, data and a device are compared by what they are, not by their names.
CHANGEABLE = ("fps_targets", "space", "data", "device", "tune")
DIGESTS = ("space", "data", "splits", "device", "calibration")


@dataclass(frozen=True, slots=True)
class Named(Value):
    """A space or a device, and what it was when the run began."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class NamedData(Value):
    """The data, and how many images there are."""

    name: str
    digest: str
    images: int


@dataclass(frozen=True, slots=True)
class SplitSizes(Value):
    """The splits, and how many images each has."""

    digest: str
    train: int
    search: int
    report: int


@dataclass(frozen=True, slots=True)
class Manifest(Value):
    """manifest.json."""

    format: int
    name: str
    versions: dict[str, str]
    seeds: dict[str, int]
    config: Study
    config_digest: str
    space: Named
    data: NamedData
    splits: SplitSizes
    device: Named
    calibration: Named = Named("", "")
    stages: dict[str, dict[str, float | int | str]] = field(default_factory=dict)


def make_manifest(
    config: Study, *, space: SearchSpace, device: Device, images: ImageSet, splits: Splits
) -> Manifest:
    """Versions, seeds, config, and the digests of everything that the run reads."""
    seeds = {"splits": config.seed, "train": config.seed, "search": config.seed}
    return Manifest(
        format=1,
        name=config.name,
        versions={"python": platform.python_version(), "qnas": __version__, **_versions()},
        seeds=seeds,
        config=config.recorded(),
        config_digest=digest(config.recorded()),
        space=space_of(config, space),
        data=NamedData(config.data_name, images.digest, len(images.labels)),
        splits=SplitSizes(
            splits.digest,
            train=len(splits.train),
            search=len(splits.search),
            report=len(splits.report),
        ),
        device=device_of(device),
        calibration=calibration_of(config),
    )


def space_of(config: Study, space: SearchSpace) -> Named:
    """The study's space by its content."""
    return Named(config.space if isinstance(config.space, str) else space.name, digest(space))


def device_of(device: Device) -> Named:
    """The device by its content."""
    return Named(device.name, digest(device))


def calibration_of(config: Study) -> Named:
    """By its content, wherever the file lies."""
    file = config.calibration.file
    return Named(Path(file).name, digest(read_json(Path(file)))) if file else Named("", "")


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`; CheckpointError if it is damaged."""
    return read_value(Manifest, path)


def merge(path: Path, fresh: Manifest) -> Manifest:
    """The manifest to go on with: `fresh`, with what the one at `path` knows of its stages.

    Raises ConfigError naming the section in which the two differ.
    """
    old = read_manifest(path)
    changed = [name for name in DIGESTS if getattr(old, name).digest != getattr(fresh, name).digest]
    refuse([*changed_sections(old, fresh.config), *changed], path.parent)
    return replace(fresh, versions=old.versions, stages=old.stages)


def refuse(changed: Sequence[str], folder: Path) -> None:
    """ConfigError for the first section of a study that is not that of the run in `folder`."""
    for section in changed:
        raise ConfigError(
            problem(
                section,
                f"must be what the run in {folder} was made with",
                "something else",
                "Give the changed study another name, or delete that folder.",
            )
        )


def record_stage(path: Path, stage: str, facts: Mapping[str, float | int | str]) -> None:
    """Add `facts` to what the manifest says of `stage`."""
    manifest = read_manifest(path)
    known = manifest.stages.get(stage, {})
    stages = {**manifest.stages, stage: {**known, **facts}}
    write_json(path, replace(manifest, stages=stages))


def changed_sections(old: Manifest, config: Study) -> list[str]:
    """The keys and tables of a study that a run may not change, and that differ."""
    configs = encode(old.config), encode(config.recorded())
    sections = [
        f"[{name}]" if isinstance(value, dict) else name
        for name, value in configs[1].items()
        if name not in CHANGEABLE and _pinned(configs[0][name]) != _pinned(value)
    ]
    if config.search.trials < old.config.search.trials:
        sections.append("search.trials")
    return sections


def _pinned(value: Any) -> Any:
    """A config section without what may grow, or does not change what is found."""
    free = ("trials", "stop_after")
    return {k: v for k, v in value.items() if k not in free} if isinstance(value, dict) else value


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
