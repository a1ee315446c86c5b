"""The multiplier array against plain sums: corners and random vectors, packed and not."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from qnas.accel.plan.multipliers import packing
from qnas.accel.plan.plan import Packing
from qnas.numerics import act_max
from tests.accel.designs import zcu102

PLAIN = ("-DPACKED=false",)  # what a simulation may choose, one product at a time
INTRINSICS = ("-DPACKED=true", "-DQNAS_DSP_BUILTINS")  # the cascade by its name
PROGRAM = r"""
#include "mac_array.hpp"
#include <cstdint>
#include <cstdio>
#include <cstdlib>

bool qnas::trace::packed = PACKED;
static uint64_t state = 88172645463325252ULL;
static unsigned draw(unsigned below) {
    state ^= state << 13; state ^= state >> 7; state ^= state << 17;
    return unsigned(state >> 33) % below;
}
// Corners in every second vector: the ends of the ranges, and zero.
static int corner(int low, int high) { const int v[] = {low, high, 0, -1, low}; return v[draw(5)]; }
static int value(int low, int high, bool corners) {
    return corners ? corner(low, high) : low + int(draw(unsigned(high - low + 1)));
}

int main() {
    static qnas::nibble_t weight[plan::TM][plan::TK];
    static qnas::act_t act[plan::TT][plan::TK];
    static qnas::weight_word_t words[plan::TM][qnas::WEIGHT_WORDS];
    static qnas::stored_act_t stored[plan::ACT_BANKS][plan::ACT_WORD];
    static qnas::Accumulators acc;
    int expected[plan::TM][plan::TT];
    for (int run = 0; run < VECTORS; ++run) {
        const bool first = run % 3 == 0;
        for (int k = 0; k < plan::TK; ++k) {
            for (int m = 0; m < plan::TM; ++m) weight[m][k] = value(-8, 7, run % 2);
            const int most = plan::ACT_MAX;
            for (int j = 0; j < plan::TT; ++j) act[j][k] = value(-most, most, run % 2);
            if (run == 1) weight[0][k] = weight[1][k] = -8, act[0][k] = -most;
        }
        for (int m = 0; m < plan::TM; ++m)
            for (int j = 0; j < plan::TT; ++j) {
                int sum = first ? 0 : expected[m][j];
                for (int k = 0; k < plan::TK; ++k) sum += int(weight[m][k]) * int(act[j][k]);
                expected[m][j] = sum;
            }
        for (int k = 0; k < plan::TK; ++k) {
            const int at = 4 * (k % plan::WEIGHT_WORD);
            for (int m = 0; m < plan::TM; ++m)
                words[m][k / plan::WEIGHT_WORD].range(at + 3, at) = ap_uint<4>(weight[m][k]);
            for (int j = 0; j < plan::TT; ++j)
                stored[qnas::act_bank(j, k)][j % plan::ACT_WORD] = act[j][k];
        }
        qnas::multiply_accumulate(words, stored, first, acc);
        for (int m = 0; m < plan::TM; ++m)
            for (int j = 0; j < plan::TT; ++j)
                if (int(acc[m][j]) != expected[m][j]) {
                    std::printf("run %d slot %d token %d: %d, not %d\n", run, m, j,
                                int(acc[m][j]), expected[m][j]);
                    return 1;
                }
    }
    return 0;
}
"""
CASCADES = r"""
#include "mac_array.hpp"
#include <cstdio>

// The largest and smallest sums of as many products as a field holds, in every field, all
// combinations of signs; and of one product more.
int main() {
    for (int count = HELD; count <= HELD + 1; ++count) {
        int wrong = 0;
        for (int signs = 0; signs < 16; ++signs) {
            const int w[2] = {signs & 1 ? -8 : 7, signs & 2 ? -8 : 7};
            const int x[2] = {signs & 4 ? -plan::ACT_MAX : plan::ACT_MAX,
                              signs & 8 ? -plan::ACT_MAX : plan::ACT_MAX};
            const long long a = qnas::packed_nibbles(w[0], w[1]);
            long long b = x[0];
            if (plan::DSP_TOKENS == 2) b += x[1] * (1LL << plan::FIELD_BITS);
            qnas::field_sum_t sum[qnas::FIELDS];
            qnas::split_fields(ap_int<48>(count * a * b), sum);
            for (int f = 0; f < qnas::FIELDS; ++f) {
                const int product = w[f / plan::DSP_TOKENS] * x[f % plan::DSP_TOKENS];
                wrong += int(sum[f]) != count * product;
            }
        }
        std::printf("%d ", wrong);
    }
    return 0;
}
"""
DSP48E1, DSP48E2, SMALL = (25, 18), (27, 18), (10, 10)


def _packing(dsp: tuple[int, int], bits: int) -> Packing:
    wide, narrow = dsp
    return packing(replace(zcu102(), dsp_wide_bits=wide, dsp_narrow_bits=narrow), bits)


def _plan(
    tm: int,
    tt: int,
    tk: int,
    lut_slots: int,
    lut_tokens: int = 0,
    act_word: int = 1,
    *,
    packed: Packing,
    dsp: tuple[int, int],
    bits: int,
) -> str:
    names = {"TM": tm, "TT": tt, "TK": tk, "LUT_SLOTS": lut_slots, "ACC_BITS": 24}
    names |= {"LUT_TOKENS": lut_tokens, "WEIGHT_WORD": min(tk, 8), "ACT_WORD": act_word}
    names |= {"ACT_BANKS": -(-tt // act_word) * tk}
    names |= dict(zip(("DSP_WIDE_BITS", "DSP_NARROW_BITS"), dsp, strict=True))
    names |= {"DSP_ROWS": packed.rows, "DSP_TOKENS": packed.tokens}
    names |= {"FIELD_BITS": packed.field_bits, "CASCADE": min(tk, packed.cascade)}
    names |= {"ACT_BITS": bits, "ACT_MAX": act_max(bits)}
    others = (
        *("VL", "TOKENS", "CLASSES", "DRAIN_PAIRS", "QUERY_SCALE_ROWS", "GELU_LANES", "GELU_ROWS"),
        *("ACT_ROWS", "KEY_ROWS", "PROB_ROWS", "SCORE_ROWS", "RESIDUAL_ROWS", "WEIGHT_ROWS"),
        *("ROW_PARAM_ROWS", "ROW_PARAM_BANKS", "NORM_PARAM_ROWS", "NORM_PARAM_BANKS"),
        *("SCORE_DELAY_ROWS", "RESIDUAL_DELAY_ROWS", "LOGIT_ROWS", "HEAD_BUFFERS"),
        *("SCORE_PAIRS", "LOAD_PAIRS", "SCORE_BANKS", "RESIDUAL_BANKS"),
    )
    names |= {**dict.fromkeys(others, 1), "PORT_BITS": 64, "STREAM_BITS": 64}
    names["SCORE_BITS"] = 20
    lines = [f"constexpr int {name} = {number};" for name, number in names.items()]
    text = "#pragma once\nnamespace plan {\n" + "\n".join(lines) + "\n}\n"
    return text + f"#define QNAS_DSP {'dsp48e1' if dsp == DSP48E1 else 'dsp48e2'}\n"


def _run(folder: Path, program: str, plan: str, *flags: str) -> subprocess.CompletedProcess[str]:
    (folder / "plan.hpp").write_text(plan)
    (folder / "array.cpp").write_text(program)
    with resources.as_file(resources.files("qnas.accel") / "hls") as library:
        includes = ["-I.", f"-I{library / 'sim'}", f"-I{library / 'src'}"]
        command = [
            "g++",
            "-std=c++14",
            "-O1",
            "-w",
            "-DQNAS_TRACE",
            "-fsanitize=undefined",
            *flags,
            *includes,
        ]
        subprocess.run([*command, "array.cpp", "-o", "array"], cwd=folder, check=True)
    return subprocess.run("./array", cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("dsp", "bits", "products", "field_bits", "cascade"),
    [
        (DSP48E2, 6, 4, 11, 4),
        (DSP48E2, 8, 2, 22, 4),
        (DSP48E1, 6, 4, 10, 2),
        (DSP48E1, 8, 2, 20, 4),
        (SMALL, 8, 1, 0, 1),
    ],
)
def test_what_a_dsp_packs(
    dsp: tuple[int, int], bits: int, products: int, field_bits: int, cascade: int
) -> None:
    found = _packing(dsp, bits)
    assert (found.products, found.field_bits, found.cascade) == (products, field_bits, cascade)


@pytest.mark.parametrize(
    ("lanes", "dsp", "bits", "flags"),
    [
        ((4, 2, 4, 0), DSP48E2, 6, ()),
        ((6, 3, 16, 2), DSP48E2, 6, ()),
        ((6, 5, 16, 2, 1, 4), DSP48E2, 6, ()),
        ((4, 3, 8, 0, 3), DSP48E2, 6, ()),
        ((2, 1, 1, 0), DSP48E2, 6, ()),
        ((4, 4, 2, 2), DSP48E2, 6, ()),
        ((4, 2, 8, 0), SMALL, 6, ()),
        ((6, 3, 16, 2), DSP48E2, 6, PLAIN),
        ((6, 3, 8, 2), DSP48E1, 6, ()),
        ((6, 3, 16, 2), DSP48E2, 8, ()),
        ((4, 2, 4, 0), DSP48E1, 8, ()),
        ((4, 2, 2, 4), DSP48E2, 8, ()),
        ((4, 6, 8, 0, 3, 4), DSP48E2, 8, PLAIN),
        ((6, 3, 16, 2), DSP48E2, 8, PLAIN),
        ((6, 3, 16, 2), DSP48E2, 6, INTRINSICS),
        ((6, 3, 16, 2), DSP48E2, 8, INTRINSICS),
        ((6, 3, 8, 2), DSP48E1, 6, INTRINSICS),
    ],
)
def test_every_sum_is_exact(
    tmp_path: Path,
    lanes: tuple[int, ...],
    dsp: tuple[int, int],
    bits: int,
    flags: tuple[str, ...],
) -> None:
    header = _plan(*lanes, packed=_packing(dsp, bits), dsp=dsp, bits=bits)
    done = _run(tmp_path, PROGRAM, header, "-DVECTORS=4000", *(flags or ("-DPACKED=true",)))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("dsp", "bits", "held"),
    [(DSP48E2, 6, 4), (DSP48E1, 6, 2), (DSP48E2, 8, 2064), (DSP48E1, 8, 516)],
)
def test_a_field_holds_so_many_products_and_no_more(
    tmp_path: Path, dsp: tuple[int, int], bits: int, held: int
) -> None:
    packed = _packing(dsp, bits)
    assert packed.cascade <= held
    header = _plan(2, 2, 4, 0, packed=packed, dsp=dsp, bits=bits)
    fitting, more = map(int, _run(tmp_path, CASCADES, header, f"-DHELD={held}").stdout.split())
    assert fitting == 0 and more > 0
