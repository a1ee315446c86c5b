"""The multiplier array against plain sums: corners and random vectors, packed and not."""

from __future__ import annotations

import subprocess
from importlib import resources
from pathlib import Path

import pytest

PROGRAM = r"""
#include "mac_array.hpp"
#include <cstdint>
#include <cstdio>
#include <cstdlib>

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
    static qnas::Accumulators acc;
    int expected[plan::TM][plan::TT];
    for (int run = 0; run < VECTORS; ++run) {
        const bool first = run % 3 == 0;
        for (int k = 0; k < plan::TK; ++k) {
            for (int m = 0; m < plan::TM; ++m) weight[m][k] = value(-8, 7, run % 2);
            for (int j = 0; j < plan::TT; ++j) act[j][k] = value(-31, 31, run % 2);
            if (run == 1) weight[0][k] = weight[1][k] = -8, act[0][k] = -31;
        }
        for (int m = 0; m < plan::TM; ++m)
            for (int j = 0; j < plan::TT; ++j) {
                int sum = first ? 0 : expected[m][j];
                for (int k = 0; k < plan::TK; ++k) sum += int(weight[m][k]) * int(act[j][k]);
                expected[m][j] = sum;
            }
        qnas::multiply_accumulate(weight, act, first, acc);
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

// The largest and smallest sums of `count` products in every field, all combinations of signs.
int main() {
    for (int count = 4; count <= 5; ++count) {
        int wrong = 0;
        for (int signs = 0; signs < 16; ++signs) {
            const int w0 = signs & 1 ? -8 : 7, w1 = signs & 2 ? -8 : 7;
            const int x0 = signs & 4 ? -31 : 31, x1 = signs & 8 ? -31 : 31;
            const long long a = w1 * (1LL << 22) + w0, b = x1 * (1LL << 11) + x0;
            ap_int<11> sum[4];
            qnas::split_fields(ap_int<48>(count * a * b), sum);
            const int expected[4] = {w0 * x0, w0 * x1, w1 * x0, w1 * x1};
            for (int f = 0; f < 4; ++f) wrong += int(sum[f]) != count * expected[f];
        }
        std::printf("%d ", wrong);
    }
    return 0;
}
"""


def _plan(tm: int, tt: int, tk: int, lut_slots: int, packed: int) -> str:
    names = {"TM": tm, "TT": tt, "TK": tk, "LUT_SLOTS": lut_slots, "PACKED": packed, "ACC_BITS": 24}
    others = (
        *("VL", "TOKENS", "CLASSES", "DRAIN_PAIRS", "QUERY_SCALE_ROWS", "GELU_LANES"),
        *("ACT_ROWS", "KEY_ROWS", "PROB_ROWS", "SCORE_ROWS", "RESIDUAL_ROWS", "WEIGHT_ROWS"),
        *("ROW_PARAM_ROWS", "ROW_PARAM_BANKS", "NORM_PARAM_ROWS", "NORM_PARAM_BANKS"),
    )
    names |= {**dict.fromkeys(others, 1), "PORT_BITS": 64, "SCORE_BITS": 20}
    lines = [f"constexpr int {name} = {number};" for name, number in names.items()]
    return "#pragma once\nnamespace plan {\n" + "\n".join(lines) + "\n}\n"


def _run(folder: Path, program: str, plan: str, *flags: str) -> subprocess.CompletedProcess[str]:
    (folder / "plan.hpp").write_text(plan)
    (folder / "array.cpp").write_text(program)
    with resources.as_file(resources.files("qnas.accel") / "hls") as library:
        includes = ["-I.", f"-I{library / 'sim'}", f"-I{library / 'src'}"]
        command = ["g++", "-std=c++14", "-O1", "-w", "-fsanitize=undefined", *flags, *includes]
        subprocess.run([*command, "array.cpp", "-o", "array"], cwd=folder, check=True)
    return subprocess.run("./array", cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("lanes", "flags"),
    [
        ((4, 2, 4, 0, 1), ()),
        ((6, 3, 16, 2, 1), ()),
        ((2, 1, 1, 0, 1), ()),
        ((4, 4, 2, 2, 1), ()),
        ((4, 2, 8, 0, 0), ()),
        ((6, 3, 16, 2, 1), ("-DQNAS_PLAIN_MAC",)),
    ],
)
def test_every_sum_is_exact(
    tmp_path: Path, lanes: tuple[int, int, int, int, int], flags: tuple[str, ...]
) -> None:
    done = _run(tmp_path, PROGRAM, _plan(*lanes), "-DVECTORS=4000", *flags)
    assert done.returncode == 0, done.stdout + done.stderr


def test_four_products_fit_a_field_and_five_do_not(tmp_path: Path) -> None:
    done = _run(tmp_path, CASCADES, _plan(2, 2, 4, 0, 1))
    four, five = map(int, done.stdout.split())
    assert four == 0 and five > 0
