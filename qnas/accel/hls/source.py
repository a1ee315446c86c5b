"""C++ as the checks see it: functions, lines with their numbers, pragmas, typedefs. No compiler."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

COMMENT = re.compile(r"//.*")
PRAGMA = re.compile(r"#pragma HLS (\w+) ?(.*)")
TYPEDEF = re.compile(r"typedef [\w:]+(?:<[^;]*?>)? (\w+)((?:\[[^\]]+\])*);")


@dataclass(frozen=True, slots=True)
class Function:
    """Lines from the end of the function before to a closing brace at the margin."""

    path: str
    first_line: int
    lines: tuple[str, ...]
    code: str  # without pragmas and comments


@dataclass(frozen=True, slots=True)
class Pragma:
    """One `#pragma HLS`, the function it stands in, and the last line of code above it."""

    line: int
    kind: str
    options: str
    function: Function
    above: str

    @property
    def names(self) -> tuple[str, ...]:
        """Variables and ports that it names."""
        return tuple(re.findall(r"(?:variable|port)=(\w+)", self.options))

    def option(self, name: str) -> str | None:
        found = re.search(rf"\b{name}=(\S+)", self.options)
        return found[1] if found else None


@lru_cache(maxsize=64)  # every rule asks for them, of every file
def functions(path: str, text: str) -> tuple[Function, ...]:
    """Pieces of a source that hold one function each; what follows the last one is left out."""
    return tuple(_functions(path, text))


def _functions(path: str, text: str) -> Iterator[Function]:
    start, lines = 0, text.splitlines()
    for number, line in enumerate(lines):
        if line == "}":
            own = lines[start : number + 1]
            kept = (COMMENT.sub("", x) for x in own if not x.startswith("#pragma"))
            yield Function(path, start + 1, tuple(own), "\n".join(kept))
            start = number + 1


def pragmas(sources: Mapping[str, str]) -> Iterator[Pragma]:
    """Every pragma inside a function, in order."""
    for path, text in sources.items():
        for function in functions(path, text):
            yield from _pragmas(function)


@lru_cache(maxsize=1024)
def _pragmas(function: Function) -> tuple[Pragma, ...]:
    found, above = [], ""
    for number, line in enumerate(function.lines, start=function.first_line):
        bare = line.strip()
        pragma = PRAGMA.fullmatch(bare)
        if pragma:
            found.append(Pragma(number, pragma[1], pragma[2], function, above))
        elif bare and not bare.startswith("//"):
            above = bare
    return tuple(found)


def typedef_dimensions(sources: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Name of each typedef -> its array dimensions, as they are written."""
    return {
        name: tuple(re.findall(r"\[([^\]]+)\]", sizes))
        for text in sources.values()
        for name, sizes in TYPEDEF.findall(text)
    }


def declaration(code: str, name: str) -> tuple[str, tuple[str, ...]] | None:
    """(type, array dimensions of its own) of a variable or argument; None if undeclared."""
    sizes = r"((?:\[[^\]]+\])*)"
    others = r"(?:\w+(?:\[[^\]]+\])*\s*,\s*)*?"  # declared before it in the same statement
    kind = r"([\w:]+(?:<[^;()]*?>)?)(?:\s*[&*]\s*|\s+)"
    pattern = re.compile(rf"{kind}{others}{name}\s*{sizes}\s*[;=,)({{]")
    near = "\n".join(line for line in code.splitlines() if name in line)
    for found in pattern.finditer(near):
        if found[1] not in ("return", "case", "else", "const"):
            return found[1], tuple(re.findall(r"\[([^\]]+)\]", found[2]))
    return None
