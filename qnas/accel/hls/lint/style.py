"""Plain C++ that hardware can be made of, and text that is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from qnas.accel.hls.lint.cpp import line_of, text_of, units
from qnas.accel.hls.lint.finding import Finding, Sources

FORBIDDEN = ("std::", "new ", "malloc", "#include <vector>", "double", "float", "goto ", "\t")


def sources_parse(sources: Sources) -> Iterator[Finding]:
    """What the grammar of C++ does not hold: an unmatched brace, for instance."""
    for one in units(sources):
        for node in _errors(one.root):
            yield Finding(one.path, line_of(node), "it must be C++", text_of(node)[:60])


def _errors(node: Node) -> Iterator[Node]:
    """What the parser took for an error, or added to go on."""
    if node.type == "ERROR" or node.is_missing:
        yield node
    for child in node.children if node.has_error else ():
        yield from _errors(child)


def plain_hardware_cpp(sources: Sources) -> Iterator[Finding]:
    for path, text in sources.items():
        for number, line in enumerate(text.splitlines(), start=1):
            code = re.sub(r"//.*", "", line)
            for word in FORBIDDEN:
                if word in code:
                    yield Finding(path, number, f"{word!r} is no hardware", line)
            if line != line.rstrip():
                yield Finding(path, number, "no spaces at the end of a line", line)
        last = text.count("\n")
        if not text.endswith("\n") or text.endswith("\n\n"):
            yield Finding(path, last, "a file ends in one newline", "")
