"""What other distributions add: entry points of the groups that qnas looks at.

    [project.entry-points."qnas.objectives"]
    weight_bytes = "my_package:WEIGHT_BYTES"

`qnas.spaces` names SearchSpaces, `qnas.objectives` Objectives, `qnas.devices` Devices or paths of
their TOML files.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from qnas.errors import ConfigError, problem


def plugin_names(group: str) -> tuple[str, ...]:
    """Names that installed distributions add to `group`, sorted."""
    return tuple(sorted(_points(tuple(sys.path)).select(group=group).names))


def load_plugin(group: str, name: str) -> Any:
    """What `name` of `group` (it must exist) points to; ConfigError if it cannot be imported."""
    (point, *_) = _points(tuple(sys.path)).select(group=group, name=name)
    try:
        return point.load()
    except Exception as error:  # whatever the other's module raises is about that module
        found = f"{point.value}: {type(error).__name__}: {error}"
        remedy = "Repair or remove the distribution that adds it."
        raise ConfigError(problem(name, f"must load, as {group} says", found, remedy)) from error


@cache  # each look opens a file of every distribution: a tenth of what `qnas check` takes
def _points(path: tuple[str, ...]) -> Any:
    """Entry points of all groups, from the distributions on `path`, which is sys.path. EntryPoints;
    before Python 3.12 SelectableGroups, of which `select` gives the same."""
    return entry_points()
