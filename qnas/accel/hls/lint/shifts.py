"""Shifts by what may be negative: HLS then builds both directions and a choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tree_sitter import Node

from qnas.accel.hls.lint.cpp import (
    Function,
    declared,
    descendants,
    functions,
    line_of,
    text_of,
    units,
)
from qnas.accel.hls.lint.finding import Finding, Sources
from qnas.accel.hls.lint.scopes import loops_of

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
