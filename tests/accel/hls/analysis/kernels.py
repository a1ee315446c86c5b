"""Kernels of one loop, for analyses whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping

from qnas.accel.device import Device, load_device
from qnas.accel.hls.analysis.timing import LoopTiming, analyse_sources

TYPES = """#pragma once
#include <ap_int.h>
#include <hls_stream.h>
#include "plan.hpp"
namespace qnas {
typedef ap_int<32> word_t;
typedef word_t OneMemory[plan::ROWS];
typedef word_t FewMemory[plan::FEW];
typedef hls::stream<word_t> WordStream;
}  // namespace qnas
"""
KERNEL = """#include "types.hpp"
namespace qnas {
%(functions)s
inline void kernel(int count, WordStream& in, WordStream& out, OneMemory& one, OneMemory& two,
                   FewMemory& few) {
    %(before)s
loop:
    for (int i = 0; i < count; ++i) {
#pragma HLS PIPELINE II=1
%(pragmas)s
        %(body)s
    }
    out.write(word_t(0));
}
static void run(int count, WordStream& in, WordStream& out) {
    static OneMemory one;
#pragma HLS BIND_STORAGE variable=one type=ram_s2p impl=bram
    static OneMemory two;
#pragma HLS BIND_STORAGE variable=two type=ram_s2p impl=bram
    static FewMemory few;
#pragma HLS BIND_STORAGE variable=few type=ram_s2p impl=lutram
    kernel(count, in, out, one, two, few);
}
}  // namespace qnas
void qnas_top(int images) {
    qnas::WordStream in("in"), out("out");
    qnas::run(20 * images, in, out);
}
"""


def loop_of(
    body: str,
    *,
    before: str = "",
    functions: str = "",
    pragmas: str = "",
    clock_mhz: float = 300.0,
    device: Device | None = None,
) -> LoopTiming:
    """The timing of a loop with this body; `in` and `out` are streams of 32 bits, `one` and `two`
    block RAMs of 64 words, `few` an array of two."""
    text = KERNEL % dict(body=body, before=before, functions=functions, pragmas=pragmas)
    sources: Mapping[str, str] = {
        "src/plan.hpp": (
            "#pragma once\nnamespace plan {\nconstexpr int ROWS = 64;\nconstexpr int FEW = 2;\n}\n"
        ),
        "src/qnas_top.cpp": text,
        "src/types.hpp": TYPES,
    }
    (timing,) = analyse_sources(sources, device or load_device("u250"), clocks_mhz=(clock_mhz,))
    (loop,) = timing.loops
    return loop
