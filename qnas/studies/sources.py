"""The accepted forms of a study's parts: objects, or names that refer to objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from qnas._util.extensions import is_reference, reference_of
from qnas.accel.device import Device
from qnas.errors import UnknownNameError, nearest, problem
from qnas.space import SearchSpace

if TYPE_CHECKING:
    from qnas.data.given import GivenImages
    from qnas.data.image_set import ImageSet
    from qnas.objectives.base import Objective

    DataSource = str | GivenImages | ImageSet | Callable[[], ImageSet]
    ObjectiveSource: TypeAlias = str | Objective
    Objectives = Sequence[ObjectiveSource]
    Limits = Mapping[ObjectiveSource, float]
else:  # types in a TOML file, and in a Study after its objects are replaced by names
    from qnas.data.given import GivenImages

    DataSource = str | GivenImages
    Objectives = tuple[str, ...]
    Limits = dict[str, float]

SpaceSource = str | SearchSpace
DeviceSource = str | Device


def name_of_objective(objective: ObjectiveSource) -> str:
    """The objective's name, or its reference into a Python file."""
    if isinstance(objective, str):
        return objective
    return reference_of(objective, subject="objectives")


def stem_of(source: SpaceSource | DeviceSource) -> str:
    """The part of a run's name that comes from `source`: its name, the name in its Python file, or
    the stem of its TOML file."""
    name = source if isinstance(source, str) else source.name
    return name.rsplit(":", 1)[-1] if is_reference(name) else Path(name).stem


def plain_name(text: str, otherwise: str = "mine") -> str:
    """`text` as a name of a study: letters, digits, '_', '-' and '.', at most 60 of them, with none
    of the last three at its ends; `otherwise` if nothing is left."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("._-")[:60] or otherwise


def check_known(key: str, name: str, names: Sequence[str]) -> None:
    """Raise UnknownNameError, with the nearest known name, unless `name` is one of `names`."""
    if name not in names:
        raise UnknownNameError(
            problem(key, "must be a known name", repr(name), nearest(name, names))
        )
