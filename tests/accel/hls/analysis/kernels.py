"""Kernels of one loop, for analyses whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qnas.accel.device import Device, load_device
from qnas.accel.hls.analysis.recurrences import LoopTiming
from qnas.accel.hls.analysis.timing import analyse_sources

PLAN = """#pragma once
namespace plan {
constexpr int ROWS = 64;
constexpr int FEW = 2;
}
"""
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
KERNEL = """%(functions)s
inline void kernel_%(name)s(int count, WordStream& in, WordStream& out, OneMemory& one,
                            OneMemory& two, FewMemory& few) {
    %(before)s
loop:
    %(head)s {
#pragma HLS PIPELINE II=1
%(pragmas)s
        %(body)s
    }
    out.write(word_t(0));
}
"""
TOP = """static void run(int count, WordStream& in, WordStream& out) {
    static OneMemory one;
#pragma HLS BIND_STORAGE variable=one type=ram_s2p impl=bram
    static OneMemory two;
#pragma HLS BIND_STORAGE variable=two type=ram_s2p impl=bram
    static FewMemory few;
#pragma HLS BIND_STORAGE variable=few type=ram_s2p impl=lutram
    %(calls)s
}
}  // namespace qnas
void qnas_top(int images) {
    qnas::WordStream in("in"), out("out");
    qnas::run(20 * images, in, out);
}
"""


@dataclass(frozen=True)
class Case:
    """A loop with this body; `in` and `out` are streams of 32 bits, `one` and `two` block RAMs of
    64 words, `few` an array of two."""

    body: str
    before: str = ""
    functions: str = ""
    pragmas: str = ""
    head: str = "for (int i = 0; i < count; ++i)"


def timings(
    cases: Mapping[str, Case], *clocks_mhz: float, device: Device | None = None
) -> list[dict[str, LoopTiming]]:
    """At each clock, the loop of every case, by its name: all in one program."""
    kernels = "".join(KERNEL % {**vars(case), "name": name} for name, case in cases.items())
    calls = "\n    ".join(f"kernel_{name}(count, in, out, one, two, few);" for name in cases)
    top = TOP % {"calls": calls}
    sources = {
        "src/plan.hpp": PLAN,
        "src/qnas_top.cpp": f'#include "types.hpp"\nnamespace qnas {{\n{kernels}{top}',
        "src/types.hpp": TYPES,
    }
    found = analyse_sources(sources, device or load_device("u250"), clocks_mhz=clocks_mhz)
    return [
        {loop.loop.split(": ")[0].removeprefix("kernel_"): loop for loop in timing.loops}
        for timing in found
    ]
