"""What the test bench of a kernel is compiled with, and the files that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.plan.weight_stream import weight_files
from qnas.accel.rtl.kernel.layout import MEMORIES, segments, shapes, words_of_image
from qnas.accel.rtl.kernel.package import GENERATED, memory_constants, widths
from qnas.numerics import Ints

TYPES = {64: "QData"}  # of Verilator, by the bits of a port


def design_header(plans: Sequence[HardwarePlan]) -> str:
    """design.hpp: ports and memories of the kernel, for the test bench."""
    plan = plans[0]
    firsts = [0, *accumulate(len(one.stages) for one in plans)][:-1]
    constants = {
        "NETWORKS": len(plans),
        "BATCH": plan.folding.batch,
        "PORTS": len(plan.ports),
        "WEIGHT_PORTS": len(plan.weight_ports),
        "CLASSES": plan.architecture.num_classes,
        "ROW_BITS": widths(plans)["ROW_BITS"],
    }
    readers = "".join(
        f" \\\n    X({index}, {TYPES.get(port.bits, f'VlWide<{port.bits // 32}>')})"
        for index, port in enumerate(plan.ports[:-1])
    )
    memories = "".join(f" \\\n    X({_memory(plan, name)})" for name in MEMORIES)
    return "\n".join(
        [
            f'{GENERATED}\n#pragma once\n#include "verilated.h"\n\nnamespace design {{',
            *(f"constexpr int {name} = {value};" for name, value in constants.items()),
            f"constexpr int FIRST_STAGES[NETWORKS] = {{{', '.join(map(str, firsts))}}};",
            "}  // namespace design\n",
            f"#define QNAS_READ_PORTS(X){readers}",
            f"#define QNAS_LOGITS(signal) m_axi_gmem{len(plan.ports) - 1}_##signal",
            "#define QNAS_KERNEL(signal) qnas_top__DOT__accelerator__DOT__##signal",
            f"// name, bits, banks, rows, rows that are written at once\n"
            f"#define QNAS_MEMORIES(X){memories}\n",
        ]
    )


def _memory(plan: HardwarePlan, name: str) -> str:
    s = shapes(plan)[name]
    return f"{name}, {s.width}, {s.banks}, {s.rows}, {s.write_rows}"


def write_network(
    folder: Path, index: int, members: Sequence[KernelNetwork], patches: Ints
) -> None:
    """The files of network number `index`: weights by port, images, and what every stage of every
    image must give."""
    member, strides = members[index], memory_constants([one.plan for one in members])
    plan = member.plan
    for port, content in enumerate(weight_files(member.network, plan).values()):
        (folder / f"weights_{index}_{port}.bin").write_bytes(content)
    (folder / f"image_{index}.bin").write_bytes(words_of_image(plan, patches))
    words = [len(plan.stages)]
    for stage in plan.stages:
        found = segments(plan, stage, strides)
        words.append(len(found))
        for s in found:
            words += [MEMORIES.index(s.memory), s.shift, s.width, int(s.signed)]
            words += [s.image_words, len(s.words)]
            words += s.words.tolist()
    (folder / f"stages_{index}.bin").write_bytes(np.array(words, dtype="<i4").tobytes())
    results = member.network.trace(patches) if len(patches) else ()
    by_stage = {name: values.reshape(len(patches), -1) for name, values in results}
    ordered = [by_stage[stage.name] for stage in plan.stages] if by_stage else [np.zeros((0, 0))]
    (folder / f"expected_{index}.bin").write_bytes(
        np.concatenate(ordered, axis=1).astype("<i4").tobytes()
    )
