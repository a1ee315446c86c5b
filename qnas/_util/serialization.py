"""Conversion of frozen dataclasses to JSON and back: strict, without unknown keys, with stable
digests."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import tempfile
import tomllib
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from qnas._util.files import read_text
from qnas.errors import CheckpointError, ConfigError, QnasError, nearest, problem

T = TypeVar("T")
TOML_MIB, JSON_MIB = 16, 1024  # of the largest files that are read
SHOWN = 200  # characters of a wrong value that a message quotes


class Value:
    """Base of the dataclasses that are stored as JSON or TOML: strict types, no unknown keys."""

    __slots__ = ()
    # A plain dict, so that importing a value never imports pydantic.
    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid",
        "strict": True,
        "allow_inf_nan": False,
    }


def encode(value: Any) -> Any:
    """Encode a dataclass, or a container of them, as plain dicts, lists and scalars."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): encode(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [encode(v) for v in value]
    return value


def canonical_json(value: Any) -> str:
    """The canonical JSON text of a value, from which keys and digests are computed: sorted keys, no
    spaces."""
    return json.dumps(encode(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any, *, length: int = 64) -> str:
    """The first `length` hexadecimal digits of the SHA-256 of `canonical_json(value)`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


def decode(cls: type[T], data: Any, *, subject: str) -> T:
    """Build `cls` from plain data; ConfigError names `subject` and the faulty key."""
    from pydantic import ValidationError

    try:
        value: T = _adapter(cls).validate_json(_text(data, subject))  # type: ignore[arg-type]
        return value
    except ValidationError as error:
        raise ConfigError(_explain(cls, error, subject)) from None


def _text(data: Any, subject: str) -> str:
    try:
        return json.dumps(data, default=str)
    except (ValueError, RecursionError) as error:  # too many digits or nested brackets
        rule = "must hold numbers and lists of a plain size"
        raise ConfigError(problem(subject, rule, error, "Correct the value.")) from None


@functools.cache
def _adapter(cls: type) -> Any:
    """Pydantic's TypeAdapter of `cls`, cached: making one takes milliseconds."""
    from pydantic import TypeAdapter

    return TypeAdapter(cls)


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file; ConfigError if it is absent or not TOML."""
    try:
        data = tomllib.loads(read_text(path, most_mib=TOML_MIB))
    except OSError as error:
        raise ConfigError(
            problem(str(path), "must be a readable TOML file", error.strerror, "Check the path.")
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            problem(str(path), "must be valid TOML", error, "Correct that line.")
        ) from None
    for text in _texts(data):
        if "\0" in text:  # no name or path may contain one
            rule = "must hold no NUL character"
            raise ConfigError(problem(str(path), rule, repr(text), "Correct the value."))
    return data


def _texts(value: Any) -> Iterator[str]:
    """Every string in plain data, including keys."""
    if isinstance(value, str):
        yield value
    for item in value if isinstance(value, list) else ():
        yield from _texts(item)
    for key, item in value.items() if isinstance(value, dict) else ():
        yield key
        yield from _texts(item)


def read_json(path: Path) -> Any:
    """Parse a JSON file that qnas wrote; CheckpointError if it is absent or damaged."""
    try:
        return json.loads(read_text(path, most_mib=JSON_MIB))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            problem(str(path), "must be a whole JSON file", error, "Delete it and run again.")
        ) from None


def read_value(cls: type[T], path: Path) -> T:
    """Read the `cls` that `write_json` wrote.

    Raises CheckpointError if the file is absent, damaged or of another class.
    """
    data = read_json(path)
    try:
        return decode(cls, data, subject=str(path))
    except ConfigError as error:
        raise CheckpointError(f"{error} Delete {path} and run again.") from None


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a temporary file beside `path`, flush it to disk and rename it: a partly written file
    never replaces `path`."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, keys in field order, atomically."""
    write_atomically(path, json.dumps(encode(value), indent=2, allow_nan=False) + "\n")


def _explain(cls: type, error: Any, subject: str) -> str:
    """One sentence per fault in pydantic's error."""
    faults = [fault for fault in error.errors() if not _is_of_other_kind(fault)]
    return " ".join(_sentence(cls, fault, subject) for fault in faults[:4])


def _is_of_other_kind(fault: Mapping[str, Any]) -> bool:
    """Whether a value that may be a name or a table is judged as the one that it is not."""
    kind, is_table = fault["loc"][-1:], isinstance(fault["input"], dict)
    if kind == ("str",):
        return is_table
    return fault["type"] == "dataclass_type" and _is_class(*kind) and not is_table


def _is_class(part: object = "") -> bool:
    """Whether a part of pydantic's location is a class among alternatives, and no key."""
    return str(part)[:1].isupper()


def _sentence(cls: type, fault: Mapping[str, Any], subject: str) -> str:
    location = tuple(fault["loc"])
    parts = [str(part) for part in location if not _is_class(part)]
    key = ".".join(parts).removesuffix(".str") or "value"
    where = f"{subject}: {key}"
    original = fault.get("ctx", {}).get("error")
    if isinstance(original, QnasError):
        return f"{subject}: {original}"
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        remedy = nearest(str(location[-1]), _known_keys(cls, location[:-1]))
        return problem(where, "must be a known key", repr(location[-1]), remedy)
    if fault["type"].startswith("missing"):
        return problem(where, "must be given", "nothing", "Add it.")
    rule = fault["msg"].removeprefix("Input ").removeprefix("should ")
    return problem(where, f"must {rule}", _shown(fault["input"]), "Correct the value.")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _known_keys(cls: Any, location: tuple[Any, ...]) -> list[str]:
    """Field names of the dataclass at `location` inside `cls`."""
    for part in location:
        if isinstance(part, int):
            cls = next((a for a in typing.get_args(cls) if a is not Ellipsis), cls)
        elif dataclasses.is_dataclass(cls):
            hints = typing.get_type_hints(cls)
            if part in hints:
                cls = hints[part]
        options = [a for a in typing.get_args(cls) if dataclasses.is_dataclass(a)]
        if options and not isinstance(part, int) and typing.get_origin(cls) is not tuple:
            cls = options[0]
    return [f.name for f in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
