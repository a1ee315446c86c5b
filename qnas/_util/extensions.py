"""What users and other distributions add: a name in a Python file, or an entry point.

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
    """Whether `name` points into a Python file rather than at something that qnas ships."""
    return SEPARATOR in name


def resolve(name: str, folder: Path) -> str:
    """The reference with its path made absolute, looked up from `folder`; other names as is."""
    if not is_reference(name):
        return name
    path, attribute = name.rsplit(":", 1)
    return f"{(folder / path).resolve()}:{attribute}"


def load_reference(reference: str, *, subject: str) -> Any:
    """What FILE.py:NAME names. The file is executed, unless this program has imported it or is
    it: it is the user's own.

    Raises ConfigError if there is no such file or name in it, or if the file fails.
    """
    path, attribute = reference.rsplit(":", 1)
    for module in _modules():  # names that a module makes when asked for them are not asked for
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
    except QnasError as error:  # a sentence already
        raise ConfigError(f"{printable(reference)}: {error}") from error
    except (Exception, SystemExit) as error:  # whatever a user's file raises is about that file
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
    """`module` is found among the imported ones: what it makes is known by its names in it."""
    token, other = _LOADING.set(path), sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        _LOADING.reset(token)
        if other is None:
            del sys.modules[module.__name__]
        else:  # a file of the same name leads to this one
            sys.modules[module.__name__] = other


def refuse_while_loading(call: str) -> None:
    """ConfigError where `call` is made by a file that is executed for a name in it alone."""
    if path := _LOADING.get():
        rule = "must not be called while a file is executed for a name in it"
        remedy = 'Put the call below `if __name__ == "__main__":`.'
        raise ConfigError(problem(call, rule, path, remedy))


def reference_of(value: object, *, subject: str) -> str:
    """FILE.py:NAME by which `value` is found again, by workers and by whoever resumes the run.

    Raises ConfigError unless it is bound to a name at the top level of an imported Python file.
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
    """The program's own file first: what it defines may be imported elsewhere as well."""
    main = sys.modules.get("__main__")
    others = (module for name, module in list(sys.modules.items()) if name != "__main__")
    yield from (m for m in (main, *others) if isinstance(m, ModuleType))


def _is_of(module: ModuleType, path: Path) -> bool:
    """Whether the module is of that file. Names are compared first: links are slow to follow."""
    file = vars(module).get("__file__")
    return isinstance(file, str) and Path(file).name == path.name and _file_of(module) == path


def _file_of(module: ModuleType) -> Path | None:
    file = vars(module).get("__file__")
    return Path(file).resolve() if isinstance(file, str) and file.endswith(".py") else None


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
