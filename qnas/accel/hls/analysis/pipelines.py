"""The pipelined loops of emitted C++, and what their pragmas claim of memories."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qnas.errors import GeneratorError, problem

LOOP = re.compile(r"(\s*)for \(.*\) \{")
LABEL = re.compile(r"(\w+):")
PIPELINE = re.compile(r"#pragma HLS PIPELINE(?! off)\b.*")
DEPENDENCE = re.compile(r"#pragma HLS DEPENDENCE (.*)")
FUNCTION = re.compile(r"(?:\w[\w:<>*&, ]*?[ &*])(\w+)\(")


@dataclass(frozen=True, slots=True)
class Claim:
    """A DEPENDENCE pragma: what it says of `variable`, between iterations or inside one.

    `kinds` are the orders it speaks of: RAW, WAR, WAW. With `distance` 0 none occurs; else none
    nearer than so many iterations.
    """

    path: str
    line: int
    variable: str
    between: bool
    kinds: tuple[str, ...]
    distance: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class PipelinedLoop:
    """Lines are numbers in the file, from 1: of the label, of `for`, of the closing brace."""

    path: str
    function: str
    label: str
    label_line: int
    for_line: int
    last_line: int
    claims: tuple[Claim, ...]

    @property
    def name(self) -> str:
        """As messages call it: `gemm: steps`."""
        return f"{self.function}: {self.label}"

    def claims_of(self, memory: str, *, between: bool) -> tuple[Claim, ...]:
        """What its pragmas say of a memory; a copy `score_1` is one of `score`."""
        known = (memory, re.sub(r"_\d+$", "", memory))
        return tuple(c for c in self.claims if c.variable in known and c.between == between)


def pipelined_loops(sources: Mapping[str, str]) -> tuple[PipelinedLoop, ...]:
    """Every loop with a PIPELINE pragma, in the order of files and lines.

    Raises GeneratorError for such a pragma that heads no loop on a line of its own.
    """
    return tuple(loop for path, text in sources.items() for loop in _loops(path, text))


def _loops(path: str, text: str) -> Iterator[PipelinedLoop]:
    lines, function = text.splitlines(), ""
    for number, line in enumerate(lines):
        if line[:1].isalpha() and (found := FUNCTION.match(line)):
            function = found[1]
        if not PIPELINE.fullmatch(line.strip()):
            continue
        head = _head(lines, number)
        if head is None:
            rule = "must head a loop, whose `for` stands on one line"
            remedy = "The generator is at fault: report it."
            raise GeneratorError(problem(f"{path}:{number + 1}", rule, line.strip(), remedy))
        label = LABEL.fullmatch(lines[head - 1].strip())
        indent = lines[head][: len(lines[head]) - len(lines[head].lstrip())]
        last = next(i for i in range(head + 1, len(lines)) if lines[i].rstrip() == f"{indent}}}")
        yield PipelinedLoop(
            path,
            function,
            label[1] if label else f"line {head + 1}",
            head + (0 if label else 1),
            head + 1,
            last + 1,
            tuple(_claims(path, lines, head + 1, last)),
        )


def _head(lines: list[str], pragma: int) -> int | None:
    """The `for` that a pragma stands under, other pragmas and comments between."""
    for number in range(pragma - 1, -1, -1):
        bare = lines[number].strip()
        if LOOP.fullmatch(lines[number]):
            return number
        if not bare.startswith(("#pragma", "//")):
            return None
    return None


def _claims(path: str, lines: list[str], first: int, last: int) -> Iterator[Claim]:
    for number in range(first, last):
        found = DEPENDENCE.fullmatch(lines[number].strip())
        if not found:
            continue
        words = found[1].split()
        options = dict(word.split("=") for word in words if "=" in word)
        kinds = tuple(kind for kind in ("RAW", "WAR", "WAW") if kind in words)
        yield Claim(
            path,
            number + 1,
            options.get("variable", ""),
            "intra" not in words,
            kinds or ("RAW", "WAR", "WAW"),
            0 if "false" in words else int(options.get("distance", 1)),
        )
