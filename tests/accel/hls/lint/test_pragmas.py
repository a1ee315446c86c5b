"""Options of pragmas against the table of what Vitis HLS knows."""

from __future__ import annotations

from itertools import chain

import pytest

from qnas.accel.hls.lint import pragma_table, scopes
from tests.accel.hls.lint.kernels import findings

TEXT = """\
constexpr int MOST = 9;
void g(int a) {{}}
void f(int port, int n) {{
    int array[8], other;
#pragma HLS {}
    for (int i = 0; i < n; ++i) {{
#pragma HLS {}
        array[i] = 0;
    }}
}}
"""
GOOD = [
    *("PIPELINE II=1", "PIPELINE II=1 rewind", "PIPELINE off", "PIPELINE II=2 style=frp"),
    *("UNROLL", "UNROLL factor=4 skip_exit_check", "LOOP_TRIPCOUNT max=8", "LOOP_FLATTEN off"),
    "LOOP_TRIPCOUNT min=1 max=MOST avg=3",
    "DEPENDENCE variable=array inter false",
    "DEPENDENCE variable=array intra RAW false",
    "DEPENDENCE class=array type=inter dependent=true distance=4 direction=WAR",
    "ARRAY_PARTITION variable=array complete dim=0",
    "ARRAY_PARTITION variable=array cyclic factor=2 dim=1",
    "ARRAY_PARTITION variable=array type=block factor=4",
    "BIND_OP variable=other op=mul impl=dsp latency=3",
    "BIND_STORAGE variable=array type=ram_s2p impl=uram latency=2",
    "BIND_STORAGE variable=array type=fifo impl=srl",
    "STREAM variable=array depth=4 type=fifo",
    "ALLOCATION function instances=g limit=1",
    "INTERFACE m_axi port=port bundle=a depth=4 offset=slave max_read_burst_length=64",
    "INTERFACE s_axilite port=port bundle=control",
    "INLINE off",
    "EXPRESSION_BALANCE off",
    "DATAFLOW disable_start_propagation",
]
BAD = [
    ("PIPELIN II=1", "one that Vitis HLS knows"),
    ("CLOCK domain=a", "one that Vitis HLS knows"),
    ("PIPELINE II=0", "`ii` must be a constant from 1 on"),
    ("PIPELINE II=n", "`ii` must be a constant"),
    ("PIPELINE II=1 off", "off and ii exclude each other"),
    ("PIPELINE II=1 II=2", "`ii` must be said once"),
    ("PIPELINE II=1 enable_flush", "no option is called `enable_flush`"),
    ("PIPELINE II=1 style=fast", "`style` must be one of stp, flp, frp"),
    ("UNROLL factor=1", "`factor` must be a constant from 2 on"),
    ("UNROLL region", "no option is called `region`"),
    ("LOOP_TRIPCOUNT min=1", "`max` must be given"),
    ("DEPENDENCE variable=array inter", "one of true, false must be said"),
    ("DEPENDENCE variable=array inter intra false", "one of inter, intra must be said"),
    ("DEPENDENCE variable=array inter type=inter false", "one of inter, intra must be said"),
    ("DEPENDENCE variable=array class=array inter false", "variable and class exclude each other"),
    ("DEPENDENCE variable=array inter RAR false", "no option is called `rar`"),
    ("ARRAY_PARTITION complete dim=1", "`variable` must be given"),
    ("ARRAY_PARTITION variable=array cyclic dim=1", "a factor goes with block and cyclic"),
    ("ARRAY_PARTITION variable=array complete factor=2", "a factor goes with block and cyclic"),
    ("ARRAY_PARTITION variable=array complete block factor=2", "one of block, cyclic, complete"),
    ("BIND_OP variable=other op=mull", "`op` must be one of mul"),
    ("BIND_OP variable=other op=mul impl=lut", "`impl` must be one of dsp, fabric"),
    ("BIND_STORAGE variable=array type=ram impl=bram", "`type` must be one of fifo"),
    ("BIND_STORAGE variable=array impl=bram", "`type` must be given"),
    ("BIND_STORAGE variable=array type=rom_np impl=uram", "`impl` of rom_np must be one of bram"),
    ("BIND_STORAGE variable=array type=ram_2p impl=srl", "`impl` of ram_2p must be one of"),
    ("STREAM variable=array depth=4 off", "no option is called `off`"),
    ("STREAM variable=array dim=1", "no option is called `dim`"),
    ("ALLOCATION instances=g limit=1", "one of function, operation must be said"),
    ("INTERFACE m_axi bundle=a", "`port` must be given"),
    ("INTERFACE m_axi port=port offset=none", "`offset` must be one of slave, direct, off"),
    ("INTERFACE s_axilite port=port depth=4", "no option is called `depth`"),
    ("INTERFACE ap_bus port=port", "one that Vitis HLS knows"),
    ("INLINE off recursive", "off and recursive exclude each other"),
]


@pytest.mark.parametrize("pragma", GOOD)
def test_what_the_tool_knows_is_let_through(pragma: str) -> None:
    for place in (0, 1):
        text = TEXT.format(*(pragma if i == place else "INLINE" for i in range(2)))
        assert findings(pragma_table.options_are_known, text) == []
        assert findings(scopes.variables_exist, text) == []
        assert findings(scopes.constants_exist, text) == []
        assert findings(scopes.instances_exist, text) == []


@pytest.mark.parametrize(("pragma", "says"), BAD)
def test_what_it_does_not_know_is_named(pragma: str, says: str) -> None:
    found = findings(pragma_table.options_are_known, TEXT.format("INLINE", pragma))
    assert any(says in one for one in found), found


def test_the_table_says_nothing_of_options_that_it_does_not_list() -> None:
    """Every group and every setting that an entry speaks of is an option of that entry."""
    for kind, entry in pragma_table.table().items():
        listed = {
            *entry.get("variables", ()),
            *entry.get("names", ()),
            *entry.get("flags", ()),
            *entry.get("integers", {}),
            *entry.get("values", {}),
            *entry.get("words", {}),
            *(("type", "impl") if "pairs" in entry else ()),
        }
        spoken = {*entry.get("required", ()), *chain.from_iterable(entry.get("one_of", ()))}
        assert spoken <= listed, kind
        assert {*entry.get("optional_words", ())} <= {*entry.get("words", {})}, kind


def test_scopes_are_those_of_the_language() -> None:
    """A variable of another block, or declared below, is not there."""
    rule = scopes.variables_exist
    inner = TEXT.format("INLINE", "BIND_OP variable=later op=mul")
    assert findings(rule, inner, "array[i] = 0;", "int later = i * i;")
    assert findings(rule, TEXT.format("BIND_OP variable=i op=mul", "INLINE"))
    assert findings(rule, TEXT.format("INLINE", "BIND_OP variable=other op=mul")) == []


def test_functions_and_constants_that_do_not_exist_are_named() -> None:
    text = TEXT.format("ALLOCATION function instances=h limit=1", "LOOP_TRIPCOUNT max=LEAST")
    assert "must be a function" in findings(scopes.instances_exist, text)[0]
    assert "declared constant" in findings(scopes.constants_exist, text)[0]


def test_a_pragma_outside_of_functions_is_named() -> None:
    text = "#pragma HLS INLINE\n" + TEXT.format("INLINE", "UNROLL")
    (found,) = findings(pragma_table.pragmas_stand_in_functions, text)
    assert "must stand in a function" in found
