"""What other distributions add: entry points of the groups that qnas looks at.

    [project.entry-points."qnas.objectives"]
    weight_bytes = "my_package:WEIGHT_BYTES"

`qnas.spaces` names SearchSpaces, `qnas.objectives` Objectives, `qnas.devices` Devices or paths of
their TOML files.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from qnas.errors import ConfigError, problem


def plugin_names(group: str) -> tuple[str, ...]:
    """Names that installed distributions add to `group`, sorted."""
    return tuple(sorted(entry_points(group=group).names))


def load_plugin(group: str, name: str) -> Any:
    """What `name` of `group` (it must exist) points to; ConfigError if it cannot be imported."""
    (point, *_) = entry_points(group=group, name=name)
    try:
        return point.load()
    except Exception as error:  # whatever the other's module raises is about that module
        found = f"{point.value}: {type(error).__name__}: {error}"
        remedy = "Repair or remove the distribution that adds it."
        raise ConfigError(problem(name, f"must load, as {group} says", found, remedy)) from error
