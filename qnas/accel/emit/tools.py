"""Files for tools and people: scripts, the host's facts, and the project's README, by template."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from qnas.accel.device import Device
from qnas.accel.emit.bench import stage_values
from qnas.accel.emit.platform import board_name, platform_of
from qnas.accel.loops import patch_lanes
from qnas.accel.plan import HardwarePlan
from qnas.accel.weights import weight_file_names
from qnas.integer import IntegerNetwork
from qnas.numerics import Ints

TOP = "qnas_top"
STANDARD = "-std=c++14"
SOURCE, BENCH = "src/qnas_top.cpp", "tb/tb.cpp"


@dataclass(frozen=True, slots=True)
class Expected:
    """A number for the README: what, how much, and how it is known ("modelled")."""

    what: str
    value: str
    how: str


def tool_files(plan: HardwarePlan, device: Device, *, name: str) -> dict[str, str]:
    """Scripts of Vitis HLS, old and new, and what brings the kernel to the board: Vivado's for a
    Zynq, the linker's configuration for a card. All from the same facts."""
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
        system = {"ps": platform.processors, "board": board_name(device)}
        return {**files, "vivado.tcl": _render("vivado.tcl.j2", **facts, **system)}
    system = {"banks": platform.banks, "clock_mhz": plan.clock_mhz}
    return {**files, "link.cfg": _render("link.cfg.j2", **facts, **system)}


def design_json(
    network: IntegerNetwork, plan: HardwarePlan, *, name: str, weights: Mapping[str, bytes]
) -> str:
    """host/design.json: what the host must know of images, weights (a file a port) and answers."""
    arch, image = plan.architecture, plan.image_port
    digests = (hashlib.sha256(content).hexdigest() for content in weights.values())
    facts = {
        "name": name,
        "architecture": arch.key,
        "image_shape": [arch.in_channels, arch.image_size, arch.image_size],
        "patch_size": arch.patch_size,
        "classes": arch.num_classes,
        "input_step": network.input_step,
        "activation_max": network.act_max,
        "port_bits": image.bits,
        "pixels_per_word": int(patch_lanes(plan.folding, image.bits)),
        "image_words": image.words,
        "weight_words": plan.stream_words,
        "weights": [
            {"port": port.name, "file": path, "sha256": digest}
            for port, path, digest in zip(plan.weight_ports, weights, digests, strict=True)
        ],
    }
    return json.dumps(facts, indent=2, allow_nan=False) + "\n"


def readme(
    network: IntegerNetwork,
    plan: HardwarePlan,
    device: Device,
    *,
    name: str,
    logits: Ints,
    labels: Ints,
    expected: Sequence[Expected] = (),
) -> str:
    """README.md: how to run the project, and the numbers to expect."""
    image = plan.image_port
    return _render(
        "README.md.j2",
        name=name,
        key=plan.architecture.key,
        zynq=platform_of(device, plan).processors is not None,
        expected=expected,
        images=len(logits),
        stages=len(plan.stages),
        values=sum(stage_values(plan)),
        answers=_answers(logits, labels),
        device=device.name,
        part=device.part,
        clock_mhz=plan.clock_mhz,
        folding=plan.folding,
        loop_trips=sum(loop.trips for stage in plan.stages for loop in stage.loops),
        ports=len(plan.ports),
        weight_ports=plan.weight_ports,
        weight_files=weight_file_names(plan),
        stream_bits=plan.stream_bits,
        weight_bytes=plan.stream_words * plan.stream_bits // 8,
        port_bits=image.bits,
        image_words=image.words,
        patch_lanes=int(patch_lanes(plan.folding, image.bits)),
        input_step=network.input_step,
        act_max=network.act_max,
        classes=plan.architecture.num_classes,
    )


def _answers(logits: Ints, labels: Ints) -> list[dict[str, int]]:
    return [
        {
            "image": index,
            "label": int(label),
            "answer": int(np.argmax(row)),
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
    return environment.from_string(text).render(**values)
