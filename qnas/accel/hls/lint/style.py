"""Plain C++ that hardware can be made of: whole text, no words of software, and no shifts by what
may be negative, for which HLS builds both directions and a choice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from qnas.accel.hls.lint.cpp import (
    Finding,
    Function,
    Sources,
    declared,
    descendants,
    functions,
    line_of,
    text_of,
    units,
)
from qnas.accel.hls.lint.scopes import loops_of

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


UNSIGNED = ("ap_uint<", "unsigned", "bool")


def shifts_are_by_unsigned_numbers(sources: Sources) -> Iterator[Finding]:
    """By a constant, a lane of an UNROLL loop, or an unsigned number or cast."""
    types = {name: kind for one in units(sources) for name, (kind, _) in one.typedefs.items()}
    for function in functions(sources):
        signed = _signed_variables(function, types)
        for node in descendants(function.body):
            operator = text_of(node.child_by_field_name("operator"))
            if node.type == "binary_expression" and operator in ("<<", ">>"):
                by = node.child_by_field_name("right")
                if by is not None and any(name in signed for name in _names(by)):
                    rule = "a shift is by an unsigned number"
                    yield Finding(function.path, line_of(node), rule, text_of(node))


def _names(by: Node) -> Iterator[str]:
    """Variables of the amount; what a call or a cast is given has its type."""
    if by.type == "identifier":
        yield text_of(by)
    elif by.type != "call_expression":
        for child in by.named_children:
            yield from _names(child)


def _signed_variables(function: Function, types: Mapping[str, str]) -> set[str]:
    lanes = {
        variable.name
        for loop, heads in loops_of(function)
        if any(pragma.kind == "UNROLL" for pragma in heads)
        for initial in loop.children_by_field_name("initializer")
        for variable in declared(initial)
    }
    own = [
        variable
        for node in descendants(function.body)
        if node.type == "declaration" and not text_of(node).startswith("constexpr")
        for variable in declared(node)
    ]
    return {
        variable.name
        for variable in (*function.parameters, *own)
        if not types.get(variable.type, variable.type).startswith(UNSIGNED)
    } - lanes
