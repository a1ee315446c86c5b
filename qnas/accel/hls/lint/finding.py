"""Finding: a rule that a line breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from qnas.accel.hls.lint.cpp import Pragma

Sources = Mapping[str, str]  # path -> text


class Finding(NamedTuple):
    """A rule that a line breaks."""

    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text.strip()}"


Rule = Callable[[Sources], Iterator[Finding]]


def at(pragma: Pragma, rule: str) -> Finding:
    """Of the line of a pragma."""
    return Finding(pragma.path, pragma.line, rule, str(pragma))
