"""Every number of the analytic model that does not follow from a plan, each with its source.

"measured": pyosys 0.70, synth_xilinx -family xcup, synthesis of RTL primitives without place and
route, exact in simulation. "assumed": not measured; stated so that it can be questioned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from qnas._util.serialization import Value
from qnas.accel.plan.ports import MEMORY_LATENCY_CYCLES


@dataclass(frozen=True, slots=True)
class Coefficients(Value):
    """LUTs and FFs of the elements of a plan. `SOURCES` gives the source of each number."""

    adder_lut_per_bit: int = 1
    mux_inputs_per_lut: int = 4
    fabric_product_lut: int = 31
    fabric_product8_lut: int = 42
    address_product_lut: int = 311
    address_products: int = 6
    ff_per_logic_lut: int = 1
    bank_write_lut: int = 4
    control_lut: int = 3000
    control_ff: int = 3000
    stage_bits: int = 256
    axi_port_lut: int = 800
    axi_port_ff: int = 1200
    axi_interconnect_lut: int = 600
    axi_interconnect_ff: int = 900


SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "adder_lut_per_bit": "measured: arrays with accumulators of 16, 19, 22 and 26 bits, 4 LUT a"
        " bit of four; one carry bit a LUT (UG574)",
        "mux_inputs_per_lut": "UG574: a LUT6 holds four inputs and two selects",
        "fabric_product_lut": "measured: arrays of 2 to 64 products in LUTs, 31 to 32 each beside"
        " their trees",
        "fabric_product8_lut": "measured: array(tk=4, tm=2, lut_slots=2, wx=8), 42 each",
        "address_product_lut": "measured: 8x8 fabric product, 138 LUT; 12x12 by area",
        "address_products": "counted: bank rows of a token or head, in engine, loads and vectors",
        "ff_per_logic_lut": "assumed: registers behind the multiplexers of wiring; all other units"
        " count theirs, which the measured table confirms",
        "bank_write_lut": "assumed: write enable and address of one bank",
        "control_lut": "assumed: counters, addresses and state machines of the stage sequence",
        "control_ff": "assumed: as control_lut",
        "stage_bits": "assumed: width of one entry of the stage table, held in LUTs",
        "axi_port_lut": "assumed: one AXI master adapter with bursts",
        "axi_port_ff": "assumed: as axi_port_lut",
        "axi_interconnect_lut": "assumed: a port's share of what connects it to the memory"
        " controller, width and protocol conversion and register slices included",
        "axi_interconnect_ff": "assumed: as axi_interconnect_lut",
    }
)
DEFAULT = Coefficients()

STAGE_CYCLES = 8  # assumed: fetch a stage table entry, start and end the stage's function
CALL_CYCLES = 8  # assumed: registers of a call are read, the kernel's processes begin
# Of a call's first image alone: its first words come from memory, and memory acknowledges its
# logits. Of later images the words have been read ahead, and the logits' answers come beside them.
START_CYCLES = CALL_CYCLES + 2 * MEMORY_LATENCY_CYCLES
