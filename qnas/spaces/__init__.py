"""Named search spaces: one file each, data and its source, no algorithms."""

from __future__ import annotations

from qnas.errors import UnknownNameError, nearest, problem
from qnas.space import SearchSpace
from qnas.spaces.digits import DIGITS

_SPACES = {space.name: space for space in (DIGITS,)}


def space_names() -> tuple[str, ...]:
    """Names that `load_space` answers to."""
    return tuple(sorted(_SPACES))


def load_space(name: str) -> SearchSpace:
    """The named space; UnknownNameError names the nearest known one."""
    if name not in _SPACES:
        raise UnknownNameError(
            problem("space", "must be a known search space", repr(name), nearest(name, _SPACES))
        )
    return _SPACES[name]
