"""The analysis, where the answer is known: what Vitis HLS reported of such loops, and by hand.

Reports: github.com/pablo1318/TFGVitis (Vitis HLS 2022.2, xcu250-2L) and
github.com/crimson1256/hls4ml_modified_yolo_v3_tiny (Vivado HLS 2019.2, xc7z020-1), schedules of
single loops. The loops here are our own of the same operations.
"""

from __future__ import annotations

import pytest

from qnas.accel.device import load_device
from qnas.accel.hls.analysis.recurrences import LoopTiming
from tests.accel.hls.analysis.kernels import Case, timings

CLOCKS = (50.0, 100.0, 150.0, 300.0)
VALUES = """word_t values[8];
        for (int k = 0; k < 8; ++k) {
#pragma HLS UNROLL
            values[k] = word_t(one[i]) + k;
        }
"""
CHAIN = """for (int k = 0; k < 8; ++k) {
#pragma HLS UNROLL
            if (values[k] > largest) largest = values[k];
        }"""
TREE = """for (int step = 4; step > 0; step /= 2) {
#pragma HLS UNROLL
            for (int k = 0; k < step; ++k) {
#pragma HLS UNROLL
                if (values[k + step] > values[k]) values[k] = values[k + step];
            }
        }
        if (values[0] > largest) largest = values[0];"""
SQUARE = "held = ap_int<16>(next) * ap_int<16>(next);"
STORE_FIRST = f"one[i] = held;\n        const word_t next = one[i + 1];\n        {SQUARE}"
LOAD_FIRST = f"const word_t next = one[i + 1];\n        one[i] = held;\n        {SQUARE}"
FEW = "const word_t product = few[0] * two[i];\n        few[0] = product + 1;"
CLAIM = "#pragma HLS DEPENDENCE variable="
BOUNDED = """inline word_t bounded(word_t value, word_t bound) {
    if (value > bound) return bound;
    return value;
}"""
HELD, LARGEST, SEEN = "word_t held = 0;", "word_t largest = 0;", "int seen = 0;"
MEMORY = {  # body, claims, interval at 300 MHz
    "store_first": (STORE_FIRST, (), 6),
    # What is said between iterations orders none inside one.
    "store_first_inter": (STORE_FIRST, ("inter false",), 6),
    "store_first_both": (STORE_FIRST, ("inter false", "intra false"), 1),
    "load_first": (LOAD_FIRST, (), 3),
    "load_first_inter": (LOAD_FIRST, ("inter false",), 1),
    "load_first_three": (LOAD_FIRST, ("inter RAW distance=3 true",), 2),
    "load_first_five": (LOAD_FIRST, ("inter RAW distance=5 true",), 1),
    "load_first_war": (LOAD_FIRST, ("inter WAR false",), 3),
}
CASES = {
    "added_up": Case("total = total + in.read();", before="word_t total = 0;"),
    "changed": Case("two[i] = one[i] + 1;"),
    "chain": Case(VALUES + CHAIN, before=LARGEST),
    "tree": Case(VALUES + TREE, before=LARGEST),
    "few": Case(FEW),
    "few_claimed": Case(FEW, pragmas=f"{CLAIM}few inter false"),
    "bounded": Case("held = bounded(held + 1, 7);", before=HELD, functions=BOUNDED),
    "bounded_thrice": Case("held = bounded(bounded(bounded(held, 9) + 1, 8) + 1, 7);", before=HELD),
    "counted": Case("if (in.read() > 0) ++seen;", before=SEEN),
    "by_stream": Case("if (in.read() > 0) i = i + 5 * seen;", before="int seen = 3;"),
    "until": Case("running = in.read() > 5;", head="for (bool running = true; running;)"),
    "until_product": Case(
        "const word_t x = in.read();\n        running = x * x > 5;",
        head="for (bool running = true; running;)",
    ),
    **{
        name: Case(body, before=HELD, pragmas="\n".join(f"{CLAIM}one {c}" for c in claims))
        for name, (body, claims, _) in MEMORY.items()
    },
}
LEAKY = """const word_t x = in.read();
        const ap_int<46> scaled = x * ap_int<14>(two[0]);
        word_t y = word_t(scaled >> 16);
        if (x > 0) y = x;
        out.write(y);"""


@pytest.fixture(scope="module")
def found() -> dict[float, dict[str, LoopTiming]]:
    return dict(zip(CLOCKS, timings(CASES, *CLOCKS), strict=True))


Found = dict[float, dict[str, LoopTiming]]


def test_a_stream_added_up_is_as_deep_as_vitis_reports(found: Found) -> None:
    """compute_add, loop VITIS_LOOP_106_1, 300 MHz: II = 1, depth = 3."""
    loop = found[300.0]["added_up"]
    assert (loop.interval, loop.depth, loop.reads) == (1, 3, ("in",))


def test_a_word_loaded_changed_and_stored_is_as_deep_as_vitis_reports(found: Found) -> None:
    """kvadd_tutorial, loop VITIS_LOOP_79_2, 100 MHz: II = 1, depth = 2."""
    loop = found[100.0]["changed"]
    assert (loop.interval, loop.depth) == (1, 2)


def test_a_product_between_streams_is_as_deep_as_vivado_reports() -> None:
    """LeakyReLUActLoop, xc7z020-1, 5 ns: II = 1, depth = 8: control, read, five of a product of
    32 x 14 bits, choice and write. The uncertainty there was 12.5 % of the period."""
    clock_mhz = 200.0 * (1 - 0.27) / (1 - 0.125)
    (only,) = timings({"leaky": Case(LEAKY)}, clock_mhz, device=load_device("pynq_z2"))
    assert (only["leaky"].interval, only["leaky"].depth) == (1, 8)


@pytest.mark.parametrize(
    ("clock_mhz", "interval"),
    # Eight times a comparison of 0.85 ns and a choice of 0.3; a register of 0.39. Of a period less
    # 27 % 14.6 ns hold all, 7.3 six, 4.87 four, 2.43 two; the register takes one more.
    [(50.0, 1), (100.0, 2), (150.0, 3), (300.0, 5)],
)
def test_a_chained_maximum_is_a_recurrence(found: Found, clock_mhz: float, interval: int) -> None:
    loop = found[clock_mhz]["chain"]
    assert loop.interval == interval
    assert ("`largest` (src/qnas_top.cpp:" in loop.recurrence) == (interval > 1)


def test_a_tree_of_maxima_and_one_comparison_is_none(found: Found) -> None:
    loop = found[300.0]["tree"]
    assert loop.interval == 1 and loop.recurrence == ""


@pytest.mark.parametrize("name", MEMORY)
def test_recurrences_through_a_memory(found: Found, name: str) -> None:
    """Load (1 and the output), product (3), register, store: 6 cycles. From an iteration to the
    next by the register, and to one more by the memory, unless the store comes first."""
    loop, (_, _, interval) = found[300.0][name], MEMORY[name]
    assert loop.interval == interval
    if interval > 1:
        assert "a store of `one`" in loop.recurrence and "a load of `one`" in loop.recurrence


def test_a_small_array_is_registers_whatever_a_pragma_claims(found: Found) -> None:
    """Arrays of fewer than four words are registers, for which DEPENDENCE says nothing."""
    for name in ("few", "few_claimed"):
        loop = found[300.0][name]
        assert loop.interval > 1 and "`few`" in loop.recurrence


def test_an_exit_that_waits_is_a_recurrence(found: Found) -> None:
    """The next iteration cannot start before it is known whether there is one. A loop that tests
    what the iteration before left is rotated: its side effects are not put off."""
    intervals = {name: found[150.0][name].interval for name in CASES}
    assert intervals["counted"] == intervals["until"] == 1
    assert intervals["by_stream"] > 1 and intervals["until_product"] > 3
    assert "the iteration's start" in found[150.0]["until_product"].recurrence


def test_returns_are_conditions_too(found: Found) -> None:
    """A value that a function returns early or late is chosen by what it returned early for."""
    assert found[300.0]["bounded"].interval == 1
    assert found[300.0]["bounded_thrice"].interval == 3
