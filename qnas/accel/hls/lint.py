"""Checks of the C++ as text, where it is generated: what no compiler at hand would notice.

g++ ignores HLS pragmas, so one that is misspelt or names nothing would be lost in silence, and the
hardware would be another than the one that was priced. The rules of AMD's UG1399 that this project
relies on, one function a rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from qnas.accel.hls.source import Pragma, declaration, functions, pragmas, typedef_dimensions
from qnas.errors import GeneratorError

NAME, COUNT = r"[A-Za-z_]\w*", r"(?:\d+|[A-Z][A-Z_]*)"
GRAMMAR = {
    "INLINE": r"(off)?",
    "UNROLL": r"",
    "DATAFLOW": r"",
    "PIPELINE": r"II=1",
    "LOOP_TRIPCOUNT": rf"min={COUNT} max={COUNT}",
    "DEPENDENCE": rf"variable={NAME} inter false",
    "ARRAY_PARTITION": rf"variable={NAME} (complete|(cyclic|block) factor=\d+) dim=\d",
    "ALLOCATION": rf"function instances={NAME} limit=1",
    "BIND_OP": rf"variable={NAME} op=mul impl=(dsp|fabric)",
    "BIND_STORAGE": rf"variable={NAME} type=(ram_s2p|rom_1p|rom_np) impl=(bram|lutram|uram)",
    "STREAM": rf"variable={NAME} depth={COUNT}",
    "INTERFACE": rf"(m_axi port={NAME} offset=slave bundle=gmem\d depth=[1-9]\d*"
    r"( max_read_burst_length=\d+ num_read_outstanding=\d+)?"
    rf"|s_axilite port={NAME} bundle=control)",
}
LOOP_PRAGMAS = ("PIPELINE", "UNROLL", "LOOP_TRIPCOUNT")
FORBIDDEN = ("std::", "new ", "malloc", "#include <vector>", "double", "float", "goto ", "\t")
TOP_FILE, TOP = "src/qnas_top.cpp", "qnas_top"


class Finding(NamedTuple):
    """A rule that a line breaks."""

    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text.strip()}"


Sources = Mapping[str, str]  # path -> text
Rule = Callable[[Sources], Iterator[Finding]]


def lint(sources: Sources) -> tuple[Finding, ...]:
    """Every breach of every rule, in the rules' order."""
    return tuple(finding for rule in RULES for finding in rule(sources))


def check_sources(sources: Sources) -> None:
    """GeneratorError naming file, line and rule of the first breach."""
    findings = lint(sources)
    if findings:
        raise GeneratorError(
            f"{findings[0]} ({len(findings)} in all). The generator is at fault: report it."
        )


def _at(pragma: Pragma, rule: str) -> Finding:
    text = f"#pragma HLS {pragma.kind} {pragma.options}"
    return Finding(pragma.function.path, pragma.line, rule, text)


def known_grammar(sources: Sources) -> Iterator[Finding]:
    for pragma in pragmas(sources):
        pattern = GRAMMAR.get(pragma.kind)
        if pattern is None or not re.fullmatch(pattern, pragma.options):
            yield _at(pragma, "a pragma must be of known grammar")
    for path, text in sources.items():
        seen = {p.line for p in pragmas({path: text})}
        for number, line in enumerate(text.splitlines(), start=1):
            if "#pragma" in line and number not in seen and line.strip() != "#pragma once":
                yield Finding(path, number, "a pragma must stand in a function", line)


def variables_exist(sources: Sources) -> Iterator[Finding]:
    """Declared in the function, or a constant table of the library that the function uses."""
    tables = {
        name
        for text in sources.values()
        for name in re.findall(r"^static const \S+ (\w+)\[", text, re.MULTILINE)
    }
    for pragma in pragmas(sources):
        code = pragma.function.code
        for name in pragma.names:
            table = name in tables and re.search(rf"\b{name}\b", code)
            if name != "return" and not (table or declaration(code, name)):
                yield _at(pragma, "a variable must be declared in its function")


def dimensions_fit(sources: Sources) -> Iterator[Finding]:
    """`dim` is one of the array's (0: all), a factor no larger than it where both are numbers, and
    no dimension is partitioned twice."""
    types, seen = typedef_dimensions(sources), set()
    for pragma in pragmas(sources):
        if pragma.kind != "ARRAY_PARTITION" or not pragma.names:
            continue
        found = declaration(pragma.function.code, pragma.names[0])
        own = (*found[1], *types.get(found[0], ())) if found else ()
        dim = int(pragma.option("dim") or 0)
        factor, size = pragma.option("factor"), own[dim - 1] if 0 < dim <= len(own) else ""
        place = (pragma.function.path, pragma.function.first_line, pragma.names[0], dim)
        if not own or dim > len(own):
            yield _at(pragma, f"dim must be one of the {len(own)} dimensions")
        elif factor and size.isdigit() and not 1 < int(factor) <= int(size):
            yield _at(pragma, f"factor must lie in 2..{size}")
        elif place in seen:
            yield _at(pragma, "a dimension must be partitioned once")
        seen.add(place)


def constants_exist(sources: Sources) -> Iterator[Finding]:
    everything = "\n".join(sources.values())
    for pragma in pragmas(sources):
        if pragma.kind in ("LOOP_TRIPCOUNT", "STREAM"):
            for name in re.findall(r"=([A-Z][A-Z_]*)", pragma.options):
                if not re.search(rf"constexpr int [^;]*\b{name} =", everything):
                    yield _at(pragma, "a count must be a declared constant")


def products_are_bound_where_declared(sources: Sources) -> Iterator[Finding]:
    for pragma in pragmas(sources):
        if pragma.kind == "BIND_OP" and pragma.names:
            declared = f" {pragma.names[0]} = " in pragma.above and "*" in pragma.above
            if not declared:
                yield _at(pragma, "a bound product must be declared on the line above")


def loop_pragmas_head_loops(sources: Sources) -> Iterator[Finding]:
    for pragma in pragmas(sources):
        if pragma.kind in LOOP_PRAGMAS and not re.match(r"for \(.*\) \{$", pragma.above):
            yield _at(pragma, "it must stand at the head of a loop")


def loops_are_pipelined_unrolled_or_named(sources: Sources) -> Iterator[Finding]:
    """One that is neither holds pipelined loops, and has a label for the reports."""
    for path, text in sources.items():
        lines = text.splitlines()
        for number, line in enumerate(lines):
            if line.strip().startswith("for ("):
                below = " ".join(lines[number + 1 : number + 5])
                labelled = re.fullmatch(r"\s*\w+:", lines[number - 1]) is not None
                if "PIPELINE" not in below and "UNROLL" not in below and not labelled:
                    rule = "a loop must be pipelined, unrolled or labelled"
                    yield Finding(path, number + 1, rule, line)


def top_arguments_have_interfaces(sources: Sources) -> Iterator[Finding]:
    """Each pointer one AXI master with a bundle of its own, and its address a register; a scalar a
    register alone."""
    top = next(
        (f for f in functions(TOP_FILE, sources[TOP_FILE]) if f"void {TOP}(" in f.code), None
    )
    if top is None:
        yield Finding(TOP_FILE, 1, f"the kernel {TOP} must be defined", "")
        return
    own = [p for p in pragmas(sources) if p.function == top and p.kind == "INTERFACE"]
    signature = top.code[top.code.index(f"void {TOP}(") :].partition("{")[0]
    arguments = re.findall(r"(\*?) ?(\w+)\s*[,)]", signature)
    bundles: list[str | None] = []
    for pointer, name in arguments:
        masters = [p for p in own if p.options.startswith(f"m_axi port={name} ")]
        registers = [p for p in own if p.options == f"s_axilite port={name} bundle=control"]
        bundles += [p.option("bundle") for p in masters]
        if len(masters) != len(pointer) or len(registers) != 1:
            rule = "a pointer must have one m_axi and one s_axilite interface, a scalar the latter"
            yield Finding(TOP_FILE, top.first_line, rule, name)
    if len(set(bundles)) != len(bundles):
        yield Finding(TOP_FILE, top.first_line, "bundles must differ", str(bundles))
    if not any(p.options == "s_axilite port=return bundle=control" for p in own):
        yield Finding(TOP_FILE, top.first_line, "the kernel must be started by a register", TOP)


def dataflow_streams_join_two_processes(sources: Sources) -> Iterator[Finding]:
    """In a DATAFLOW region nothing but declarations and processes; each stream has a depth, is
    written by the earlier of two processes and never by the later."""
    for region in (p for p in pragmas(sources) if p.kind == "DATAFLOW"):
        function = region.function
        body = function.code.partition("{")[2].rstrip().removesuffix("}")
        statements = [" ".join(s.split()) for s in body.split(";") if s.strip()]
        processes = [s for s in statements if s.startswith("QNAS_PROCESS(")]
        streams = [m[1] for s in statements if (m := re.match(r"\S*Stream (\w+)\(", s))]
        for statement in statements:
            if not re.match(r"QNAS_(PROCESS|DEPTH|JOIN)\(|\S*Stream \w+\(", statement):
                yield _at(region, f"a region holds streams and processes alone, not `{statement}`")
        for name in streams:
            yield from _stream(region, name, processes, sources)


def _stream(region: Pragma, name: str, processes: list[str], sources: Sources) -> Iterator[Finding]:
    users = [call for call in processes if re.search(rf"\b{name}\b", call)]
    depths = [
        p.option("depth")
        for p in pragmas(sources)
        if p.function == region.function and p.kind == "STREAM" and name in p.names
    ]
    if len(depths) != 1 or f"QNAS_DEPTH({name}, {depths[0]})" not in region.function.code:
        yield _at(region, f"stream `{name}` must have one depth, in synthesis as in simulation")
    if len(users) != 2:
        yield _at(region, f"stream `{name}` must join two processes, not {len(users)}")
        return
    writers = [bool(_writes(call, sources)) for call in users]
    if writers != [True, False]:
        yield _at(region, f"stream `{name}` must be written by the earlier process alone")


def _writes(call: str, sources: Sources) -> bool:
    """Whether the called process writes to a stream."""
    found = re.match(r"QNAS_PROCESS\((?:\w+::)*(\w+)\(", call)
    called = found[1] if found else ""
    return any(
        ".write(" in function.code
        for path, text in sources.items()
        for function in functions(path, text)
        if re.search(rf"\bvoid {called}\(", function.code)
    )


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
        if text.count("{") != text.count("}"):
            yield Finding(path, last, "braces must match", f"{text.count('{')} are opened")
        if not text.endswith("\n") or text.endswith("\n\n"):
            yield Finding(path, last, "a file ends in one newline", "")


RULES: tuple[Rule, ...] = (
    known_grammar,
    variables_exist,
    dimensions_fit,
    constants_exist,
    products_are_bound_where_declared,
    loop_pragmas_head_loops,
    loops_are_pipelined_unrolled_or_named,
    top_arguments_have_interfaces,
    dataflow_streams_join_two_processes,
    plain_hardware_cpp,
)
