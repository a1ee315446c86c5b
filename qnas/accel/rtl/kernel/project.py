"""emit_rtl: networks and their plans as a project of SystemVerilog, packaged by Vivado."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined

from qnas._util.units import fps, in_passes, pass_name
from qnas.accel.device import Device, load_device
from qnas.accel.hls.emit.host import host_files, preprocessing_of
from qnas.accel.hls.emit.library import library_files
from qnas.accel.hls.emit.member import Expected, KernelNetwork, weights_of_members
from qnas.accel.hls.emit.platform import platform_of
from qnas.accel.hls.emit.project import ProjectFiles, check_labels, check_name
from qnas.accel.hls.emit.tools import registers as offsets_of
from qnas.accel.hls.emit.tools import tool_files
from qnas.accel.plan.multi_network import encode_plans
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.plan.ports import MEMORY_LATENCY_CYCLES
from qnas.accel.rtl.block import folder
from qnas.accel.rtl.kernel.cycles import cycles_of_first_pass, cycles_of_pass
from qnas.accel.rtl.kernel.sources import TOP, kernel_sources
from qnas.accel.rtl.kernel.top import bundle
from qnas.data.preprocessing import Preprocessing

SYSTEM_FILES = ("vivado.tcl", "link.cfg")  # as of the HLS project, whose IP has the same ports
CONTROL = {"CTRL": 0x00, "GIER": 0x04, "IP_IER": 0x08, "IP_ISR": 0x0C}


@dataclass(frozen=True, slots=True)
class Register:
    """Of the register file; that of an address names its AXI master."""

    name: str
    offset: str
    bits: int
    master: str = ""


def registers(plans: Sequence[HardwarePlan], *, card: bool) -> tuple[Register, ...]:
    """The register file of the kernel, as `control.sv` has it. Of a Zynq the words of an address
    have names of their own, which PYNQ looks for; of a card one register names its master, which
    XRT looks for."""
    found = [Register(name, f"0x{offset:02x}", 32) for name, offset in CONTROL.items()]
    masters = {port.name: bundle(index) for index, port in enumerate(plans[0].ports)}
    for name, offsets in offsets_of(plans[0], networks=len(plans)).items():
        words = [f"0x{offset:02x}" for offset in offsets]
        if name not in masters:
            found.append(Register(name, words[0], 32))
        elif card:
            found.append(Register(name, words[0], 64, masters[name]))
        else:
            found += [Register(f"{name}_{i}", word, 32) for i, word in enumerate(words, start=1)]
    return tuple(found)


def emit_rtl(
    members: Sequence[KernelNetwork],
    *,
    name: str,
    device: Device | None = None,
    preprocessing: Preprocessing | None = None,
) -> ProjectFiles:
    """The project of a kernel that runs each of `members`, by its index.

    Equal arguments give equal bytes. `device` defaults to the plans'; without `preprocessing` the
    host takes normalised arrays alone. Raises ConfigError for a name
    that is no plain file name, a network that is not its plan's, or plans that are not of one
    kernel.
    """
    check_name(name)
    check_labels([member.label for member in members])
    plans = [member.plan for member in members]
    device = load_device(plans[0].device) if device is None else device
    weights = weights_of_members(members)
    known = preprocessing_of(members, preprocessing)
    system = tool_files(plans[0], device, name=name)
    facts = _facts(members, device, name)
    texts = {
        **{f"rtl/{file}": text for file, text in kernel_sources(plans).items()},
        "sim/dsp48.sv": (folder("sim") / "dsp48.sv").read_text(encoding="utf-8"),
        "package_ip.tcl": _render("package_ip.tcl.j2", facts),
        "README.md": _render("README.md.j2", facts),
        **host_files(members, known, name=name, weights=weights),
        "plan.json": json.dumps(encode_plans(plans), indent=2, allow_nan=False) + "\n",
        **{file: system[file] for file in SYSTEM_FILES if file in system},
    }
    host = {path: data for path, data in library_files().items() if path.endswith(".py")}
    files = {**host, **{path: text.encode() for path, text in texts.items()}}
    for one in weights:
        files |= one
    return ProjectFiles(files)


def _facts(members: Sequence[KernelNetwork], device: Device, name: str) -> dict[str, Any]:
    plans = [member.plan for member in members]
    platform = platform_of(device, plans[0])
    clock_mhz = plans[0].clock_mhz
    return {
        "name": name,
        "top": TOP,
        "part": device.part,
        "clock_mhz": clock_mhz,
        "batch": plans[0].folding.batch,
        "zynq": platform.processors is not None,
        "card": platform.banks is not None,
        "linked": platform.linked,
        "masters": [bundle(index) for index in range(len(plans[0].ports))],
        "registers": registers(plans, card=platform.banks is not None),
        "networks": [
            {"label": member.label, "expected": [*member.expected, *_expected(member.plan)]}
            for member in members
        ],
    }


def _expected(plan: HardwarePlan) -> list[Expected]:
    """What a simulation of this RTL counts, for the README."""
    first, cycles, clock_mhz = cycles_of_first_pass(plan), cycles_of_pass(plan), plan.clock_mhz
    behind = f"counted, with memory that answers after {MEMORY_LATENCY_CYCLES} clocks"
    batch = plan.folding.batch
    what, rate = pass_name(batch), f"{fps(cycles, clock_mhz=clock_mhz, batch=batch):,.0f}"
    per_second = f"FPS{in_passes(batch)} at {clock_mhz:g} MHz (assumed)"
    return [
        Expected(f"cycles of a call's first {what}", f"{first:,}", behind),
        Expected(f"cycles of each further {what}", f"{cycles:,}", "counted"),
        Expected(per_second, rate, "from these cycles"),
    ]


def _render(template: str, facts: dict[str, Any]) -> str:
    text = (folder("kernel") / template).read_text(encoding="utf-8")
    environment = Environment(
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    return environment.from_string(text).render(**facts)
