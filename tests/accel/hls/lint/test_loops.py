"""Rules of pipelined loops: each mistake that was made once is named."""

from __future__ import annotations

import pytest

from qnas.accel.hls.lint import bindings, loops, scopes
from tests.accel.hls.lint.kernels import ENGINE, Rule, findings

ALL = (
    loops.loads_come_before_stores,
    loops.memories_have_one_store_site,
    loops.lanes_carry_sums_alone,
    loops.array_waits_for_no_stream,
    bindings.registers_are_bound_to_no_ram,
    scopes.outer_loops_are_not_pipelined,
)
MULTIPLY = "        if (there) multiply_accumulate(act[i], sum);\n"
EMIT = "        if (there) emit(i, sum, act);\n"
PIPELINE = "#pragma HLS PIPELINE II=1\n"
LARGEST = "        if (total > largest) largest = total;\n"


@pytest.mark.parametrize("rule", ALL)
def test_a_kernel_as_it_should_be_breaks_no_rule(rule: Rule) -> None:
    assert findings(rule, ENGINE) == []


def test_a_store_before_a_load_is_named_through_the_calls() -> None:
    early = ENGINE.replace(EMIT, "")
    rule = loops.loads_come_before_stores
    (found,) = findings(rule, early, MULTIPLY, EMIT + MULTIPLY)
    assert "act is stored at src/x.hpp:17 before" in found
    waived = f"{PIPELINE}#pragma HLS DEPENDENCE variable=act intra false\n"
    assert findings(rule, early.replace(PIPELINE, waived), MULTIPLY, EMIT + MULTIPLY) == []
    for other in ("inter false", "intra true"):
        kept = early.replace(PIPELINE, waived.replace("intra false", other))
        assert findings(rule, kept, MULTIPLY, EMIT + MULTIPLY)


def test_ways_that_exclude_each_other_have_no_order() -> None:
    rule, text = loops.loads_come_before_stores, ENGINE.replace(EMIT, "")
    multiply, emit = MULTIPLY.strip(), EMIT.strip().removeprefix("if (there) ")
    assert findings(rule, text, MULTIPLY, f"if (i) {emit} else {multiply}\n") == []
    assert findings(rule, text, MULTIPLY, f"if (i) {{ {emit} continue; }} {multiply}\n") == []
    assert findings(rule, text, MULTIPLY, f"if (i) {{ {emit} }} {multiply}\n")
    switch = "switch (i) {{ case 0: {}{} default: {} }}\n"
    assert findings(rule, text, MULTIPLY, switch.format(emit, " break;", multiply)) == []


def test_a_second_store_site_is_named() -> None:
    rule = loops.memories_have_one_store_site
    (found,) = findings(rule, ENGINE, EMIT, EMIT + "        if (i == 7) act[i][0] = 0;\n")
    assert "act is stored at src/x.hpp:17 as well" in found
    registers = EMIT + "        sum[0] = 0;\n"
    assert findings(rule, ENGINE, EMIT, registers) == [], "only memories have ports"
    copy = "    int act[4];\n    act[0] = values[0];\n    act[1] = values[1];\n"
    inner = "inline void emit(int row, const int values[4], Memory& memory) {\n"
    assert findings(rule, ENGINE, inner, inner + copy) == [], "it is another variable"


@pytest.mark.parametrize(
    "update",
    [
        "if (sum[k] > largest) largest = sum[k];",
        "largest = sum[k] > largest ? sum[k] : largest;",
        "largest = max(largest, sum[k]);",
        "largest *= sum[k];",
        "if (sum[k] <= largest) continue; largest = sum[k];",
    ],
)
def test_a_chain_over_the_lanes_that_iterations_carry_is_named(update: str) -> None:
    rule, add = loops.lanes_carry_sums_alone, "            total += sum[k];\n"
    (found,) = findings(rule, ENGINE, add, f"            {update}\n")
    assert "make a tree" in found and "largest" in found
    chained = ENGINE.replace(add, f"            {update}\n")
    local = chained.replace("        int word = 0;\n", "        int word = 0, largest = 0;\n")
    assert findings(rule, local) == [], "it lives for one iteration"


@pytest.mark.parametrize(
    "update",
    ["total += sum[k];", "total = total + sum[k];", "if (k < i) total += sum[k];", "++total;"],
)
def test_sums_over_the_lanes_are_balanced(update: str) -> None:
    rule = loops.lanes_carry_sums_alone
    assert findings(rule, ENGINE, "            total += sum[k];", f"            {update}") == []


def test_a_chain_in_a_function_that_the_lanes_call_is_named() -> None:
    called = ENGINE.replace(
        "void engine(",
        "inline void higher(int value, int& best) {\n    if (value > best) best = value;\n}\n\n"
        "void engine(",
    )
    found = findings(
        loops.lanes_carry_sums_alone, called, "total += sum[k];", "higher(sum[k], largest);"
    )
    assert len(found) == 1 and "best = value" in found[0]


def test_a_read_that_stops_the_array_is_named() -> None:
    rule = loops.array_waits_for_no_stream
    read = "const bool there = (word = words.read()) > 0;"
    found = findings(rule, ENGINE, "const bool there = words.read_nb(word);", read)
    assert found == ["no blocking read in the array's loop: words.read()"]
    assert findings(rule, ENGINE, MULTIPLY, "") == [
        "a pipelined loop must call multiply_accumulate: "
    ]


@pytest.mark.parametrize("rows", ["1", "3"])
def test_a_ram_of_few_rows_is_named(rows: str) -> None:
    rule = bindings.registers_are_bound_to_no_ram
    found = findings(rule, ENGINE, "int ROWS = 64", f"int ROWS = {rows}")
    assert len(found) == 1 and f"a bank of {rows} rows is registers" in found[0]
    (unknown,) = findings(rule, ENGINE, "Memory[ROWS]", "Memory[rows_of(3)]")
    assert "must be constants of the plan" in unknown


def test_an_outer_loop_that_might_be_pipelined_is_named() -> None:
    rule = scopes.outer_loops_are_not_pipelined
    (found,) = findings(rule, ENGINE, "#pragma HLS PIPELINE off\n", "")
    assert "must say PIPELINE off" in found
