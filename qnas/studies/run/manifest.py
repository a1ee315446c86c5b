"""The manifest: the inputs of a run, and the check that no other study is mixed into it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from qnas._util.serialization import Value, decode, digest, encode, read_json, write_json
from qnas._util.version import __version__
from qnas.accel.device import Device
from qnas.data.image_set import ImageSet
from qnas.data.splits import Splits
from qnas.errors import CheckpointError, ConfigError, problem
from qnas.objectives.registry import ObjectiveInfo, objective_info
from qnas.space import SearchSpace
from qnas.studies.config import Study

PACKAGES = ("numpy", "torch", "optuna", "moocore", "plotly", "scikit-learn", "safetensors")
# These keys may change without making an existing run wrong: picks follow from the front, a longer
# search begins with the trials of a shorter one, and a tuning records its own recipe. Space, data
# and device are compared by content, not by name.
CHANGEABLE = ("fps_targets", "space", "data", "device", "tune")
FORMAT = 2  # of manifest.json; format 1 had a digest of `config` as well
DIGESTS = ("space", "data", "splits", "device", "calibration")


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
    """

    space: SearchSpace
    objectives: dict[str, ObjectiveInfo]


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
        calibration=calibration_of(config),
        definitions=Definitions(
            space, {n: objective_info(n) for n in (*config.objective_names, *config.limit_values)}
        ),
    )


def space_of(config: Study, space: SearchSpace) -> Named:
    """The study's space: its name, and the digest of its content."""
    return Named(config.space if isinstance(config.space, str) else space.name, digest(space))


def device_of(device: Device) -> Named:
    """The device: its name, and the digest of its content."""
    return Named(device.name, digest(device))


def calibration_of(config: Study) -> Named:
    """The study's calibration by its content, independent of the file's location."""
    file = config.calibration.file
    return Named(Path(file).name, digest(read_json(Path(file)))) if file else Named("", "")


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


def _writer(data: dict[str, Any]) -> str:
    """The version of qnas that wrote a manifest, as far as it says so."""
    versions = data["versions"]
    return str(versions.get("qnas", "?") if isinstance(versions, dict) else "?")[:40]


def merge(path: Path, fresh: Manifest) -> Manifest:
    """The manifest `fresh`, with the stages that the existing manifest at `path` records.

    Raises ConfigError naming the section in which the two differ.
    """
    old = read_manifest(path)
    changed = [name for name in DIGESTS if getattr(old, name).digest != getattr(fresh, name).digest]
    refuse([*changed_sections(old, fresh.config), *changed], path.parent)
    return replace(fresh, versions=old.versions, stages=old.stages)


def refuse(changed: Sequence[str], folder: Path) -> None:
    """Raise ConfigError for the first of the `changed` sections, if any, of the run in `folder`."""
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
    """Add `facts` to the record of `stage` in the manifest."""
    manifest = read_manifest(path)
    known = manifest.stages.get(stage, {})
    stages = {**manifest.stages, stage: {**known, **facts}}
    write_json(path, replace(manifest, stages=stages))


def changed_sections(old: Manifest, config: Study) -> list[str]:
    """The keys and tables of a study that differ although a run may not change them."""
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
    """A section without the keys that may grow, and those that do not change the result."""
    free = ("trials", "stop_after", "checkpoint_minutes")
    return {k: v for k, v in value.items() if k not in free} if isinstance(value, dict) else value


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
