"""Canonical DATAFLOW regions: declarations and calls, one writer and one reader a channel (UG1399,
"Canonical Forms")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from qnas.accel.hls.lint.cpp import (
    Finding,
    Function,
    Pragma,
    Sources,
    Variable,
    at,
    declared,
    descendants,
    is_pragma,
    line_of,
    text_of,
    units,
)
from qnas.accel.hls.lint.pipelines import by_name, methods_called

PROCESS, HELPERS = "QNAS_PROCESS", ("QNAS_DEPTH", "QNAS_JOIN")
READS, WRITES = ("read", "read_nb"), ("write", "write_nb")
NAMES = ("identifier", "qualified_identifier", "number_literal")


@dataclass(frozen=True, slots=True)
class Process:
    """A call in a region: what it is given for each of its parameters."""

    function: Function
    arguments: tuple[tuple[Variable, Node], ...]


def regions_hold_declarations_and_calls(sources: Sources) -> Iterator[Finding]:
    for region, function in _regions(sources):
        for statement in function.body.named_children:
            known = statement.type == "declaration" or _called(statement) is not None
            if not (known or is_pragma(statement) or statement.type == "comment"):
                yield _of(region, statement, "a region holds declarations and calls alone")
            for variable in declared(statement) if statement.type == "declaration" else ():
                if not (_is_stream(variable, sources) or variable.constant):
                    yield _of(region, statement, "a region declares streams alone")


def processes_take_plain_arguments(sources: Sources) -> Iterator[Finding]:
    """Names and constants, of plain numbers, pointers, arrays and streams: a struct would be split,
    and one that two processes read would have two readers."""
    structs = {
        text_of(node.child_by_field_name("name"))
        for one in units(sources)
        for node in descendants(one.root)
        if node.type in ("struct_specifier", "class_specifier")
    }
    for region, function in _regions(sources):
        for process in _processes(function, sources):
            for parameter, argument in process.arguments:
                if argument.type not in NAMES:
                    yield _of(region, argument, "a process takes names and constants alone")
                elif parameter.type.rpartition("::")[2] in structs:
                    rule = "a process takes no struct"
                    yield _of(region, argument, f"{rule}: {parameter.type} {parameter.name}")


def streams_join_two_processes(sources: Sources) -> Iterator[Finding]:
    """One writes it, a later one reads it; in synthesis as in simulation it has one depth."""
    for region, function in _regions(sources):
        processes = list(_processes(function, sources))
        for stream in _streams(function, sources):
            uses = [use for process in processes if (use := _use(process, stream, sources))]
            if uses != ["writes", "reads"]:
                found = ", ".join(uses) or "nobody"
                rule = f"stream `{stream}` must be written by one process and read by a later one"
                yield at(region, f"{rule}, not: {found}")
            depths = [p.get("depth") for p in function.pragmas if _names(p, "STREAM", stream)]
            simulated = f"QNAS_DEPTH({stream}, {depths[0]})" if len(depths) == 1 else ""
            if not simulated or simulated not in text_of(function.body):
                yield at(region, f"stream `{stream}` must have one depth, simulated as well")


def arrays_belong_to_one_process(sources: Sources) -> Iterator[Finding]:
    """A pointer or an array of the region's function is one process's; a number may be all's."""
    for region, function in _regions(sources):
        shared = [v.name for v in function.parameters if v.pointer or v.sizes or v.reference]
        for name in shared:
            users = [
                process.function.name
                for process in _processes(function, sources)
                if any(text_of(argument) == name for _, argument in process.arguments)
            ]
            if len(users) > 1:
                yield at(region, f"`{name}` must be used by one process, not {' and '.join(users)}")


def _regions(sources: Sources) -> Iterator[tuple[Pragma, Function]]:
    for function in by_name(sources).values():
        for pragma in function.pragmas:
            if pragma.kind == "DATAFLOW":
                yield pragma, function


def _of(region: Pragma, node: Node, rule: str) -> Finding:
    return Finding(region.path, line_of(node), rule, text_of(node))


def _called(statement: Node) -> Node | None:
    """The call that a statement is."""
    if statement.type != "expression_statement" or not statement.named_children:
        return None
    call = statement.named_children[0]
    return call if call.type == "call_expression" else None


def _processes(function: Function, sources: Sources) -> Iterator[Process]:
    known = by_name(sources)
    for statement in function.body.named_children:
        call = _called(statement)
        if call is None or text_of(call.child_by_field_name("function")) in HELPERS:
            continue
        if text_of(call.child_by_field_name("function")) == PROCESS:
            (call,) = _given(call)
        called = known.get(text_of(call.child_by_field_name("function")).rpartition("::")[2])
        if called is not None:
            yield Process(called, tuple(zip(called.parameters, _given(call), strict=False)))


def _given(call: Node) -> list[Node]:
    arguments = call.child_by_field_name("arguments")
    return [] if arguments is None else arguments.named_children


def _streams(function: Function, sources: Sources) -> list[str]:
    return [
        variable.name
        for node in function.body.named_children
        if node.type == "declaration"
        for variable in declared(node)
        if _is_stream(variable, sources)
    ]


def _is_stream(variable: Variable, sources: Sources) -> bool:
    types = {name: kind for one in units(sources) for name, (kind, _) in one.typedefs.items()}
    kind = variable.type.rpartition("::")[2] if "<" not in variable.type else variable.type
    return types.get(kind, kind).startswith(("hls::stream<", "stream<"))


def _use(process: Process, stream: str, sources: Sources) -> str:
    """What a process does with a stream: reads, writes, both, or nothing."""
    names = [p.name for p, argument in process.arguments if text_of(argument) == stream]
    if not names:
        return ""
    methods = methods_called(sources, process.function)
    called = frozenset().union(*(methods.get(name, frozenset()) for name in names))
    done = [
        word for word, calls in (("reads", READS), ("writes", WRITES)) if called.intersection(calls)
    ]
    return " and ".join(done) or "does not use it"


def _names(pragma: Pragma, kind: str, variable: str) -> bool:
    return pragma.kind == kind and variable in pragma.names
