"""Platform: how a kernel gets onto a device: as IP beside a Zynq's processors, as a kernel (.xo)
that Vitis links into the platform of a card, or as IP for a block design of the user's.

Names of pins and properties are those of AMD's PG201 (Zynq UltraScale+), PG082 (Zynq-7000); memory
banks those of UG1393.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from qnas.accel.device import Device, is_hbm
from qnas.accel.plan.plan import HardwarePlan
from qnas.errors import ConfigError, problem

DIMMS = 4  # of Alveo U200 and U250 (UG1120), the cards with DDR memory of several banks
# Vivado's name of a board where it is not the device's.
BOARDS = {"kv260": "kv260_som", "pynq_z2": "pynq-z2", "ultra96": "ultra96v2"}


@dataclass(frozen=True, slots=True)
class Processors:
    """The processing system of a Zynq: its IP, what to set, and the pins that the kernel takes."""

    ip: str
    external: str
    settings: Mapping[str, object]
    clock: str
    reset: str
    clock_pins: tuple[str, ...]
    control: str
    memories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Platform:
    """`processors` of a Zynq; else `banks` by port of what Vitis links; neither of a device that
    has no processors and for whose boards AMD makes no platform."""

    processors: Processors | None
    banks: Mapping[str, str] | None
    linked: Literal["xclbin", "xsa"] = "xclbin"  # by v++; it packages an .xsa after that

    @property
    def kind(self) -> Literal["zynq", "card", "ip"]:
        if self.processors is not None:
            return "zynq"
        return "ip" if self.banks is None else "card"

    @property
    def flow_target(self) -> Literal["vivado", "vitis"]:
        return "vitis" if self.kind == "card" else "vivado"

    @property
    def package(self) -> Literal["ip_catalog", "xo"]:
        return "xo" if self.kind == "card" else "ip_catalog"


def platform_of(device: Device, plan: HardwarePlan) -> Platform:
    """From the family, and the part of a card; ConfigError for more ports than a Zynq has."""
    if device.series == "zynq-7000":
        _require_ports(device, plan, ZYNQ_7000_PORTS)
        return Platform(_zynq_7000(plan), None)
    if device.series.startswith("zynq"):
        _require_ports(device, plan, len(ULTRASCALE_PORTS))
        return Platform(_zynq_ultrascale(plan), None)
    banks = _banks(device, plan) if _is_linked(device) else None
    versal = device.series.startswith("versal")
    return Platform(None, banks, "xsa" if versal else "xclbin")


def _is_linked(device: Device) -> bool:
    """Whether Vitis has platforms for it: Alveo cards, whose parts are named for them, boards of
    Versal, and what says that it is linked as one by the plain family `ultrascale-plus`."""
    card = device.part.lower().startswith("xcu")
    return card or device.series == "ultrascale-plus" or device.series.startswith("versal")


def _require_ports(device: Device, plan: HardwarePlan, most: int) -> None:
    if len(plan.ports) > most:
        rule = f"must need at most the {most} ports of a {device.series} into its memory"
        remedy = f"Set axi_ports = {most} in the device file, and search the folding again."
        raise ConfigError(problem("plan.ports", rule, len(plan.ports), remedy))


def board_name(device: Device) -> str:
    """What Vivado calls the board."""
    return BOARDS.get(device.name, device.name)


def _banks(device: Device, plan: HardwarePlan) -> dict[str, str]:
    """Each port has an HBM channel of its own; on DDR cards the ports of the weight stream take the
    DIMMs in turn, and all else the first; Versal's NoC finds its way."""
    if device.series.startswith("versal"):
        return {}
    if is_hbm(device.memory):
        return {port.name: f"HBM[{index}]" for index, port in enumerate(plan.ports)}
    dimms = {port.name: f"DDR[{index % DIMMS}]" for index, port in enumerate(plan.weight_ports)}
    return {port.name: dimms.get(port.name, "DDR[0]") for port in plan.ports}


ZYNQ_7000_PORTS = 4
# Slave ports of a Zynq UltraScale+ into its memory, the plain ones first, and PG201's numbers.
ULTRASCALE_PORTS = (("HP0", 2), ("HP1", 3), ("HP2", 4), ("HP3", 5), ("HPC0", 0), ("HPC1", 1))


def _zynq_ultrascale(plan: HardwarePlan) -> Processors:
    ports = ULTRASCALE_PORTS[: len(plan.ports)]
    width = min(plan.ports[0].bits, 128)
    return Processors(
        ip="zynq_ultra_ps_e",
        external="",
        settings={
            "PSU__FPGA_PL0_ENABLE": 1,
            "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ": f"{plan.clock_mhz:g}",
            "PSU__USE__M_AXI_GP0": 1,
            "PSU__USE__M_AXI_GP1": 0,
            "PSU__USE__M_AXI_GP2": 0,
            **{f"PSU__USE__S_AXI_GP{number}": 1 for _, number in ports},
            **{f"PSU__SAXIGP{number}__DATA_WIDTH": width for _, number in ports},
        },
        clock="pl_clk0",
        reset="pl_resetn0",
        clock_pins=("maxihpm0_fpd_aclk", *(f"saxi{name.lower()}_fpd_aclk" for name, _ in ports)),
        control="M_AXI_HPM0_FPD",
        memories=tuple(f"S_AXI_{name}_FPD" for name, _ in ports),
    )


def _zynq_7000(plan: HardwarePlan) -> Processors:
    ports = range(len(plan.ports))
    return Processors(
        ip="processing_system7",
        external=' make_external "FIXED_IO, DDR"',
        settings={
            "PCW_EN_CLK0_PORT": 1,
            "PCW_FPGA0_PERIPHERAL_FREQMHZ": f"{plan.clock_mhz:g}",
            "PCW_USE_M_AXI_GP0": 1,
            **{f"PCW_USE_S_AXI_HP{port}": 1 for port in ports},
            **{f"PCW_S_AXI_HP{port}_DATA_WIDTH": 64 for port in ports},
        },
        clock="FCLK_CLK0",
        reset="FCLK_RESET0_N",
        clock_pins=("M_AXI_GP0_ACLK", *(f"S_AXI_HP{port}_ACLK" for port in ports)),
        control="M_AXI_GP0",
        memories=tuple(f"S_AXI_HP{port}" for port in ports),
    )
