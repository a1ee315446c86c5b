"""What the pragmas name: variables in scope, dimensions that arrays have, constants, loops."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from qnas.accel.hls.lint.cpp import (
    Finding,
    Function,
    Pragma,
    Sources,
    Unit,
    Variable,
    at,
    declared,
    descendants,
    functions,
    inside,
    line_of,
    pragmas,
    text_of,
    units,
)
from qnas.accel.hls.lint.pragma_table import counts

LOOP_PRAGMAS = ("PIPELINE", "UNROLL", "LOOP_TRIPCOUNT", "LOOP_FLATTEN")


def variable_of(function: Function, pragma: Pragma, name: str) -> Variable | None:
    """The variable of that name that the pragma sees: of its block or one around it, declared
    above, or a parameter."""
    block: Node | None = pragma.block
    while block is not None:
        for child in block.named_children:
            if line_of(child) < pragma.line and child.type == "declaration":
                for variable in declared(child):
                    if variable.name == name:
                        return variable
        block = inside(block, "compound_statement")
    return next((v for v in function.parameters if v.name == name), None)


def dimensions(variable: Variable, all_units: tuple[Unit, ...]) -> tuple[str, ...]:
    """Sizes of all its dimensions, those of its type last."""
    types = {name: found for one in all_units for name, found in one.typedefs.items()}
    sizes, kind = variable.sizes, variable.type.rpartition("::")[2]
    while kind in types:
        kind, more = types[kind]
        sizes += more
        kind = kind.rpartition("::")[2]
    return sizes


def variables_exist(sources: Sources) -> Iterator[Finding]:
    """In scope where the pragma stands, or a constant table of the library that is used there."""
    tables = {variable.name for one in units(sources) for variable in one.tables}
    for function in functions(sources):
        used = {text_of(node) for node in descendants(function.body) if node.type == "identifier"}
        for pragma in function.pragmas:
            for name in pragma.names:
                known = variable_of(function, pragma, name) or (name in tables and name in used)
                if name != "return" and not known:
                    yield at(pragma, "a variable must be declared where the pragma stands")


def instances_exist(sources: Sources) -> Iterator[Finding]:
    names = {function.name for function in functions(sources)}
    for function in functions(sources):
        for pragma in function.pragmas:
            if pragma.says("function") and pragma.get("instances") not in names:
                yield at(pragma, "`instances` must be a function")


def dimensions_fit(sources: Sources) -> Iterator[Finding]:
    """`dim` is one of the array's (0: all), a factor no larger than it where both are numbers, and
    no dimension is partitioned twice."""
    all_units = units(sources)
    for function in functions(sources):
        seen = set()
        for pragma in function.pragmas:
            if pragma.kind != "ARRAY_PARTITION" or not pragma.names:
                continue
            yield from _dimension(function, pragma, all_units)
            place = (pragma.names[0], pragma.get("dim") or "1")
            if place in seen or (pragma.names[0], "0") in seen:
                yield at(pragma, "a dimension must be partitioned once")
            seen.add(place)


def _dimension(
    function: Function, pragma: Pragma, all_units: tuple[Unit, ...]
) -> Iterator[Finding]:
    variable = variable_of(function, pragma, pragma.names[0])
    own = dimensions(variable, all_units) if variable is not None else ()
    dim, factor = pragma.get("dim") or "1", pragma.get("factor") or ""
    number = int(dim) if dim.isdigit() else len(own) + 1
    if not own or number > len(own):
        yield at(pragma, f"dim must be one of the {len(own)} dimensions")
        return
    size = own[number - 1] if number else ""
    if factor.isdigit() and size.isdigit() and not 1 < int(factor) <= int(size):
        yield at(pragma, f"factor must lie in 2..{size}")


def constants_exist(sources: Sources) -> Iterator[Finding]:
    """Names in place of numbers are constants of the library or of the plan."""
    known = {variable.name for one in units(sources) for variable in one.tables}
    for pragma in pragmas(sources):
        for value in counts(pragma):
            name = value.rpartition("::")[2]
            if not name.lstrip("-").isdigit() and name not in known:
                yield at(pragma, "a count must be a declared constant")


def loop_pragmas_head_loops(sources: Sources) -> Iterator[Finding]:
    for function in functions(sources):
        for pragma in function.pragmas:
            whole = pragma.kind == "PIPELINE" and pragma.block == function.body
            if pragma.kind in LOOP_PRAGMAS and pragma.loop is None and not whole:
                yield at(pragma, "it must stand at the head of a loop")


def loops_of(function: Function) -> Iterator[tuple[Node, tuple[Pragma, ...]]]:
    """Each loop with the pragmas at its head."""
    for node in function.loops:
        yield node, tuple(p for p in function.pragmas if p.loop == node)


def loops_are_pipelined_unrolled_or_named(sources: Sources) -> Iterator[Finding]:
    """One that is neither holds pipelined loops, and has a label for the reports."""
    for function in functions(sources):
        for loop, heads in loops_of(function):
            kinds = {pragma.kind for pragma in heads}
            labelled = loop.parent is not None and loop.parent.type == "labeled_statement"
            if not kinds & {"PIPELINE", "UNROLL"} and not labelled:
                rule = "a loop must be pipelined, unrolled or labelled"
                yield Finding(function.path, line_of(loop), rule, _head(loop))


def outer_loops_are_not_pipelined(sources: Sources) -> Iterator[Finding]:
    """Vitis HLS pipelines what is not told otherwise, up to 64 iterations of it: a loop around
    other loops would then unroll them."""
    for function in functions(sources):
        for loop, heads in loops_of(function):
            kinds = {pragma.kind for pragma in heads}
            if not kinds & {"PIPELINE", "UNROLL"}:
                rule = "a loop around loops must say PIPELINE off"
                yield Finding(function.path, line_of(loop), rule, _head(loop))


def pipelines_start_every_cycle(sources: Sources) -> Iterator[Finding]:
    """The plan counts one iteration a cycle: each pipeline is told so, and none more slowly."""
    for function in functions(sources):
        for pragma in function.pragmas:
            if pragma.kind == "PIPELINE" and not pragma.says("off") and pragma.get("ii") != "1":
                yield at(pragma, "a pipeline must start an iteration a cycle (II=1)")


def _head(loop: Node) -> str:
    return text_of(loop).partition("{")[0]
