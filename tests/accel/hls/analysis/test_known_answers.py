"""The analysis, where the answer is known: what Vitis HLS reported of such loops, and by hand.

Reports: github.com/pablo1318/TFGVitis (Vitis HLS 2022.2, xcu250-2L) and
github.com/crimson1256/hls4ml_modified_yolo_v3_tiny (Vivado HLS 2019.2, xc7z020-1), schedules of
single loops. The loops here are our own of the same operations.
"""

from __future__ import annotations

import pytest

from qnas.accel.device import load_device
from tests.accel.hls.analysis.kernels import loop_of

MAXIMUM = """word_t values[8];
        for (int k = 0; k < 8; ++k) {
#pragma HLS UNROLL
            values[k] = word_t(one[i]) + k;
        }
"""


def test_a_stream_added_up_is_as_deep_as_vitis_reports() -> None:
    """compute_add, loop VITIS_LOOP_106_1, 300 MHz: II = 1, depth = 3."""
    found = loop_of("total = total + in.read();", before="word_t total = 0;")
    assert (found.interval, found.depth) == (1, 3)
    assert found.reads == ("in",)


def test_a_word_loaded_changed_and_stored_is_as_deep_as_vitis_reports() -> None:
    """kvadd_tutorial, loop VITIS_LOOP_79_2, 100 MHz: II = 1, depth = 2."""
    found = loop_of("two[i] = one[i] + 1;", clock_mhz=100.0)
    assert (found.interval, found.depth) == (1, 2)


def test_a_product_between_streams_is_as_deep_as_vivado_reports() -> None:
    """LeakyReLUActLoop, xc7z020-1, 5 ns: II = 1, depth = 8: control, read, five of a product of
    32 x 14 bits, choice and write. The uncertainty there was 12.5 % of the period."""
    body = """const word_t x = in.read();
        const ap_int<46> scaled = x * ap_int<14>(two[0]);
        word_t y = word_t(scaled >> 16);
        if (x > 0) y = x;
        out.write(y);"""
    pynq = load_device("pynq_z2")
    found = loop_of(body, clock_mhz=200.0 * (1 - 0.27) / (1 - 0.125), device=pynq)
    assert (found.interval, found.depth) == (1, 8)


@pytest.mark.parametrize(
    ("clock_mhz", "interval"),
    # A comparison of 0.85 ns and a choice of 0.3, eight times, and a register's 0.39. Of a period 27 %
    # less: 14.6 ns hold all, 7.3 six of them, 4.87 four, 2.43 two; the register takes one more.
    [(50.0, 1), (100.0, 2), (150.0, 3), (300.0, 5)],
)
def test_a_chained_maximum_is_a_recurrence(clock_mhz: float, interval: int) -> None:
    body = (
        MAXIMUM
        + """for (int k = 0; k < 8; ++k) {
#pragma HLS UNROLL
            if (values[k] > largest) largest = values[k];
        }"""
    )
    found = loop_of(body, before="word_t largest = 0;", clock_mhz=clock_mhz)
    assert found.interval == interval
    assert ("`largest` (src/qnas_top.cpp:" in found.recurrence) == (interval > 1)


def test_a_tree_of_maxima_and_one_comparison_is_none() -> None:
    body = (
        MAXIMUM
        + """for (int step = 4; step > 0; step /= 2) {
#pragma HLS UNROLL
            for (int k = 0; k < step; ++k) {
#pragma HLS UNROLL
                if (values[k + step] > values[k]) values[k] = values[k + step];
            }
        }
        if (values[0] > largest) largest = values[0];"""
    )
    found = loop_of(body, before="word_t largest = 0;")
    assert found.interval == 1 and found.recurrence == ""


SQUARE = "held = ap_int<16>(next) * ap_int<16>(next);"
STORE_FIRST = f"one[i] = held;\n        const word_t next = one[i + 1];\n        {SQUARE}"
LOAD_FIRST = f"const word_t next = one[i + 1];\n        one[i] = held;\n        {SQUARE}"


@pytest.mark.parametrize(
    ("body", "claims", "interval"),
    [
        (STORE_FIRST, "", 6),
        (STORE_FIRST, "inter false", 6),  # what is said between iterations orders none inside one
        (STORE_FIRST, "inter false;intra false", 1),
        (LOAD_FIRST, "", 3),
        (LOAD_FIRST, "inter false", 1),
        (LOAD_FIRST, "inter RAW distance=3 true", 2),
        (LOAD_FIRST, "inter RAW distance=5 true", 1),
        (LOAD_FIRST, "inter WAR false", 3),
    ],
)
def test_recurrences_through_a_memory(body: str, claims: str, interval: int) -> None:
    """Load (1 and the output), product (3), register, store: 6 cycles. From an iteration to the
    next by the register, and to one more by the memory, unless the store comes first."""
    pragmas = "\n".join(
        f"#pragma HLS DEPENDENCE variable=one {claim}" for claim in claims.split(";") if claim
    )
    found = loop_of(body, before="word_t held = 0;", pragmas=pragmas)
    assert found.interval == interval
    if interval > 1:
        assert "a store of `one`" in found.recurrence and "a load of `one`" in found.recurrence


@pytest.mark.parametrize("claim", ["", "#pragma HLS DEPENDENCE variable=few inter false"])
def test_a_small_array_is_registers_whatever_a_pragma_claims(claim: str) -> None:
    """Arrays of fewer than four words are registers, for which DEPENDENCE says nothing."""
    body = """const word_t product = few[0] * two[i];
        few[0] = product + 1;"""
    found = loop_of(body, pragmas=claim)
    assert found.interval > 1 and "`few`" in found.recurrence


def test_an_exit_that_waits_for_a_stream_is_a_recurrence() -> None:
    """The next iteration cannot start before it is known whether there is one."""
    body = "if (in.read() > 0) ++seen; else ++i;"
    assert loop_of(body, before="int seen = 0;").interval > 1
    assert loop_of("if (in.read() > 0) ++seen;", before="int seen = 0;").interval == 1


def test_returns_and_continues_are_conditions_too() -> None:
    """What stands behind them is chosen by them: a divider's bit a step would else be free."""
    functions = """inline word_t bounded(word_t value, word_t bound) {
    if (value > bound) return bound;
    return value;
}"""
    short = loop_of("held = bounded(held + 1, 7);", functions=functions, before="word_t held = 0;")
    twice = "held = bounded(bounded(bounded(held, 9) + 1, 8) + 1, 7);"
    long = loop_of(twice, functions=functions, before="word_t held = 0;")
    assert (short.interval, long.interval) == (1, 3)
