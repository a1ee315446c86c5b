"""The kernel's ports."""

from __future__ import annotations

from collections.abc import Iterator

from qnas.accel.hls.lint.cpp import functions, pragmas
from qnas.accel.hls.lint.finding import Finding, Sources, at

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
