"""The C++ as text: pragmas of known grammar that name what exists, interfaces, plain C++.

No compiler here knows HLS pragmas, so a misspelt one would be ignored in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.accel.projects import random_design, small

NAME, COUNT = r"[A-Za-z_]\w*", r"(?:\d+|[A-Z][A-Z_]*)"
GRAMMAR = {
    "INLINE": r"(off)?",
    "UNROLL": r"",
    "DATAFLOW": r"",
    "PIPELINE": r"II=1",
    "LOOP_TRIPCOUNT": rf"min={COUNT} max={COUNT}",
    "DEPENDENCE": rf"variable={NAME} inter false",
    "ARRAY_PARTITION": rf"variable={NAME} complete dim=\d",
    "BIND_OP": rf"variable={NAME} op=mul impl=(dsp|fabric)",
    "BIND_STORAGE": rf"variable={NAME} type=(ram_s2p|rom_1p|rom_np) impl=(bram|lutram)",
    "STREAM": rf"variable={NAME} depth=\d+",
    "INTERFACE": rf"(m_axi port={NAME} offset=slave bundle=gmem\d depth=\d+"
    r"( max_read_burst_length=\d+ num_read_outstanding=\d+)?"
    rf"|s_axilite port={NAME} bundle=control)",
}
PRAGMA = re.compile(r"#pragma HLS (\w+) ?(.*)")
FORBIDDEN = ("std::", "new ", "malloc", "#include <vector>", "double", "float", "goto ", "\t")


class Pragma(NamedTuple):
    where: str
    kind: str
    options: str
    function: str  # text of the function around it
    line_before: str  # the last line of code above it


@pytest.fixture(scope="module", params=["small", "random"])
def sources(request: pytest.FixtureRequest) -> dict[str, str]:
    design = small() if request.param == "small" else random_design(11)
    files = design.files()
    return {p: files[p].decode() for p in files if p.startswith("src/")}


def functions(text: str) -> Iterator[str]:
    """Pieces of a source that hold one function each: to a closing brace at the margin."""
    start, lines = 0, text.splitlines()
    for number, line in enumerate(lines):
        if line == "}":
            yield "\n".join(lines[start : number + 1])
            start = number + 1


def pragmas(sources: dict[str, str]) -> Iterator[Pragma]:
    for path, text in sources.items():
        for function in functions(text):
            code = ""
            for line in function.splitlines():
                found = PRAGMA.fullmatch(line)
                if found:
                    yield Pragma(f"{path}: {line}", found[1], found[2], function, code)
                elif not line.strip().startswith("//"):
                    code = line.strip()


def test_every_pragma_is_seen(sources: dict[str, str]) -> None:
    lines = sum(text.count("#pragma HLS") for text in sources.values())
    assert len(list(pragmas(sources))) == lines > 100


def test_every_pragma_is_of_known_grammar(sources: dict[str, str]) -> None:
    for pragma in pragmas(sources):
        assert pragma.kind in GRAMMAR, pragma.where
        assert re.fullmatch(GRAMMAR[pragma.kind], pragma.options), pragma.where


def test_every_variable_of_a_pragma_exists_in_its_function(sources: dict[str, str]) -> None:
    for pragma in pragmas(sources):
        for name in re.findall(r"(?:variable|port)=(\w+)", pragma.options):
            code = "\n".join(x for x in pragma.function.splitlines() if "#pragma" not in x)
            known = re.search(rf"\b{name}\b", code) is not None
            assert known or name == "return", pragma.where


def test_every_constant_of_a_pragma_is_declared(sources: dict[str, str]) -> None:
    everything = "\n".join(sources.values())
    for pragma in pragmas(sources):
        for name in re.findall(r"=([A-Z][A-Z_]*)", pragma.options):
            if pragma.kind == "LOOP_TRIPCOUNT":
                assert re.search(rf"constexpr int [^;]*\b{name} =", everything), pragma.where


def test_products_are_bound_where_they_are_declared(sources: dict[str, str]) -> None:
    for pragma in pragmas(sources):
        if pragma.kind == "BIND_OP":
            name = pragma.options.split("=")[1].split()[0]
            assert f" {name} = " in pragma.line_before and "*" in pragma.line_before, pragma.where


def test_pipelines_and_unrolling_stand_at_the_head_of_a_loop(sources: dict[str, str]) -> None:
    for pragma in pragmas(sources):
        if pragma.kind in ("PIPELINE", "UNROLL", "LOOP_TRIPCOUNT"):
            assert re.match(r"for \(.*\) \{$", pragma.line_before), pragma.where


def test_every_loop_is_pipelined_unrolled_or_named(sources: dict[str, str]) -> None:
    """A loop that is neither is one that holds pipelined loops, and has a label for the reports."""
    for path, text in sources.items():
        lines = text.splitlines()
        for number, line in enumerate(lines):
            if line.strip().startswith("for ("):
                below = " ".join(lines[number + 1 : number + 5])
                labelled = re.fullmatch(r"\s*\w+:", lines[number - 1]) is not None
                assert "PIPELINE" in below or "UNROLL" in below or labelled, f"{path}: {line}"


def test_partitioned_dimensions_exist(sources: dict[str, str]) -> None:
    types = re.findall(r"typedef \w+(?:<\d+>)? (\w+)((?:\[[^\]]+\])+);", sources["src/types.hpp"])
    dimensions = {name: sizes.count("[") for name, sizes in types}
    top = sources["src/qnas_top.cpp"]
    declared = dict(re.findall(r"static (\w+Memory) (\w+);", top))
    assert len(declared) == 13
    for kind, variable in declared.items():
        dims = re.findall(rf"ARRAY_PARTITION variable={variable} complete dim=(\d)", top)
        assert [int(d) for d in dims] == list(range(2, dimensions[kind] + 1))


def test_every_top_argument_has_its_interfaces(sources: dict[str, str]) -> None:
    top = sources["src/qnas_top.cpp"]
    signature = top[top.index("void qnas_top(") : top.index("#pragma HLS INTERFACE")]
    arguments = re.findall(r"\* ?(\w+)[,)]", signature)
    assert arguments == ["weights", "image", "logits"]
    bundles = []
    for name in arguments:
        bundles += re.findall(rf"INTERFACE m_axi port={name} offset=slave bundle=(\w+)", top)
        assert f"INTERFACE s_axilite port={name} bundle=control" in top
    assert len(set(bundles)) == len(arguments)
    assert "INTERFACE s_axilite port=return bundle=control" in top


def test_every_stream_has_a_depth_one_producer_and_one_consumer(sources: dict[str, str]) -> None:
    top = sources["src/qnas_top.cpp"]
    streams = re.findall(r'WordStream (\w+)\("', top)
    assert streams == ["words"]
    for name in streams:
        depth = re.search(rf"STREAM variable={name} depth=(\d+)", top)
        assert depth is not None and f"QNAS_DEPTH({name}, {depth[1]});" in top
        processes = re.findall(r"QNAS_PROCESS\((.*)\);", top)
        assert sum(bool(re.search(rf"\b{name}\b", call)) for call in processes) == 2


def test_what_is_synthesised_is_plain_hardware_cpp(sources: dict[str, str]) -> None:
    for path, text in sources.items():
        code = re.sub(r"//.*", "", text)
        for word in FORBIDDEN:
            assert word not in code, f"{path}: {word!r}"
        assert text.count("{") == text.count("}"), path
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), f"{path}: trailing space"
        assert text.endswith("\n") and not text.endswith("\n\n"), path


def test_the_library_says_nothing_of_one_network(sources: dict[str, str]) -> None:
    """Hand-written headers are the same in every project."""
    generated = {"plan.hpp", "stages.hpp", "tables.hpp", "qnas_top.hpp", "qnas_top.cpp"}
    other = random_design(2).files()
    for path, text in sources.items():
        if path.removeprefix("src/") not in generated:
            assert other[path].decode() == text
