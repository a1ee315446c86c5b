"""Shifts: by constants and unsigned numbers alone."""

from __future__ import annotations

import pytest

from qnas.accel.hls.lint import style
from tests.accel.hls.lint.kernels import findings

TEXT = """\
typedef ap_uint<6> shift_t;
ap_int<48> shifted(ap_int<48> value, int n, shift_t by, const ap_int<4>& small) {{
    constexpr int width = 7;
    const int other = n;
    for (int lane = 0; lane < 4; ++lane) {{
#pragma HLS UNROLL
        value = value >> lane;
    }}
    return value {};
}}
"""


@pytest.mark.parametrize(
    "shift",
    [">> 3", "<< by", ">> width", ">> (4 * plan::BITS)", "<< shift_t(n)", ">> ap_uint<3>(n - 1)"],
)
def test_an_amount_that_is_never_negative(shift: str) -> None:
    assert findings(style.shifts_are_by_unsigned_numbers, TEXT.format(shift)) == []


@pytest.mark.parametrize("shift", [">> n", "<< small", ">> other", ">> (n + 1)", "<< (by - n)"])
def test_an_amount_that_may_be_negative_is_named(shift: str) -> None:
    (found,) = findings(style.shifts_are_by_unsigned_numbers, TEXT.format(shift))
    assert found == f"a shift is by an unsigned number: value {shift}"
