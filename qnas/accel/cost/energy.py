"""Energy of one image: a model of operations and bytes, not measured on a board.

The model counts products of the array, wide products (requantization, LayerNorm, softmax), bits in
and out of every on-chip memory and FIFO (`memory_traffic`), bits to and from DRAM, and leakage for
the duration of the image. The images of a pass share its energy equally. The model leaves out
pipeline registers, the clock tree, idle switching, the processors, regulators and I/O, so that a
board draws more. It serves to compare plans on one board, not to size a power supply.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from qnas._util.serialization import Value
from qnas._util.units import ceil_div, cycles_to_ms
from qnas.accel.cost.estimate import Estimate
from qnas.accel.device import Device, is_hbm
from qnas.accel.plan.loops import ROW_PARAM_BITS
from qnas.accel.plan.memory import NIBBLE_BITS
from qnas.accel.plan.plan import HardwarePlan, Stage
from qnas.operations import Epilogue, Tensor

PJ_PER_MJ = 1e9
# Multiplications of each value in a vector unit (`plan_multipliers`).
NORM_PRODUCTS, SOFTMAX_PRODUCTS, REQUANTIZE_PRODUCTS = 4, 1, 1
# Memory of a GEMM's result (default: `act`) and its number of accesses: a residual is read,
# added to and written, a logit written and read once more.
RESULTS = {
    Tensor.KEY: ("key", 1),
    Tensor.SCORES: ("score", 1),
    Tensor.RESIDUAL: ("residual", 2),
    Tensor.LOGITS: ("logit", 2),
}


@dataclass(frozen=True, slots=True)
class EnergyCoefficients(Value):
    """Energy of each kind of work in picojoules. `SOURCES` gives the source of each number."""

    atom_pj: float = 0.64
    atom8_pj: float = 0.78
    wide_product_pj: float = 6.5
    memory_pj_per_bit: float = 0.69
    ddr_pj_per_bit: float = 20.0
    hbm_pj_per_bit: float = 3.9
    static_uw_per_lut: float = 2.5

    def product_pj(self, activation_bits: int) -> float:
        """Picojoules of a product of a nibble and an activation."""
        return self.atom8_pj if activation_bits == 8 else self.atom_pj

    def dram_pj_per_bit(self, memory: str) -> float:
        """Picojoules per bit of HBM of any generation, or of memory outside the package."""
        return self.hbm_pj_per_bit if is_hbm(memory) else self.ddr_pj_per_bit


_FABRIC = (
    "; to 16 nm and 0.85 V by C V^2: x 16/45 x (0.85/0.9)^2 = 0.317 (scaling assumed);"
    " x 14 from standard cells to an FPGA (Kuon and Rose, TCAD 26(2), 2007, abstract: logic alone)"
)
SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "atom_pj": "Horowitz, ISSCC 2014, fig. 1.1.9, 45 nm, 0.9 V: 8-bit product 0.2 pJ x 24/64"
        " for 4 x 6 bits, 32-bit addition 0.1 pJ x 22/32: 0.144 pJ" + _FABRIC,
        "atom8_pj": "as atom_pj, of 4 x 8 bits: 0.2 pJ x 32/64 and 0.1 pJ x 24/32: 0.175 pJ"
        + _FABRIC,
        "wide_product_pj": "Horowitz, same figure: 32-bit product 3.1 pJ x 27 x 18 / 1024: 1.47 pJ"
        + _FABRIC,
        "memory_pj_per_bit": "Horowitz, same figure: 64 bits of an 8 KB memory 10 pJ"
        + _FABRIC
        + ". An upper bound: block RAM is a hard block",
        "ddr_pj_per_bit": "Horowitz, same figure: 64 bits of DRAM 1.3 to 2.6 nJ, the lower end;"
        " taken for DDR3, DDR4 and LPDDR4 alike",
        "hbm_pj_per_bit": "O'Connor et al., Fine-Grained DRAM, MICRO 2017: HBM2",
        "static_uw_per_lut": "assumed: 0.7 W of leakage for the ZU9EG's 274,080 LUTs, what vendor"
        " power reports of that part commonly show at room temperature; other parts in proportion",
    }
)
DEFAULT = EnergyCoefficients()


@dataclass(frozen=True, slots=True)
class Energy(Value):
    """Modelled energy of one image in millijoules, by where it is spent."""

    array_mj: float
    vector_mj: float
    memory_mj: float
    dram_mj: float
    static_mj: float

    @property
    def total_mj(self) -> float:
        """Sum of all parts, in millijoules."""
        return self.array_mj + self.vector_mj + self.memory_mj + self.dram_mj + self.static_mj


def energy(
    plan: HardwarePlan,
    device: Device,
    estimate: Estimate,
    *,
    cycles: float | None = None,
    coefficients: EnergyCoefficients = DEFAULT,
) -> Energy:
    """Model the energy of one image in a stream of images.

    Args:
        plan: The plan that runs.
        device: The device that it runs on.
        estimate: The estimate of `plan`.
        cycles: Cycles of a pass, predicted or measured; by default the estimate's.
        coefficients: Numbers of the model.
    """
    c, batch = coefficients, plan.folding.batch
    atoms = sum(_atoms(stage) for stage in plan.stages)
    products = sum(_wide_products(stage) for stage in plan.stages)
    pass_cycles = estimate.cycles if cycles is None else cycles
    watts = device.lut * c.static_uw_per_lut * 1e-6
    return Energy(
        array_mj=atoms * c.product_pj(plan.activation_bits) / PJ_PER_MJ,
        vector_mj=products * c.wide_product_pj / PJ_PER_MJ,
        memory_mj=memory_bits(plan) / batch * c.memory_pj_per_bit / PJ_PER_MJ,
        dram_mj=estimate.dram_bits / batch * c.dram_pj_per_bit(device.memory) / PJ_PER_MJ,
        static_mj=watts * cycles_to_ms(pass_cycles / batch, clock_mhz=estimate.clock_mhz),
    )


def memory_bits(plan: HardwarePlan) -> int:
    """Bits of one pass in and out of on-chip memories, including the FIFOs of the ports."""
    stages = sum(memory_traffic(stage, plan).total() for stage in plan.stages)
    return stages + sum(2 * port.words * port.bits for port in plan.ports)


def _atoms(stage: Stage) -> int:
    return stage.slots * stage.tokens * stage.inner if stage.kind == "gemm" else 0


def _wide_products(stage: Stage) -> int:
    if stage.kind == "softmax":
        return stage.tokens * stage.inner * SOFTMAX_PRODUCTS
    values = stage.rows * stage.tokens
    each = {"gemm": REQUANTIZE_PRODUCTS, "layer_norm": NORM_PRODUCTS}
    return values * each.get(stage.kind, 0)


def memory_traffic(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    """Count the bits read and written in each buffer. Data of a port enter and leave a FIFO."""
    found = Counter({"stream": 2 * stage.stream_words * plan.stream_bits})
    if stage.kind == "gemm":
        found += _operands(stage, plan) + _parameters(stage, plan) + _results(stage, plan)
    elif stage.kind == "layer_norm":
        found += _layer_norm(stage, plan)
    elif stage.kind == "softmax":
        found += _softmax(stage, plan)
    else:
        name = "residual" if stage.kind == "load_residual" else "act"
        found[name] += values_of(stage, plan) * _bits(plan)[name]
    if stage.kind == "load_patches":
        found["pixels"] += 2 * plan.image_port.words * plan.image_port.bits
    if stage.dst == Tensor.LOGITS:
        found["answers"] += 2 * values_of(stage, plan) * _bits(plan)["answers"]
    return found


def values_of(stage: Stage, plan: HardwarePlan) -> int:
    """Results of a stage in one pass; `rows` of each token of each image."""
    return stage.rows * stage.tokens * plan.folding.batch


def _bits(plan: HardwarePlan) -> dict[str, int]:
    """Bits of an element of each buffer; of activations in words, what one has of the word."""
    found = {buffer.name: buffer.bits for buffer in plan.buffers}
    return {**found, "act": found["act"] // plan.act_word}


def _operands(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    """Count both operands once a beat, and the left one also on its way into the weight memory."""
    f, bits = plan.folding, _bits(plan)
    row_tiles, token_tiles = stage.tiles_of_pass(f.batch)
    beats = row_tiles * token_tiles * stage.beats
    tile_bits = stage.beats * f.tm * f.tk * NIBBLE_BITS
    found = Counter(
        act=beats * f.tt * f.tk * bits["act"],
        weight=beats * f.tm * f.tk * NIBBLE_BITS + row_tiles * tile_bits,
    )
    source = {Tensor.KEY: "key", Tensor.PROBS: "prob"}.get(Tensor(stage.left))
    if source:
        found[source] += stage.rows * stage.inner * f.batch * bits[source]
    return found


def _parameters(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    """Count row parameters and query scales.

    A row parameter of weights is written once a row tile and read whenever its row drains. The
    query's scale of probabilities is read whenever a pair of slots drains.
    """
    row_tiles, token_tiles = stage.tiles_of_pass(plan.folding.batch)
    if stage.left == Tensor.WEIGHTS:
        rows = row_tiles * stage.drain_steps
        return Counter(row_param=rows * (1 + token_tiles) * ROW_PARAM_BITS)
    if stage.left == Tensor.PROBS:
        pairs, bits = row_tiles * plan.folding.tm // 2, _bits(plan)["query_scale"]
        return Counter(query_scale=pairs * token_tiles * bits)
    return Counter()


def _results(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    values = values_of(stage, plan)
    name, times = RESULTS.get(Tensor(stage.dst), ("act", 1))
    found = Counter({name: times * values * _bits(plan)[name]})
    if stage.epilogue == Epilogue.GELU:  # its table is written whole, a copy a token lane
        table = next(buffer for buffer in plan.buffers if buffer.name == "gelu")
        found["gelu"] = (table.banks * table.depth + values) * table.bits
    return found


def _layer_norm(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    """Count residuals: read for the statistics, then in and out of a delay line."""
    bits, values = _bits(plan), values_of(stage, plan)
    tokens = stage.tokens * plan.folding.batch
    vectors = tokens * ceil_div(stage.rows, plan.folding.vl)
    return Counter(
        residual=values * bits["residual"],
        residual_delay=2 * vectors * plan.folding.vl * bits["residual_delay"],
        act=values * bits["act"],
        norm_param=(stage.rows + values) * bits["norm_param"],
        rsqrt=tokens * bits["rsqrt"],
    )


def _softmax(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    """Count scores and table entries.

    Scores are read for the maximum and then pass a delay line to the exponentials, each of which
    reads the table.
    """
    bits, queries = _bits(plan), stage.tokens * plan.folding.batch
    values = queries * stage.inner
    vectors = queries * ceil_div(stage.inner, plan.folding.vl)
    return Counter(
        score=values * bits["score"],
        score_delay=2 * vectors * plan.folding.vl * bits["score_delay"],
        exp=values * bits["exp"],
        prob=values * bits["prob"],
        query_scale=queries * bits["query_scale"],
    )
