"""Every number of the analytic model that does not follow from a plan, each with its source.

"measured": pyosys 0.70, synth_xilinx -family xcup, synthesis of RTL primitives without place and
route, exact in simulation. "assumed": nobody measured it; it is stated so that it can be doubted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from qnas.serial import Value


@dataclass(frozen=True, slots=True)
class Coefficients(Value):
    """LUT and FF of what the plan is built from. `SOURCES` says where each number comes from."""

    adder_lut_per_bit: int = 1
    mux_inputs_per_lut: int = 4
    fabric_product_lut: int = 31
    fabric_product8_lut: int = 42
    block_lut: int = 18
    chain_lut: int = 115
    short_chain_lut: int = 10
    block_ff: int = 44
    chain_ff: int = 92
    short_chain_ff: int = 22
    block_accumulator_bits: int = 22
    address_product_lut: int = 311
    address_products: int = 6
    ff_per_logic_lut: int = 1
    bank_write_lut: int = 4
    control_lut: int = 3000
    control_ff: int = 3000
    stage_bits: int = 256
    axi_port_lut: int = 800
    axi_port_ff: int = 1200


_CHAINS = (
    "measured: 2 rows x 2 tokens of DSP48E2 chains, raw LUT 131, 248, 473, 702 and FF 224, 316,"
    " 500, 684 for 4, 8, 16, 24 inputs"
)
SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "adder_lut_per_bit": "measured: 4x4 product and 20-bit accumulator take 48 LUT, the product"
        " alone 28; one carry bit a LUT (UG574)",
        "mux_inputs_per_lut": "UG574: a LUT6 holds four inputs and two selects",
        "fabric_product_lut": "measured: 4x6 product `a*b`, 29 to 33 LUT",
        "fabric_product8_lut": "assumed: 4x8 product, fabric_product_lut x 8/6",
        "block_lut": f"{_CHAINS}: 18 + 115 a chain of four is at least the measured, 1.5 % more at"
        " most",
        "chain_lut": f"{_CHAINS}: packing adders, split and adder tree",
        "short_chain_lut": f"{_CHAINS}: 101, 111 and 131 LUT with chains of 1, 2 and 4",
        "block_ff": f"{_CHAINS}: 132 + 92 a chain of four exactly, less 4 accumulators of 22 bits,"
        " which are a buffer of the plan",
        "chain_ff": f"{_CHAINS}",
        "short_chain_ff": f"{_CHAINS}: 158, 180 and 224 FF with chains of 1, 2 and 4",
        "block_accumulator_bits": f"{_CHAINS}: width of its accumulators",
        "address_product_lut": "measured: 8x8 fabric product, 138 LUT; 12x12 by area",
        "address_products": "counted: bank rows of a token or head, in engine, loads and vectors",
        "ff_per_logic_lut": "measured: a chain of 16 inputs has 500 FF for 473 LUT; registers"
        " behind every adder and multiplexer",
        "bank_write_lut": "assumed: write enable and address of one bank",
        "control_lut": "assumed: counters, addresses and state machines of the stage walk",
        "control_ff": "assumed: as control_lut",
        "stage_bits": "assumed: width of one entry of the stage table, held in LUTs",
        "axi_port_lut": "assumed: one AXI master adapter with bursts",
        "axi_port_ff": "assumed: as axi_port_lut",
    }
)
DEFAULT = Coefficients()

# Cycles a pipelined loop takes beyond its trips each time it is entered: the depth of its
# pipeline. All assumed: no tool here schedules C++; typical depths at 150 MHz.
FILL_CYCLES: Mapping[str, int] = MappingProxyType(
    {
        "load": 8,  # stream or port, select, write
        "table": 4,
        # One pipeline runs all three and is filled once, before the first: read 2, multiply 3,
        # tree and accumulate 7, drain and epilogue 20.
        "prefetch": 32,
        "tiles": 32,
        "flush": 32,
        "store": 8,
        "parameters": 4,
        "statistics": 36,  # squares and sums 12, variance 4, reciprocal square root 20
        "normalise": 24,  # three multiplications, two shifts
        "maximum": 10,
        "exponentials": 37,  # multiply, shift, table, shift: 20; the divider, a bit a cycle: 17
    }
)
STAGE_CYCLES = 8  # assumed: fetch a stage table entry, start and end the stage's function
START_CYCLES = 200  # assumed: first word of the weight stream from DRAM, and the last logit's write
