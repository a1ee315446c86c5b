"""What a pipelined loop may do for an iteration to start every cycle."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from qnas.accel.hls.lint.accesses import root_of
from qnas.accel.hls.lint.cpp import (
    Finding,
    Function,
    Sources,
    declared,
    descendants,
    functions,
    text_of,
)
from qnas.accel.hls.lint.events import Access, Call, flat, loads_after_stores
from qnas.accel.hls.lint.pipelines import pipelines
from qnas.accel.hls.lint.scopes import variable_of

MULTIPLY = "multiply_accumulate"  # what the array's loop calls


def loads_come_before_stores(sources: Sources) -> Iterator[Finding]:
    """Of a memory that an iteration loads and stores, the loads stand first, or `intra false` is
    claimed: addresses cannot be told apart, so a load below a store waits for it."""
    rams = _ram_types(sources)
    for function, loop, events in pipelines(sources):
        memories = _variables(function, rams)
        waived = {
            pragma.get("variable")
            for pragma in function.pragmas
            if pragma.kind == "DEPENDENCE"
            and pragma.loop == loop
            and pragma.says("intra")
            and pragma.says("false")
        }
        for load, store in loads_after_stores(events):
            name = load.variable
            if load.carried and name in memories and name not in waived:
                text = f"{name} is stored at {store.path}:{store.line} before"
                yield Finding(load.path, load.line, "a memory is loaded before it is stored", text)


def memories_have_one_store_site(sources: Sources) -> Iterator[Finding]:
    """In an iteration each memory is stored at one place: address, data and enable are chosen
    first. Every further one is a multiplexer at every bank."""
    rams = _ram_types(sources)
    for function, _, events in pipelines(sources):
        memories = _variables(function, rams)
        sites: dict[str, tuple[str, int]] = {}
        for access in flat(events):
            stored = isinstance(access, Access) and access.store and access.carried
            if stored and access.variable in memories:
                site = (access.path, access.line)
                if sites.setdefault(access.variable, site) != site:
                    first = "{}:{}".format(*sites[access.variable])
                    rule = "a memory is stored at one place of an iteration"
                    yield Finding(*site, rule, f"{access.variable} is stored at {first} as well")


def lanes_carry_sums_alone(sources: Sources) -> Iterator[Finding]:
    """In an UNROLL loop, what iterations carry is added to, and not otherwise updated by its own
    value or a condition: sums are balanced, all else stays a chain as long as there are lanes."""
    for _, _, events in pipelines(sources):
        for access in flat(events):
            if isinstance(access, Access) and access.store and access.carried and access.in_lane:
                chained = access.conditional or _reads_itself(access.statement)
                if not access.indexed and chained and not _is_sum(access.statement):
                    rule = "lanes of an UNROLL loop carry sums alone: make a tree of them"
                    yield Finding(access.path, access.line, rule, text_of(access.statement))


def array_waits_for_no_stream(sources: Sources) -> Iterator[Finding]:
    """In the array's loop no blocking read: one would stop every DSP."""
    found = False
    for _, _, events in pipelines(sources):
        calls = [event for event in flat(events) if isinstance(event, Call)]
        if any(call.name == MULTIPLY for call in calls):
            found = True
            for call in calls:
                if call.name == "read" and call.variable:
                    rule = "no blocking read in the array's loop"
                    yield Finding(call.path, call.line, rule, f"{call.variable}.read()")
    if not found:
        yield Finding("src", 1, f"a pipelined loop must call {MULTIPLY}", "")


def _ram_types(sources: Sources) -> set[str]:
    """Types of the variables that are bound to RAMs."""
    found = set()
    for function in functions(sources):
        for pragma in function.pragmas:
            if pragma.kind == "BIND_STORAGE" and (pragma.get("type") or "").startswith("ram_"):
                variable = variable_of(function, pragma, pragma.names[0])
                found |= {variable.type} if variable is not None else set()
    return found


def _variables(function: Function, types: set[str]) -> set[str]:
    """Names of a function's parameters and variables of these types."""
    own = [v for n in descendants(function.body) if n.type == "declaration" for v in declared(n)]
    return {v.name for v in (*function.parameters, *own) if v.type in types}


def _reads_itself(statement: Node | None) -> bool:
    if statement is None or statement.type == "update_expression":
        return statement is not None
    target = root_of(statement.child_by_field_name("left"))
    value = statement.child_by_field_name("right")
    if text_of(statement.child_by_field_name("operator")) != "=":
        return True
    return value is not None and any(
        text_of(node) == target
        for node in (value, *descendants(value))
        if node.type == "identifier"
    )


def _is_sum(statement: Node | None) -> bool:
    """`x += y`, `x -= y`, `++x`, or `x = x + y`."""
    if statement is None or statement.type == "update_expression":
        return True
    operator = text_of(statement.child_by_field_name("operator"))
    left, right = (statement.child_by_field_name(side) for side in ("left", "right"))
    if operator != "=" or right is None or right.type != "binary_expression":
        return operator in ("+=", "-=")
    first = text_of(right.child_by_field_name("left"))
    return text_of(right.child_by_field_name("operator")) in "+-" and first == text_of(left)
