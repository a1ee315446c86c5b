"""The C++ as text: the rules hold for every design, and each catches a mistake that is put back."""

from __future__ import annotations

import re

import pytest

from qnas.accel.hls.lint import check_sources, lint
from qnas.accel.hls.lint.bindings import TOP_FILE
from qnas.accel.hls.lint.cpp import pragmas
from qnas.errors import GeneratorError
from tests.accel.projects import batch_of, random_design, small


def sources_of(seed: int | None = None) -> dict[str, str]:
    files = (small() if seed is None else random_design(seed, batch=batch_of(seed))).files()
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


@pytest.mark.parametrize("seed", [0, 1])  # one buffer of attention, and two
def test_every_memory_is_partitioned_in_its_bank_dimensions(seed: int) -> None:
    sources = sources_of(seed)
    types = re.findall(r"typedef \w+(?:<\d+>)? (\w+)((?:\[[^\]]+\])+);", sources["src/types.hpp"])
    dimensions = {name: sizes.count("[") for name, sizes in types}
    declared = re.findall(r"static (\w+Memory) (\w+);", sources[TOP_FILE])
    assert len(declared) == 13
    for kind, variable in declared:
        pattern = rf"ARRAY_(?:PARTITION|RESHAPE) variable={variable} complete dim=(\d)"
        dims = re.findall(pattern, sources[TOP_FILE])
        assert [int(d) for d in dims] == list(range(2, dimensions[kind] + 1))


PARTITION = "ARRAY_PARTITION variable=act complete dim=2"
DRAIN = "        if (turn.draining)\n            drain_step("
NORM, GEMM, SOFTMAX = "src/layer_norm.hpp", "src/gemm.hpp", "src/softmax.hpp"
LOAD = "            before[lane] = delay[at.v][lane];\n"
STORE = "            delay[at.v][lane] = fresh[lane];\n"
COUNTED = "        QNAS_COUNT(trace::NORMALISE);\n"
START = "#pragma HLS INTERFACE s_axilite port=return bundle=control\n"
# path, what is replaced by what, and the rule that must say so.
MUTANTS = {
    "misspelt pragma": (GEMM, "HLS PIPELINE", "HLS PIPLINE", "Vitis HLS knows"),
    "unknown option": (TOP_FILE, "offset=slave", "ofset=slave", "no option is called `ofset`"),
    "illegal value": (TOP_FILE, "ram_s2p impl=", "ram_s2p impl=block", "`impl` of ram_s2p"),
    "slower pipeline": (NORM, "PIPELINE II=1", "PIPELINE II=2", "(II=1)"),
    "no such variable": (TOP_FILE, PARTITION, PARTITION.replace("act", "atc"), "declared where"),
    "no such dimension": (TOP_FILE, PARTITION, PARTITION[:-1] + "4", "3 dimensions"),
    "twice": (TOP_FILE, PARTITION, PARTITION[:-1] + "3", "partitioned once"),
    "no such constant": (NORM, "min=FEWEST_VECTORS", "min=FEWEST_VECTARS", "constant"),
    "unbound product": (NORM, "variable=product op", "variable=centred op", "product"),
    "pragma off its loop": (NORM, COUNTED, COUNTED + "#pragma HLS UNROLL\n", "head of a loop"),
    "sequential loop": (
        "src/trees.hpp",
        "#pragma HLS UNROLL\n            value[i] = T(",
        "            value[i] = T(",
        "pipelined, unrolled",
    ),
    "outer loop": ("src/step.hpp", "#pragma HLS PIPELINE off\n", "", "PIPELINE off"),
    "lost interface": (TOP_FILE, START.replace("return", "image"), "", "one m_axi and one s_axi"),
    "shared bundle": (TOP_FILE, "bundle=gmem1", "bundle=gmem0", "a bundle of its own"),
    "no start": (TOP_FILE, START, "", "started by a register"),
    "no depth": (TOP_FILE, "#pragma HLS STREAM variable=words depth=64\n", "", "one depth"),
    "no such depth": (TOP_FILE, "words depth=64", "words depth=DEEP", "constant"),
    "another depth": (TOP_FILE, "QNAS_DEPTH(words, 64)", "QNAS_DEPTH(words, 65)", "one depth"),
    "unbound FIFO": (TOP_FILE, "BIND_STORAGE variable=words", "BIND_STORAGE variable=pixels",
                     "FIFO must be bound"),
    "third reader": (
        TOP_FILE,
        "    QNAS_JOIN();",
        "    QNAS_PROCESS(qnas::logits_out(answers, images, logits));\n    QNAS_JOIN();",
        "not: writes, reads, reads",
    ),
    "two writers": (
        TOP_FILE,
        "qnas::logits_out(answers, images, logits)",
        "qnas::run(words, pixels, images, 0, answers)",
        "not: writes, writes",
    ),
    "code in a region": (TOP_FILE, "    QNAS_JOIN();", "    logits[0] = 0;\n    QNAS_JOIN();",
                         "declarations and calls"),
    "struct for a process": (TOP_FILE, "image, int images", "image, Stage images", "no struct"),
    "computed argument": (TOP_FILE, "image_in(image, images", "image_in(image, images + 1",
                          "names and constants"),
    "software": (SOFTMAX, "SoftmaxScalars scalars;", "double scalars;", "hardware"),
    "open brace": (SOFTMAX, "    return scalars;\n", "    return scalars; {\n", "must be C++"),
    "store before load": (NORM, LOAD + STORE, STORE + LOAD, "loaded before it is stored"),
    "second store site": (
        GEMM, DRAIN, f"        act[0][0][0] = 0;\n{DRAIN}", "stored at one place"
    ),
    "chained maximum": (
        SOFTMAX,
        "    now.largest = first || tree > now.largest ? tree : now.largest;\n",
        "    for (int lane = 0; lane < plan::VL; ++lane) {\n#pragma HLS UNROLL\n"
        "        if (candidate[lane] > now.largest) now.largest = candidate[lane];\n    }\n",
        "make a tree",
    ),
    "bound cascade": (
        "src/mac_array.hpp",
        "        p += rows[k] * tokens[k];\n",
        "        const ap_int<45> product = rows[k] * tokens[k];\n"
        "#pragma HLS BIND_OP variable=product op=mul impl=dsp\n        p += product;\n",
        "must not be bound",
    ),
    "read in the array's loop": (
        "src/loader.hpp",
        "load.came = words.read_nb(load.word);",
        "load.word = words.read();",
        "no blocking read",
    ),
    "registers as RAM": (
        "src/plan.hpp",
        "constexpr int KEY_ROWS = ",
        "constexpr int KEY_ROWS = 1; // ",
        "1 rows is registers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_fault_is_caught_by_its_rule_with_file_and_line(
    fault: str, sources: dict[str, str]
) -> None:
    path, before, after, rule = MUTANTS[fault]
    assert before in sources[path], "the text to break is not there any more"
    broken = {**sources, path: sources[path].replace(before, after, 1)}
    found = [finding for finding in lint(broken) if rule in finding.rule]
    assert found and found[0].path.startswith("src/") and found[0].line >= 1
    with pytest.raises(GeneratorError, match=r"src/\w+\.[ch]pp:\d+: "):
        check_sources(broken)


def test_draining_before_multiplying_is_found(sources: dict[str, str]) -> None:
    """The engine's loop as it once was, without the claim that would make it right."""
    text = sources[GEMM]
    drain = re.search(rf"{re.escape(DRAIN)}.*?;\n", text, re.DOTALL)
    assert drain is not None
    moved = text.replace(drain[0], "").replace(
        "        if (turn.beat)\n", f"{drain[0]}        if (turn.beat)\n", 1
    )
    claimed = {**sources, GEMM: moved}
    assert lint(claimed) == (), "what the claim says is for the probe to find"
    broken = {**sources, GEMM: re.sub(r"#pragma HLS DEPENDENCE variable=act intra.*\n", "", moved)}
    found = {finding.text.partition(" is stored at ")[0] for finding in lint(broken)}
    assert found == {"act"}


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
