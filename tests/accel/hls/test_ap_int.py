"""The stand-in ap_int against Xilinx's, on random operands of many widths."""

from __future__ import annotations

import itertools
import random
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from qnas.accel.csim.toolchain import find_ap_int

WIDTHS = (1, 4, 6, 8, 10, 16, 17, 18, 27, 31, 32)
PAIRS = 8  # pairs of formats: each is a function of the program
VECTORS = 120
PROGRAM = r"""
#include <ap_int.h>
#include <cstdint>
#include <cstdio>

static uint64_t state = 1;
static uint64_t random64() {
    state ^= state << 13; state ^= state >> 7; state ^= state << 17;
    return state;
}
static void show(long long value) { std::printf("%lld ", value); }

template <class A, class B, int W>
void operations() {
    for (int i = 0; i < VECTORS; ++i) {
        const A a = A((long long)random64());
        const B b = B((long long)random64());
        const int count = int(random64() % (W + 3));
        show((long long)(a + b)); show((long long)(a - b)); show((long long)(a * b));
        show((long long)(a & b)); show((long long)(a | b)); show((long long)(a ^ b));
        show((long long)(a >> count)); show((long long)(a << count)); show((long long)(-a));
        show((long long)(~a)); show(a + 1 > a); show((long long)(a - 7)); show((long long)(3 * b));
        const A other = A(b);  // division: of equal signs alone
        if (other != 0) { show((long long)(a / other)); show((long long)(a % other)); }
        A c = b; show(c); c += a; show(c); c >>= 1; show(c);
        const int high = int(random64() % W), low = int(random64() % (high + 1));
        show((long long)(ap_uint<W>(a.range(high, low)))); show(a[high]);
        c.range(high, low) = ap_uint<W>(b); show(c);
        std::printf("\n");
    }
}

template <int W>
void words() {
    for (int i = 0; i < VECTORS; ++i) {
        ap_uint<W> word = 0;
        for (int byte = 0; byte < W / 8; ++byte)
            word.range(8 * byte + 7, 8 * byte) = uint8_t(random64());
        const ap_uint<W> copy = word;
        for (int k = 0; k < 8; ++k) {
            const int low = int(random64() % (W - 40)), size = 1 + int(random64() % 40);
            show((long long)ap_uint<40>(copy.range(low + size - 1, low)));
        }
        show((long long)ap_int<13>(copy.range(W - 1, W - 13)));
        std::printf("\n");
    }
}
"""


def _program() -> str:
    rng = random.Random(7)
    formats = [(w, s) for w, s in itertools.product(WIDTHS, (True, False))]
    pairs = [(rng.choice(formats), rng.choice(formats)) for _ in range(PAIRS)]
    calls = [f"operations<{_type(*a)}, {_type(*b)}, {a[0]}>();" for a, b in pairs]
    calls += [f"words<{bits}>();" for bits in (64, 128, 256, 1024)]
    body = "\n    ".join(calls)
    head = f"#define VECTORS {VECTORS}\n"
    return f"{head}{PROGRAM}\nint main() {{\n    {body}\n    return 0;\n}}\n"


def _type(width: int, signed: bool) -> str:
    return f"ap_int<{width}>" if signed else f"ap_uint<{width}>"


def _output(folder: Path, headers: Path, name: str) -> list[str]:
    program = folder / name
    command = ["g++", "-std=c++14", "-O0", "-w", f"-I{headers}", str(folder / "operations.cpp")]
    done = subprocess.run([*command, "-o", str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    run = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    return run.stdout.splitlines()


def test_every_operation_equals_xilinx(tmp_path: Path) -> None:
    ap_int = find_ap_int()
    if ap_int is None:
        pytest.skip("Xilinx's ap_int headers are not installed (pip install --no-deps hls4ml)")
    (tmp_path / "operations.cpp").write_text(_program())
    with resources.as_file(resources.files("qnas.accel") / "hls" / "sim") as stand_in:
        ours = _output(tmp_path, stand_in, "ours")
    theirs = _output(tmp_path, ap_int, "theirs")
    assert len(ours) == len(theirs) == VECTORS * (PAIRS + 4)
    assert ours == theirs
