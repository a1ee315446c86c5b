"""Extensions by users and other distributions: a name in a Python file, or an entry point.

    [project.entry-points."qnas.objectives"]
    weight_bytes = "my_package:WEIGHT_BYTES"

The group `qnas.spaces` names SearchSpaces, `qnas.objectives` Objectives, `qnas.devices` Devices or
paths of their TOML files.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from qnas.errors import ConfigError, QnasError, printable, problem

SEPARATOR = ".py:"
_LOADING: ContextVar[str] = ContextVar("_LOADING", default="")  # the file that is executed


def is_reference(name: str) -> bool:
    """Whether `name` refers to an object in a Python file (`mine.py:NAME`)."""
    return SEPARATOR in name


def resolve(name: str, folder: Path) -> str:
    """Make the path of a reference absolute, from `folder`; return other names unchanged."""
    if not is_reference(name):
        return name
    path, attribute = name.rsplit(":", 1)
    return f"{(folder / path).resolve()}:{attribute}"


def portable(name: str) -> str:
    """A reference without the folder of its file, as it is compared between places; other names
    unchanged."""
    return Path(name).name if is_reference(name) else name


def load_reference(reference: str, *, subject: str) -> Any:
    """Load the object of the reference FILE.py:NAME. The file is executed, unless the program has
    imported it or is that file.

    Raises ConfigError if there is no such file or name in it, or if the file fails.
    """
    path, attribute = reference.rsplit(":", 1)
    for module in _modules():  # vars() does not call a module's __getattr__
        known = vars(module)
        if attribute in known and _is_of(module, Path(path)):
            return known[attribute]
    spec = importlib.util.spec_from_file_location(f"qnas_user_{Path(path).stem}", path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise ConfigError(
            problem(subject, "must be a Python file and a name in it", reference, "Check the path.")
        )
    module = importlib.util.module_from_spec(spec)
    try:
        with _executing(module, path):
            spec.loader.exec_module(module)
        return getattr(module, attribute)
    except QnasError as error:  # already has a message
        raise ConfigError(f"{printable(reference)}: {error}") from error
    except (Exception, SystemExit) as error:  # any exception is a fault of the user's file
        raise ConfigError(
            problem(
                subject,
                "must be a name in a Python file that runs",
                f"{reference}: {type(error).__name__}: {error}",
                "Correct the file.",
            )
        ) from error


@contextmanager
def _executing(module: ModuleType, path: str) -> Iterator[None]:
    """Register `module` in sys.modules while it executes, so that its objects have names."""
    token, other = _LOADING.set(path), sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        _LOADING.reset(token)
        if other is None:
            del sys.modules[module.__name__]
        else:  # another module has the same name
            sys.modules[module.__name__] = other


def refuse_while_loading(call: str) -> None:
    """Raise ConfigError if a file that is only executed to load a name from it makes `call`."""
    if path := _LOADING.get():
        rule = "must not be called while a file is executed for a name in it"
        remedy = 'Put the call below `if __name__ == "__main__":`.'
        raise ConfigError(problem(call, rule, path, remedy))


def reference_of(value: object, *, subject: str) -> str:
    """The reference FILE.py:NAME with which workers and a resumed run find `value` again.

    Raises ConfigError unless `value` has a name at the top level of an imported Python file.
    """
    home = sys.modules.get(getattr(value, "__module__", None) or type(value).__module__)
    for module in (home, *_modules()):
        file = _file_of(module) if module else None
        for name, bound in vars(module).items() if file else ():
            if bound is value:
                return f"{file}:{name}"
    rule = "must be bound to a name at the top level of a Python file: workers and a resumed run"
    raise ConfigError(
        problem(subject, f"{rule} find it there", _described(value), "Move it to a file, by name.")
    )


def _described(value: object) -> str:
    return str(getattr(value, "__qualname__", None) or f"a nameless {type(value).__name__}")


def _modules() -> Iterator[ModuleType]:
    """The loaded modules, the program's own file first: other modules may import its names."""
    main = sys.modules.get("__main__")
    others = (module for name, module in list(sys.modules.items()) if name != "__main__")
    yield from (m for m in (main, *others) if isinstance(m, ModuleType))


def _is_of(module: ModuleType, path: Path) -> bool:
    """Whether `module` was loaded from `path`. File names are compared first, because following
    links is slow."""
    file = vars(module).get("__file__")
    return isinstance(file, str) and Path(file).name == path.name and _file_of(module) == path


def _file_of(module: ModuleType) -> Path | None:
    file = vars(module).get("__file__")
    return Path(file).resolve() if isinstance(file, str) and file.endswith(".py") else None


def plugin_names(group: str) -> tuple[str, ...]:
    """The sorted names that installed distributions add to `group`."""
    return tuple(sorted(_points(tuple(sys.path)).select(group=group).names))


def load_plugin(group: str, name: str) -> Any:
    """Load the object of the entry point `name` of `group`, which must exist.

    Raises ConfigError if the object cannot be imported.
    """
    (point, *_) = _points(tuple(sys.path)).select(group=group, name=name)
    try:
        return point.load()
    except Exception as error:  # any exception of a plugin's module is a fault of that module
        found = f"{point.value}: {type(error).__name__}: {error}"
        remedy = "Repair or remove the distribution that adds it."
        raise ConfigError(problem(name, f"must load, as {group} says", found, remedy)) from error


@cache  # each call opens a file of every distribution: a tenth of the time of `qnas check`
def _points(path: tuple[str, ...]) -> Any:
    """Entry points of all groups, from the distributions on `path` (sys.path).

    The type is EntryPoints, or SelectableGroups before Python 3.12; both have `select`.
    """
    return entry_points()
