"""Checks that the fields of a dataclass have their declared types.

A plain dataclass accepts any value: `embed_dims=(32.0, 64)`, `depth=True` or `np.int64(3)` would
cause an error, or a wrong division, far away. Pydantic checks values from TOML and JSON; this
module applies the same checks to values from Python code. It is fast, because a search makes
thousands of architectures.
"""

from __future__ import annotations

import functools
import math
import numbers
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields
from itertools import islice
from types import NoneType
from typing import Any, Literal

from qnas.errors import ConfigError, problem

SHOWN = 80  # characters of a wrong value
LONGEST = 1 << 16  # items of a sequence


def normalise_fields(value: Any, *, prefix: str = "", skip: Collection[str] = ()) -> None:
    """Convert every field of a frozen dataclass to its declared type. Call it in `__post_init__`.

    NumPy numbers become Python numbers, integers in float fields become floats, and lists and
    arrays become tuples. Anything else is a ConfigError that names `prefix` and the field: floats
    and booleans as integers, NaN and infinity, text as a sequence. Fields in `skip` stay unchanged.
    """
    cls: type = type(value)
    for name, convert in _converters(cls):
        if name in skip:
            continue
        given = getattr(value, name)
        found = convert(given, f"{prefix}{name}")
        if found is not given:
            object.__setattr__(value, name, found)


Converter = Callable[[Any, str], Any]


@functools.cache
def _converters(cls: type) -> tuple[tuple[str, Converter], ...]:
    hints = typing.get_type_hints(cls)
    return tuple((field.name, _converter(hints[field.name])) for field in fields(cls))


def _converter(hint: Any) -> Converter:
    """The function that converts a value to the type `hint`, or raises."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return functools.partial(_tuple, _converter(arguments[0]))
    if origin is dict:
        return functools.partial(_dict, _converter(arguments[1]))
    if origin is Literal:
        return functools.partial(_literal, arguments)
    if isinstance(hint, type):
        return functools.partial(_instance, hint)
    return functools.partial(_one_of, arguments)


def _integer(value: Any, subject: str) -> int:
    if type(value) is int:
        return value
    if not isinstance(value, numbers.Integral) or _is_bool(value):
        whole = isinstance(value, float) and value.is_integer()
        raise _wrong(subject, "must be an integer", value, f"Write {value:.0f}." if whole else "")
    return int(value)


def _real(value: Any, subject: str) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    try:
        if isinstance(value, numbers.Real) and not _is_bool(value) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise _wrong(subject, "must be a finite number", value)


def _boolean(value: Any, subject: str) -> bool:
    if not _is_bool(value):
        raise _wrong(subject, "must be True or False", value)
    return bool(value)


def _text(value: Any, subject: str) -> str:
    if not isinstance(value, str):
        raise _wrong(subject, "must be text", value)
    return str(value)


_SCALARS: dict[Any, Converter] = {int: _integer, float: _real, bool: _boolean, str: _text}


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")  # NumPy's


def _tuple(convert: Converter, value: Any, subject: str) -> tuple[Any, ...]:
    if isinstance(value, str | bytes | Mapping | set | frozenset) or not isinstance(
        value, Iterable
    ):
        raise _wrong(subject, "must be a sequence", value)
    given = value if isinstance(value, tuple) else tuple(islice(value, LONGEST + 1))
    if len(given) > LONGEST:
        raise _wrong(subject, f"must have at most {LONGEST:,} items", f"{type(value).__name__}")
    found = tuple([convert(item, f"{subject}[{i}]") for i, item in enumerate(given)])
    same = found is given or all(a is b for a, b in zip(found, given, strict=True))
    return given if same else found


def _dict(convert: Converter, value: Any, subject: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(subject, "must be a table", value)
    return {_text(k, f"{subject}: key"): convert(v, f"{subject}.{k}") for k, v in value.items()}


def _literal(choices: tuple[Any, ...], value: Any, subject: str) -> Any:
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise _wrong(subject, f"must be one of {', '.join(map(repr, choices))}", value)
    return value


def _instance(cls: type, value: Any, subject: str) -> Any:
    if not isinstance(value, cls):
        raise _wrong(subject, f"must be a {cls.__name__}", value)
    return value


def _one_of(hints: tuple[Any, ...], value: Any, subject: str) -> Any:
    """`value` as the first type that accepts it: booleans first, then text, then numbers."""
    for hint in sorted(hints, key=lambda hint: _ORDER.index(hint) if hint in _ORDER else -1):
        try:
            return _converter(hint)(value, subject)
        except ConfigError:
            continue
    some = [hint for hint in hints if hint is not NoneType]
    if len(some) == 1:  # None is what a field has that is left out
        return _converter(some[0])(value, subject)
    names = ", ".join("None" if hint is NoneType else hint.__name__ for hint in hints)
    raise _wrong(subject, f"must be one of {names}", value)


_ORDER = (bool, str, int, float)


def _wrong(subject: str, rule: str, value: Any, remedy: str = "") -> ConfigError:
    shown = repr(value)
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
    return ConfigError(problem(subject, rule, shown, remedy or "Correct the value."))
