"""What the kernel's ports, products, memories and FIFOs are bound to."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from tree_sitter import Node

from qnas.accel.hls.lint.cpp import (
    CONSTANT,
    Finding,
    Function,
    Pragma,
    Sources,
    Variable,
    at,
    declared,
    descendants,
    functions,
    line_of,
    pragmas,
    text_of,
    units,
)
from qnas.accel.hls.lint.scopes import dimensions, variable_of

# Arrays with fewer elements are partitioned into registers whatever they are bound to (UG1399,
# config_array_partition -complete_threshold).
FEWEST_ROWS = 4


def fifos_are_bound(sources: Sources) -> Iterator[Finding]:
    """A wide FIFO that is not told otherwise takes block RAM."""
    for function in functions(sources):
        bound = {
            pragma.names[0]
            for pragma in function.pragmas
            if pragma.kind == "BIND_STORAGE" and pragma.names and pragma.get("type") == "fifo"
        }
        for pragma in function.pragmas:
            if pragma.kind == "STREAM" and pragma.names and pragma.names[0] not in bound:
                yield at(pragma, "a FIFO must be bound: BIND_STORAGE type=fifo impl=..")


def registers_are_bound_to_no_ram(sources: Sources) -> Iterator[Finding]:
    """A bank of few rows becomes registers, which DEPENDENCE and ports say nothing of."""
    numbers = dict(constants(sources))
    for function in functions(sources):
        for pragma in function.pragmas:
            if pragma.kind == "BIND_STORAGE" and (pragma.get("type") or "").startswith("ram_"):
                variable = variable_of(function, pragma, pragma.names[0])
                rows = _rows(function, variable, sources, numbers) if variable else None
                if rows is None:
                    yield at(pragma, "a RAM's sizes must be constants of the plan")
                elif rows < FEWEST_ROWS:
                    yield at(pragma, f"a bank of {rows} rows is registers, no RAM")


def _rows(
    function: Function, variable: Variable, sources: Sources, numbers: dict[str, int]
) -> int | None:
    """Elements of a bank; None where a size is no known constant."""
    sizes = dimensions(variable, units(sources))
    cut = {
        int(pragma.get("dim") or 1)
        for pragma in function.pragmas
        if pragma.kind in ("ARRAY_PARTITION", "ARRAY_RESHAPE")
        and variable.name in pragma.names
        and (pragma.get("dim") or "1").isdigit()
    }
    whole = [size for dim, size in enumerate(sizes, start=1) if dim not in cut and 0 not in cut]
    found = [value(size, numbers) for size in whole]
    return prod(n for n in found if n is not None) if None not in found else None


def constants(sources: Sources) -> Iterator[tuple[str, int]]:
    """Integer constants of the plan, by their names."""
    for text in sources.values():
        for name, number in CONSTANT.findall(text):
            yield name, int(number)


def value(size: str, numbers: dict[str, int]) -> int | None:
    """A number, a constant's name, or a product of these."""
    factors = [factor.strip().rpartition("::")[2] for factor in size.split("*")]
    found = [int(f) if f.isdigit() else numbers.get(f) for f in factors]
    return prod(n for n in found if n is not None) if None not in found else None


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


TOP_FILE, TOP = "src/qnas_top.cpp", "qnas_top"


def top_arguments_have_interfaces(sources: Sources) -> Iterator[Finding]:
    """Each pointer one AXI master with a bundle of its own, and its address a register; a number a
    register alone."""
    top = next((f for f in functions(sources) if f.path == TOP_FILE and f.name == TOP), None)
    if top is None:
        yield Finding(TOP_FILE, 1, f"the kernel {TOP} must be defined", "")
        return
    ports = [pragma for pragma in top.pragmas if pragma.kind == "INTERFACE"]
    registers = [p.get("port") for p in ports if p.says("s_axilite")]
    masters = [p.get("port") for p in ports if p.says("m_axi")]
    for argument in top.parameters:
        if masters.count(argument.name) != argument.pointer or registers.count(argument.name) != 1:
            rule = "a pointer must have one m_axi and one s_axilite interface, a number the latter"
            yield Finding(TOP_FILE, top.line, rule, argument.name)
    bundles = [pragma.get("bundle") for pragma in ports if pragma.says("m_axi")]
    if len(set(bundles)) != len(bundles) or None in bundles:
        yield Finding(TOP_FILE, top.line, "each m_axi must have a bundle of its own", str(bundles))
    if {pragma.get("bundle") for pragma in ports if pragma.says("s_axilite")} - {"control"}:
        yield Finding(TOP_FILE, top.line, "registers must lie in the bundle control", "")
    if registers.count("return") != 1:
        yield Finding(TOP_FILE, top.line, "the kernel must be started by a register", TOP)


def depths_are_given(sources: Sources) -> Iterator[Finding]:
    """Co-simulation needs to know how much memory lies behind each pointer, and addresses come from
    the register file."""
    for pragma in pragmas(sources):
        master = pragma.kind == "INTERFACE" and pragma.says("m_axi")
        if master and (pragma.get("depth") is None or pragma.get("offset") != "slave"):
            yield at(pragma, "an m_axi interface must have a depth and offset=slave")
