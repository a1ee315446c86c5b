"""The manifest: what a run was made from, and the guard against mixing two studies."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnas.errors import ConfigError, problem
from qnas.serial import digest, encode, read_json, write_json

if TYPE_CHECKING:
    from qnas.studies.workspace import Workspace

PACKAGES = ("numpy", "torch", "optuna", "moocore", "plotly", "scikit-learn", "safetensors")
# Picks follow from the front, and a longer search begins with the shorter one's trials, so
# neither makes an existing run wrong. A device is compared by its content, not by its path.
CHANGEABLE = ("fps_targets", "device")
DIGESTS = ("space", "data", "splits", "device")


def make_manifest(work: Workspace) -> dict[str, Any]:
    """Versions, seeds, config, and the digests of everything that the run reads."""
    config, splits = work.config, work.splits
    return {
        "format": 1,
        "name": config.name,
        "versions": {"python": platform.python_version(), "qnas": _qnas(), **_versions()},
        "seeds": {"splits": config.seed, "train": config.seed, "search": config.seed},
        "config": encode(config),
        "config_digest": digest(config),
        "space": {"name": config.space, "digest": digest(work.space)},
        "data": {
            "name": config.data,
            "digest": work.images.digest,
            "images": len(work.images.labels),
        },
        "splits": {
            "digest": splits.digest,
            "train": len(splits.train),
            "search": len(splits.search),
            "report": len(splits.report),
        },
        "device": {"name": work.device.name, "digest": digest(work.device)},
        "stages": {},
    }


def merge(path: Path, fresh: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest to go on with: `fresh`, with what the one at `path` knows of its stages.

    Raises ConfigError naming the section in which the two differ.
    """
    old = read_json(path)
    for section in _changed(old, fresh):
        raise ConfigError(
            problem(
                section,
                f"must be what the run in {path.parent} was made with",
                "something else",
                "Give the changed study another name, or delete that folder.",
            )
        )
    return {**fresh, "versions": old["versions"], "stages": old["stages"]}


def record_stage(path: Path, stage: str, facts: Mapping[str, Any]) -> None:
    """Add `facts` to what the manifest says of `stage`."""
    manifest = read_json(path)
    known = manifest["stages"].get(stage, {})
    manifest["stages"] = {**manifest["stages"], stage: {**known, **facts}}
    write_json(path, manifest)


def _changed(old: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[str]:
    sections = [
        f"[{name}]" if isinstance(value, dict) else name
        for name, value in fresh["config"].items()
        if name not in CHANGEABLE and _pinned(old["config"].get(name)) != _pinned(value)
    ]
    trials = [manifest["config"]["search"]["trials"] for manifest in (old, fresh)]
    if trials[1] < trials[0]:
        sections.append("search.trials")
    return sections + [n for n in DIGESTS if old[n]["digest"] != fresh[n]["digest"]]


def _pinned(value: Any) -> Any:
    """A config section without what may grow."""
    return {k: v for k, v in value.items() if k != "trials"} if isinstance(value, dict) else value


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def _qnas() -> str:
    import qnas

    return qnas.__version__
