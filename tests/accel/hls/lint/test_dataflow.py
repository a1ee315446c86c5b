"""Canonical DATAFLOW regions, and FIFOs."""

from __future__ import annotations

import pytest

from qnas.accel.hls.lint import bindings, dataflow
from tests.accel.hls.lint.kernels import REGION, Rule, findings

ALL = (
    dataflow.regions_hold_declarations_and_calls,
    dataflow.processes_take_plain_arguments,
    dataflow.streams_join_two_processes,
    dataflow.arrays_belong_to_one_process,
    bindings.fifos_are_bound,
)
DRAIN = "    QNAS_PROCESS(drain(words, count, logits));\n"
FILL = "    QNAS_PROCESS(fill(image, count, words));\n"


@pytest.mark.parametrize("rule", ALL)
def test_a_canonical_region_breaks_no_rule(rule: Rule) -> None:
    assert findings(rule, REGION) == []


@pytest.mark.parametrize(
    "statement",
    ["if (count > 3) logits[0] = 0;", "logits[0] = 1;", "int last = count - 1;", "count = 2;"],
)
def test_what_is_no_declaration_and_no_call_is_named(statement: str) -> None:
    rule = dataflow.regions_hold_declarations_and_calls
    assert len(findings(rule, REGION, DRAIN, f"    {statement}\n{DRAIN}")) == 1


@pytest.mark.parametrize("argument", ["count - 1", "count > 3 ? 1 : 2", "stage.rows", "*image"])
def test_an_argument_that_is_computed_is_named(argument: str) -> None:
    rule = dataflow.processes_take_plain_arguments
    (found,) = findings(rule, REGION, "drain(words, count,", f"drain(words, {argument},")
    assert found == f"a process takes names and constants alone: {argument}"


@pytest.mark.parametrize("kind", ["const Stage& count", "Stage count"])
def test_a_struct_for_a_process_is_named(kind: str) -> None:
    rule = dataflow.processes_take_plain_arguments
    (found,) = findings(
        rule, REGION, "drain(Words& words, int count", f"drain(Words& words, {kind}"
    )
    assert found == "a process takes no struct: Stage count: count"


def test_streams_with_other_ends_are_named() -> None:
    rule = dataflow.streams_join_two_processes
    for before, after, users in (
        (DRAIN, "", "writes"),
        (DRAIN, DRAIN + DRAIN, "writes, reads, reads"),
        (DRAIN, FILL, "writes, writes"),
        (FILL + DRAIN, DRAIN + FILL, "reads, writes"),
        (FILL + DRAIN, "", "nobody"),
    ):
        (found,) = findings(rule, REGION, before, after)
        assert found.partition("not: ")[2].startswith(users)


def test_a_depth_that_is_not_simulated_is_named() -> None:
    rule = dataflow.streams_join_two_processes
    for before, after in (
        ("depth=64", "depth=65"),
        ("#pragma HLS STREAM variable=words depth=64\n", ""),
    ):
        (found,) = findings(rule, REGION, before, after)
        assert "must have one depth" in found


def test_a_pointer_of_two_processes_is_named() -> None:
    rule = dataflow.arrays_belong_to_one_process
    (found,) = findings(rule, REGION, "count, logits", "count, image")
    assert "`image` must be used by one process, not fill and drain" in found


def test_a_fifo_that_is_not_bound_is_named() -> None:
    bound = "#pragma HLS BIND_STORAGE variable=words type=fifo impl=srl\n"
    (found,) = findings(bindings.fifos_are_bound, REGION, bound, "")
    assert "a FIFO must be bound" in found


PRODUCTS = """\
void dot(const int a[4], const int b[4], int& sum) {{
    for (int k = 0; k < 4; ++k) {{
#pragma HLS UNROLL
        const int product = a[k] * b[k];
#pragma HLS BIND_OP variable=product op=mul impl={impl}
        {use}
    }}
}}
"""


@pytest.mark.parametrize(
    ("impl", "use", "named"),
    [
        ("dsp", "sum += product;", True),
        ("dsp", "sum -= product;", True),
        ("dsp", "sum += product >> 3;", False),
        ("dsp", "sum += product; a[k] = product;", False),
        ("fabric", "sum += product;", False),  # it keeps the product out of the DSPs
    ],
)
def test_a_bound_product_that_is_only_added_up_is_named(impl: str, use: str, named: bool) -> None:
    text = PRODUCTS.format(impl=impl, use=use)
    assert len(findings(bindings.sums_of_products_are_not_bound, text)) == named
