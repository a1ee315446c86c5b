"""Files for tools and people: the Vitis script and the project's README, by template."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from qnas.accel.device import Device
from qnas.accel.emit.bench import stage_values
from qnas.accel.loops import patch_lanes
from qnas.accel.plan import HardwarePlan
from qnas.integer import IntegerNetwork
from qnas.numerics import Ints


def tcl_script(plan: HardwarePlan, device: Device, *, name: str) -> str:
    """build.tcl for Vitis HLS 2020.2 or later."""
    clock_ns = f"{1e3 / plan.clock_mhz:.3f}"
    return _render("build.tcl.j2", name=name, part=device.part, clock_ns=clock_ns)


def readme(
    network: IntegerNetwork,
    plan: HardwarePlan,
    device: Device,
    *,
    name: str,
    logits: Ints,
    labels: Ints,
) -> str:
    """README.md: how to run the project, and the numbers to expect."""
    weights, image, _ = plan.ports
    return _render(
        "README.md.j2",
        name=name,
        key=plan.architecture.key,
        images=len(logits),
        stages=len(plan.stages),
        values=sum(stage_values(plan)),
        answers=_answers(logits, labels),
        device=device.name,
        part=device.part,
        clock_mhz=plan.clock_mhz,
        folding=plan.folding,
        loop_cycles=sum(stage.loop_cycles for stage in plan.stages),
        weight_bytes=weights.words * weights.bits // 8,
        weight_words=weights.words,
        port_bits=weights.bits,
        image_words=image.words,
        patch_lanes=int(patch_lanes(plan.folding, weights.bits)),
        input_step=network.input_step,
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
