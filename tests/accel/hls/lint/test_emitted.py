"""The C++ as text: the rules hold for every design, and each catches a mistake that is put back."""

from __future__ import annotations

import re

import pytest

from qnas.accel.hls.lint import check_sources, lint
from qnas.accel.hls.lint.cpp import pragmas
from qnas.accel.hls.lint.top import TOP_FILE
from qnas.errors import GeneratorError
from tests.accel.projects import random_design, small


def sources_of(seed: int | None = None) -> dict[str, str]:
    files = (small() if seed is None else random_design(seed)).files()
    return {p: files[p].decode() for p in files if p.startswith("src/")}


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return sources_of()


@pytest.mark.parametrize("seed", [None, 11, 12, 13])
def test_no_rule_is_broken(seed: int | None) -> None:
    assert lint(sources_of(seed)) == ()


def test_every_pragma_is_seen(sources: dict[str, str]) -> None:
    lines = sum(text.count("#pragma HLS") for text in sources.values())
    assert len(list(pragmas(sources))) == lines > 100


def test_every_memory_is_partitioned_in_its_bank_dimensions(sources: dict[str, str]) -> None:
    types = re.findall(r"typedef \w+(?:<\d+>)? (\w+)((?:\[[^\]]+\])+);", sources["src/types.hpp"])
    dimensions = {name: sizes.count("[") for name, sizes in types}
    top = sources[TOP_FILE]
    declared = re.findall(r"static (\w+Memory) (\w+);", top)
    assert len(declared) == 13
    for kind, variable in declared:
        dims = re.findall(rf"ARRAY_PARTITION variable={variable} complete dim=(\d)", top)
        assert [int(d) for d in dims] == list(range(2, dimensions[kind] + 1))


PARTITION = "ARRAY_PARTITION variable=act complete dim=2"
MUTANTS = {
    "misspelt pragma": ("src/loads.hpp", "HLS PIPELINE", "HLS PIPLINE", "Vitis HLS knows"),
    "unknown option": (TOP_FILE, "offset=slave", "ofset=slave", "no option is called `ofset`"),
    "slower pipeline": ("src/loads.hpp", "PIPELINE II=1", "PIPELINE II=2", "(II=1)"),
    "no such variable": (TOP_FILE, PARTITION, PARTITION.replace("act", "atc"), "declared where"),
    "no such dimension": (TOP_FILE, PARTITION, PARTITION[:-1] + "4", "3 dimensions"),
    "twice": (TOP_FILE, PARTITION, PARTITION[:-1] + "3", "partitioned once"),
    "no such constant": ("src/gemm.hpp", "min=FEWEST_STEPS", "min=FEWEST_STEEDS", "constant"),
    "unbound product": ("src/layer_norm.hpp", "variable=last op", "variable=first op", "product"),
    "pragma off its loop": (
        "src/softmax.hpp",
        "    const int v = now.at.v;\n",
        "    const int v = now.at.v;\n#pragma HLS UNROLL\n",
        "head of a loop",
    ),
    "sequential loop": (
        "src/softmax.hpp",
        "    for (int lane = 0; lane < plan::VL; ++lane) {\n#pragma HLS UNROLL\n",
        "    for (int lane = 0; lane < plan::VL; ++lane) {\n",
        "pipelined, unrolled",
    ),
    "lost interface": (TOP_FILE, "#pragma HLS INTERFACE s_axilite port=image bundle=control\n", "",
                       "one m_axi and one s_axilite"),
    "shared bundle": (TOP_FILE, "bundle=gmem1", "bundle=gmem0", "a bundle of its own"),
    "no start": (TOP_FILE, "#pragma HLS INTERFACE s_axilite port=return bundle=control\n", "",
                 "started by a register"),
    "no depth": (TOP_FILE, "#pragma HLS STREAM variable=words depth=64\n", "", "one depth"),
    "another depth": (TOP_FILE, "QNAS_DEPTH(words, 64)", "QNAS_DEPTH(words, 65)", "one depth"),
    "third reader": (
        TOP_FILE,
        "    QNAS_JOIN();",
        "    QNAS_PROCESS(qnas::run(words, pixels, images, 0, answers));\n    QNAS_JOIN();",
        "not: writes, reads, reads",
    ),
    "two writers": (
        TOP_FILE,
        "QNAS_PROCESS(qnas::run(words, pixels, images, 0, answers))",
        "QNAS_PROCESS(qnas::stream_in(weights, images, 0, words))",
        "not: writes, writes",
    ),
    "code in a region": (TOP_FILE, "    QNAS_JOIN();", "    logits[0] = 0;\n    QNAS_JOIN();",
                         "declarations and calls"),
    "software": ("src/softmax.hpp", "SoftmaxScalars scalars;", "double scalars;", "hardware"),
    "open brace": ("src/softmax.hpp", "    return scalars;\n", "    return scalars; {\n",
                   "must be C++"),
}  # fmt: skip


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_fault_is_caught_by_its_rule_with_file_and_line(
    fault: str, sources: dict[str, str]
) -> None:
    path, before, after, rule = MUTANTS[fault]
    assert before in sources[path], "the text to break is not there any more"
    broken = {**sources, path: sources[path].replace(before, after, 1)}
    found = [finding for finding in lint(broken) if rule in finding.rule]
    assert found and found[0].path == path and found[0].line >= 1
    with pytest.raises(GeneratorError, match=rf"{re.escape(path)}:\d+"):
        check_sources(broken)


def test_a_factor_fits_its_dimension() -> None:
    text = "void f() {{\n    int a[8];\n#pragma HLS ARRAY_PARTITION variable=a {} dim=1\n}}\n"
    top = sources_of()
    for option, good in (("cyclic factor=4", True), ("block factor=9", False), ("cyclic", False)):
        found = lint({**top, "src/x.hpp": text.format(option)})
        assert (found == ()) is good, option


def test_the_library_says_nothing_of_one_network(sources: dict[str, str]) -> None:
    """Hand-written headers are the same in every project."""
    generated = {"plan.hpp", "stages.hpp", "tables.hpp", "qnas_top.hpp", "qnas_top.cpp"}
    other = random_design(2).files()
    for path, text in sources.items():
        if path.removeprefix("src/") not in generated:
            assert other[path].decode() == text
