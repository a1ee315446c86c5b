"""Where multipliers are bound, and where they must not be."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from qnas.accel.hls.lint.cpp import Pragma, declared, descendants, line_of, pragmas, text_of
from qnas.accel.hls.lint.finding import Finding, Sources, at


def products_are_bound_where_declared(sources: Sources) -> Iterator[Finding]:
    """On the line below, so that one sees what is multiplied where."""
    for pragma in _bound(sources):
        above = [n for n in pragma.block.named_children if line_of(n) < pragma.line]
        last = above[-1] if above else None
        names = [v.name for v in declared(last)] if last and last.type == "declaration" else []
        if pragma.names[0] not in names or "*" not in text_of(last):
            yield at(pragma, "a bound product must be declared on the line above")


def sums_of_products_are_not_bound(sources: Sources) -> Iterator[Finding]:
    """A multiplier that is bound to a DSP takes no part in a cascade: its sum would be built from
    LUTs (UG1399, BIND_OP)."""
    for pragma in _bound(sources):
        uses = list(_uses(pragma))
        if pragma.get("impl") == "dsp" and uses and all(_is_added_up(use) for use in uses):
            yield at(pragma, "a product that is only added up must not be bound")


def _bound(sources: Sources) -> Iterator[Pragma]:
    for pragma in pragmas(sources):
        if pragma.kind == "BIND_OP" and pragma.get("op") == "mul" and pragma.names:
            yield pragma


def _uses(pragma: Pragma) -> Iterator[Node]:
    """Where the product's value is used, below its declaration."""
    for node in descendants(pragma.block):
        named = node.type == "identifier" and text_of(node) == pragma.names[0]
        if named and line_of(node) > pragma.line:
            yield node


def _is_added_up(node: Node) -> bool:
    """`sum += product`."""
    parent = node.parent
    return (
        parent is not None
        and parent.type == "assignment_expression"
        and text_of(parent.child_by_field_name("operator")) in ("+=", "-=")
        and parent.child_by_field_name("right") == node
    )
