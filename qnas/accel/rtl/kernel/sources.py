"""The SystemVerilog of a kernel: its units, what is printed from the plans, and what it shares
with the blocks."""

from __future__ import annotations

from collections.abc import Sequence

from qnas.accel.plan.multi_network import check_together
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.block import folder
from qnas.accel.rtl.kernel.package import package
from qnas.accel.rtl.kernel.stage_tables import exp_rom, network_table, stage_table
from qnas.accel.rtl.kernel.top import top

TOP = "qnas_top"
SHARED = ("choose.sv", "delay.sv", "dsp.sv", "lanes.sv", "tables.sv")  # with the blocks


def kernel_sources(plans: Sequence[HardwarePlan]) -> dict[str, str]:
    """File name -> text, the package first: everything that a tool needs but the cells of the
    device. ConfigError unless the plans are of one kernel."""
    check_together(plans)
    units = sorted((folder("kernel") / "sv").glob("*.sv"))
    blocks = [folder("sv") / name for name in SHARED]
    return {
        "plan.sv": package(plans),
        "stage_table.sv": stage_table(plans),
        "network_table.sv": network_table(plans),
        "exp_rom.sv": exp_rom(),
        "qnas_top.sv": top(plans),
        **{path.name: path.read_text(encoding="utf-8") for path in (*units, *blocks)},
    }
