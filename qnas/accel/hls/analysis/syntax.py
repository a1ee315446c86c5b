"""What the analysis asks of C++: conditions, what they leave early, what they assign to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from qnas.accel.hls.lint.cpp import text_of


def ifs(node: Node, *, loops: bool = True) -> Iterator[Node]:
    """All `if` statements inside, without those of inner loops unless `loops`."""
    for child in node.children:
        if child.type == "if_statement":
            yield child
        if loops or child.type != "for_statement":
            yield from ifs(child, loops=loops)


def escapes(node: Node, kind: str) -> bool:
    """Whether an `if` without else ends in a return or continue."""
    if node.child_by_field_name("alternative") is not None:
        return False
    body = node.child_by_field_name("consequence")
    if body is not None and body.type == "compound_statement":
        inner = [child for child in body.named_children if child.type != "comment"]
        body = inner[-1] if inner else None
    return body is not None and body.type == kind


def assigned(node: Node) -> Iterator[str]:
    """What the body of an `if` assigns to by itself, as far as that is a variable, a field of
    one, or an element whose index the condition does not speak of."""
    condition = node.child_by_field_name("condition")
    body = node.child_by_field_name("consequence")
    if body is None or condition is None:
        return
    guarded = set(re.findall(r"\w+", text_of(condition)))
    local = set()
    for statement in body.children if body.type == "compound_statement" else [body]:
        if statement.type == "declaration":
            local |= set(re.findall(r"\w+", text_of(statement)))
        if statement.type != "expression_statement":
            continue
        for one in statement.children:
            target = one.child_by_field_name("left") or one.child_by_field_name("argument")
            if one.type not in ("assignment_expression", "update_expression") or not target:
                continue
            text = text_of(target)
            index = set(re.findall(r"\w+", "".join(re.findall(r"\[([^\]]*)\]", text))))
            words = set(re.findall(r"\w+", text))
            if (
                re.fullmatch(r"[\w.]+(\[\w+\])*", text)
                and not index & guarded
                and not words & local
            ):
                yield text
