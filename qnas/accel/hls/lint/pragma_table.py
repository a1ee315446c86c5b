"""The options of every pragma against the table of what Vitis HLS knows (pragmas.toml)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from qnas.accel.hls.lint.cpp import Finding, Pragma, Sources, at, pragmas, units

NAME = re.compile(r"[A-Za-z_]\w*")
CONSTANT = re.compile(r"-?\d+|(?:\w+::)*[A-Z][A-Z0-9_]*")
Entry = Mapping[str, Any]


@cache
def table() -> Mapping[str, Entry]:
    text = resources.files("qnas.accel.hls.lint").joinpath("pragmas.toml").read_text("utf-8")
    return tomllib.loads(text)


def options_are_known(sources: Sources) -> Iterator[Finding]:
    """Names, options, values, what must be said and what excludes what."""
    for pragma in pragmas(sources):
        entry = table().get(_key(pragma))
        if entry is None:
            yield at(pragma, "a pragma must be one that Vitis HLS knows")
            continue
        for fault in _faults(pragma, entry):
            yield at(pragma, fault)


def counts(pragma: Pragma) -> Iterator[str]:
    """Values of its settings that are integers, as written."""
    integers = table().get(_key(pragma), {}).get("integers", {})
    return (value for name, value in pragma.options if name in integers and value is not None)


def pragmas_stand_in_functions(sources: Sources) -> Iterator[Finding]:
    for one in units(sources):
        seen = {pragma.line for function in one.functions for pragma in function.pragmas}
        for number, line in enumerate(sources[one.path].splitlines(), start=1):
            if "#pragma" in line and number not in seen and line.strip() != "#pragma once":
                yield Finding(one.path, number, "a pragma must stand in a function", line)


def _key(pragma: Pragma) -> str:
    """INTERFACE has a table a mode, which is its first word."""
    mode = next((name for name, value in pragma.options if value is None), "")
    return f"INTERFACE {mode}" if pragma.kind == "INTERFACE" else pragma.kind


def _faults(pragma: Pragma, entry: Entry) -> Iterator[str]:
    said = [name for name, _ in pragma.options]
    for name in sorted({name for name in said if said.count(name) > 1}):
        yield f"`{name}` must be said once"
    for name in entry.get("required", ()):
        if pragma.get(name) is None:
            yield f"`{name}` must be given"
    for group in entry.get("one_of", ()):
        if len([name for name in group if name in said]) > 1:
            yield f"{' and '.join(group)} exclude each other"
    for name, value in pragma.options:
        yield from _word(pragma, name, entry) if value is None else _setting(name, value, entry)
    yield from _groups(pragma, entry)
    yield from _partition(pragma)
    yield from _storage(pragma, entry)


def _word(pragma: Pragma, name: str, entry: Entry) -> Iterator[str]:
    words = {word for group in entry.get("words", {}).values() for word in group}
    mode = pragma.kind == "INTERFACE" and f"INTERFACE {name}" in table()
    if name not in entry.get("flags", ()) and name not in words and not mode:
        yield f"no option is called `{name}`"


def _setting(name: str, value: str, entry: Entry) -> Iterator[str]:
    """A value must be of the kind of its option."""
    allowed = {**entry.get("values", {}), **entry.get("words", {})}
    if name in allowed:
        if value.lower() not in allowed[name]:
            yield f"`{name}` must be one of {', '.join(allowed[name])}"
    elif name in entry.get("integers", {}):
        least = entry["integers"][name]
        if not CONSTANT.fullmatch(value) or (_number(value) and int(value) < least):
            yield f"`{name}` must be a constant from {least} on"
    elif name in (*entry.get("variables", ()), *entry.get("names", ())):
        if not NAME.fullmatch(value):
            yield f"`{name}` must be a name"
    elif not (name in ("type", "impl") and "pairs" in entry):
        yield f"no option is called `{name}`"


def _number(value: str) -> bool:
    return value.lstrip("-").isdigit()


def _groups(pragma: Pragma, entry: Entry) -> Iterator[str]:
    """Of each group exactly one, as a word or as the setting of the group's name."""
    for name, group in entry.get("words", {}).items():
        said = [word for word in group if pragma.says(word)]
        count = len(said) + (pragma.get(name) is not None)
        if count > 1 or (count == 0 and name not in entry.get("optional_words", ())):
            yield f"one of {', '.join(group)} must be said"


def _partition(pragma: Pragma) -> Iterator[str]:
    """Complete is without a factor, all else with one."""
    if pragma.kind in ("ARRAY_PARTITION", "ARRAY_RESHAPE"):
        complete = pragma.says("complete") or pragma.get("type") == "complete"
        if complete is not (pragma.get("factor") is None):
            yield "a factor goes with block and cyclic, and they with it"


def _storage(pragma: Pragma, entry: Entry) -> Iterator[str]:
    pairs, kind, impl = entry.get("pairs"), pragma.get("type"), pragma.get("impl")
    if pairs is not None and kind is not None:
        if kind not in pairs:
            yield f"`type` must be one of {', '.join(pairs)}"
        elif impl is not None and impl not in pairs[kind]:
            yield f"`impl` of {kind} must be one of {', '.join(pairs[kind])}"
