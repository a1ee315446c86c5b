"""Files for tools and people: scripts, the host's facts, and the project's README, by template."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from qnas._util.units import ceil_div, pass_name
from qnas.accel.device import Device
from qnas.accel.hls.emit.bench import stage_values
from qnas.accel.hls.emit.library import STANDARD, host_batch
from qnas.accel.hls.emit.member import KernelNetwork, data_folders
from qnas.accel.hls.emit.platform import board_name, platform_of
from qnas.accel.plan.loops import patch_lanes
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.plan.weight_stream import weight_file_names
from qnas.data.preprocessing import Preprocessing
from qnas.errors import printable
from qnas.numerics import Ints

TOP = "qnas_top"
SOURCE, BENCH = "src/qnas_top.cpp", "tb/tb.cpp"


def tool_files(plan: HardwarePlan, device: Device, *, name: str) -> dict[str, str]:
    """Scripts of Vitis HLS, and what brings the kernel to the board: Vivado's for a Zynq, the
    linker's configuration for a card. All from the same facts."""
    platform = platform_of(device, plan)
    facts = {
        "name": name,
        "top": TOP,
        "source": SOURCE,
        "bench": BENCH,
        "std": STANDARD,
        "cflags": f"{STANDARD} -Isrc",
        "part": device.part,
        "clock_ns": f"{1e3 / plan.clock_mhz:.3f}",
        "flow_target": platform.flow_target,
        "package": platform.package,
    }
    files = {file: _render(f"{file}.j2", **facts) for file in ("build.tcl", "hls_config.cfg")}
    if platform.processors is not None:
        system = {
            "ps": platform.processors,
            "board": board_name(device),
            "clock_mhz": f"{plan.clock_mhz:g}",
        }
        return {**files, "vivado.tcl": _render("vivado.tcl.j2", **facts, **system)}
    if platform.banks is None:
        return files
    system = {
        "banks": platform.banks,
        "clock_mhz": plan.clock_mhz,
        "linked": platform.linked,
    }
    return {**files, "link.cfg": _render("link.cfg.j2", **facts, **system)}


def readme(
    members: Sequence[KernelNetwork],
    device: Device,
    *,
    name: str,
    logits: Sequence[Ints],
    labels: Ints,
    preprocessing: Preprocessing,
) -> str:
    """README.md: how to run the project, and the numbers to expect. `logits`: of each network, on
    the sample images that have `labels`."""
    plan = members[0].plan
    image, count, platform = plan.image_port, len(members), platform_of(device, plan)
    arch, names = plan.architecture, preprocessing.class_names
    facts = preprocessing.facts(size=arch.image_size, channels=arch.in_channels)
    return _render(
        "README.md.j2",
        name=name,
        image=facts["image"],
        inputs="IMAGES" if facts["image"] else "IMAGES.npy",
        scores=all(member.network.logit_step for member in members),
        platform=platform.kind,
        linked=platform.linked,
        images=len(labels),
        networks=[
            {
                "index": index,
                "verdict": "" if count == 1 else f"network {index}: ",
                "answers": _answers(answers, labels, names),
                **_of_network(member, folder),
            }
            for index, (member, answers, folder) in enumerate(
                zip(members, logits, data_folders(count), strict=True)
            )
        ],
        device=device.name,
        part=device.part,
        clock_mhz=plan.clock_mhz,
        folding=plan.folding,
        ports=len(plan.ports),
        registers=registers(plan, networks=count),
        weight_ports=plan.weight_ports,
        stream_bits=plan.stream_bits,
        port_bits=image.bits,
        batch=plan.folding.batch,
        a_pass=_a_pass(plan),
        images_a_call=ceil_div(host_batch(), plan.folding.batch) * plan.folding.batch,
        image_words=plan.image_words,
        patch_lanes=int(patch_lanes(plan.folding, image.bits)),
        act_max=members[0].network.act_max,
        classes=plan.architecture.num_classes,
    )


def _a_pass(plan: HardwarePlan) -> str:
    name = pass_name(plan.folding.batch)
    return f"an {name}" if plan.folding.batch == 1 else f"a {name}"


FIRST_REGISTER, ADDRESS_BYTES, NUMBER_BYTES = 0x10, 12, 8  # a word of each is reserved


def registers(plan: HardwarePlan, *, networks: int) -> dict[str, tuple[int, ...]]:
    """Offsets in the register file of each argument's words, as Vitis HLS lays them out (UG1399,
    "S_AXILITE Offset Option"): addresses of 64 bits, low word first, and numbers of 32."""
    found: dict[str, tuple[int, ...]] = {}
    offset = FIRST_REGISTER
    for port in plan.ports:
        found[port.name] = (offset, offset + 4)
        offset += ADDRESS_BYTES
    for name in ("images", "network")[: 1 + (networks > 1)]:
        found[name] = (offset,)
        offset += NUMBER_BYTES
    return found


def _of_network(member: KernelNetwork, folder: str) -> dict[str, Any]:
    plan = member.plan
    return {
        "key": plan.architecture.key,
        "label": member.label,
        "stages": len(plan.stages),
        "outputs": sum(stage_values(plan)),
        "expected": member.expected,
        "loop_cycles": sum(stage.loop_cycles for stage in plan.stages),
        "hidden": sum(loop.hidden for stage in plan.stages for loop in stage.loops),
        "weight_words": plan.stream_words,
        "weight_bytes": plan.stream_words * plan.stream_bits // 8,
        "files": weight_file_names(plan, folder=folder),
        "input_step": member.network.input_step,
    }


def _answers(logits: Ints, labels: Ints, names: Sequence[str]) -> list[dict[str, int | str]]:
    return [
        {
            "image": index,
            "label": names[int(label)],
            "answer": names[int(np.argmax(row))],
            "logit": int(row.max()),
        }
        for index, (row, label) in enumerate(zip(logits, labels, strict=True))
    ]


def _render(template: str, **values: Any) -> str:
    folder = resources.files("qnas.accel").joinpath("hls", "project")
    text = folder.joinpath(template).read_text(encoding="utf-8")
    environment = Environment(
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    environment.filters["cell"] = _cell
    return environment.from_string(text).render(**values)


def _cell(text: str) -> str:
    """Text that stays in a cell of a table."""
    return " ".join(printable(text).replace("|", "\\|").split())
