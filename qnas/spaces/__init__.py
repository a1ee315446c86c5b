"""Named search spaces, one file each: the choices and their source, without algorithms.

`load_space` returns the space of a name, `space_names` lists the names.
"""

from __future__ import annotations

from qnas._util.extensions import is_reference, load_plugin, load_reference, plugin_names
from qnas.errors import ConfigError, UnknownNameError, nearest, problem
from qnas.space import SearchSpace
from qnas.spaces.deit import DEIT_BASE, DEIT_SMALL, DEIT_TINY
from qnas.spaces.digits import DIGITS
from qnas.spaces.small import SMALL28, SMALL32, TINY28, TINY32

GROUP = "qnas.spaces"
_SPACES = {
    space.name: space
    for space in (
        *(DIGITS, TINY28, TINY32, SMALL28, SMALL32),
        *(DEIT_TINY, DEIT_SMALL, DEIT_BASE),
    )
}


def space_names() -> tuple[str, ...]:
    """The names of the spaces that come with qnas or with a plugin."""
    return tuple(sorted({*_SPACES, *plugin_names(GROUP)}))


def load_space(name: str) -> SearchSpace:
    """Load a search space by name.

    Args:
        name: A space that comes with qnas, a plugin's space, or a name in a Python file
            (`spaces.py:MINE`).

    Raises:
        UnknownNameError: No space has this name.
        ConfigError: The named object is no SearchSpace.
    """
    if is_reference(name):
        return _checked(name, load_reference(name, subject="space"))
    if name not in _SPACES and name in plugin_names(GROUP):
        return _checked(name, load_plugin(GROUP, name))
    if name not in _SPACES:
        raise UnknownNameError(
            problem(
                "space", "must be a known search space", repr(name), nearest(name, space_names())
            )
        )
    return _SPACES[name]


def _checked(name: str, space: object) -> SearchSpace:
    if not isinstance(space, SearchSpace):
        rule = "must be a SearchSpace"
        raise ConfigError(problem("space", rule, f"{name}: {space!r:.80}", "Write one."))
    return space
