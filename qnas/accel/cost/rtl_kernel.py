"""Structural estimate of a kernel as RTL, unit by unit, as `synthesize.py` counts it.

The cost model prices the kernel of the C++ with the adapters and the control that Vitis HLS adds.
The RTL has units of its own for these; its data path does the same work. So the estimate takes the
multiplier array and the block RAM of memories from the cost model (`qnas.accel.cost`), and counts
everything else from the SystemVerilog: a LUT for each bit of an adder, for each choice among four
values, and for each bit of a delay of three clocks or more (a shift register), and a FF for each
bit of a register. Names of sizes are those of the package `plan` (`package.py`).

What differs from the kernel of the C++:

- `axi_reader`, `axi_writer`, `control`: 286, 252 and some 420 LUTs, where an adapter of Vitis HLS
  with its interconnect takes 1,400 and the control of its functions 3,000.
- Parameters of eight row tiles are held, of two in the C++.
- The logits' writer has no queue in block RAM: one block less.
- Addresses are sums that are carried on, without products.
- Every lane decodes its own rounding constant, a LUT a bit (`round_shift`).
- A pass of several images has counters of images and rows of its own (`_several_images`).
- Memories in LUTs consist of cells of eight LUTs on UltraScale+, as Yosys maps them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from qnas._util.serialization import Value
from qnas._util.units import ceil_div
from qnas.accel.cost.coefficients import DEFAULT
from qnas.accel.cost.estimate import RESOURCES, Resources
from qnas.accel.cost.lanes import SHIFT_CLOCKS, Lanes, packed_lanes, plain_lanes
from qnas.accel.cost.memories import BRAM18_SHAPES, bram18_blocks, dsp_blocks, uram_blocks
from qnas.accel.plan.memory import NIBBLE_BITS
from qnas.accel.plan.plan import Buffer, HardwarePlan
from qnas.accel.rtl.kernel.package import buffers_of, constants, is_series7
from qnas.accel.rtl.kernel.stage_tables import stage_values

# Products of which a unit has one, and those of every lane: widths of the operands (layer_norm.sv,
# softmax.sv and what they contain).
NORM_PRODUCTS = ((41, 11), (27, 27), (19, 17), (18, 17), (34, 17))
NORM_LANE_PRODUCTS = ((16, 16), (16, 11), (27, 18), (21, 18))
RSQRT_BLOCKS, EXP_LANES_A_BLOCK = 1, 2
MEMORIES = {  # a buffer of the plan: the memory's name in the SystemVerilog
    "act": "act_memory",
    "key": "key_memory",
    "prob": "prob_memory",
    "score": "score_memory",
    "residual": "residual_memory",
    "query_scale": "query_scale_memory",
    "logit": "logit_memory",
    "weight": "weights",
    "row_param": "row_param",
    "norm_param": "norm_param",
    "gelu": "gelu",
}


@dataclass(frozen=True, slots=True)
class UnitEstimate(Value):
    """Estimated cells of all instances of a unit, without the units inside it."""

    unit: str
    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram18: int = 0
    uram: int = 0


def estimate_kernel(plans: Sequence[HardwarePlan]) -> tuple[UnitEstimate, ...]:
    """Estimate the kernel of these plans as RTL, unit by unit; equal units are added up."""
    sums: dict[str, Resources] = {}
    for unit in _units(plans):
        own = Resources(*(int(getattr(unit, name)) for name in RESOURCES))
        sums[unit.unit] = sums[unit.unit] + own if unit.unit in sums else own
    return tuple(
        UnitEstimate(name, *(getattr(sums[name], r) for r in RESOURCES)) for name in sorted(sums)
    )


def kernel_total(units: Sequence[UnitEstimate]) -> Resources:
    """Add up the units of a kernel."""
    return Resources(*(sum(getattr(unit, name) for unit in units) for name in RESOURCES))


class _Sizes:
    """Sizes of a kernel by the names of its package."""

    def __init__(self, plans: Sequence[HardwarePlan]) -> None:
        self._values = constants(plans)

    def __getattr__(self, name: str) -> int:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(name) from None

    def cursor(self, *, grouped: bool) -> tuple[int, int]:
        """(LUT, FF) of a vector_cursor: two counts, their ends, a row, and, of tokens in groups,
        a bank."""
        count, row, banks = self.COUNT_BITS, self.ROW_BITS, self.TT if grouped else 0
        return 4 * count + 2 * row + banks, 2 * count + row + banks


def _log2(count: int) -> int:
    return (count - 1).bit_length()


def choices(inputs: int, bits: int) -> int:
    """LUTs of a choice by an index: one chooses among four."""
    return bits * ceil_div(inputs - 1, 3)


def one_hot(inputs: int, bits: int) -> int:
    """LUTs of a choice by a bit an input: one takes two pairs of a value and its bit."""
    return bits * ceil_div(inputs, 2) if inputs > 1 else 0


def turned(inputs: int, bits: int, outputs: int | None = None) -> int:
    """LUTs of a rotation, of which `outputs` are used: one chooses by two bits of the turn. Of 16
    inputs and more Yosys takes half a level besides (2.4 LUTs a bit of 16 by itself, 3.5 of 32)."""
    levels = ceil_div(_log2(inputs), 2)
    outputs = inputs if outputs is None else outputs
    half = bits * inputs // 2 if inputs >= 16 else 0
    return bits * (inputs * (levels - 1) + outputs) + half if levels else 0


def held(bits: int, clocks: int) -> tuple[int, int]:
    """(LUT, FF) of a delay."""
    return (bits, 0) if clocks >= SHIFT_CLOCKS else (0, bits * clocks)


def round_shift(width: int) -> tuple[int, int]:
    """(LUT, FF): rounding constant, sum, three levels of choices; above 16 bits constant and
    choices need a level more for some of the bits."""
    lut = 5 * width if width <= 16 else 57 * width // 10
    return lut, 2 * width + 8


def _units(plans: Sequence[HardwarePlan]) -> Iterator[UnitEstimate]:
    plan, p = plans[0], _Sizes(plans)
    for part in (_ports, _control, _memories, _array, _engine, _results, _norm, _softmax):
        yield from part(plans, plan, p)
    if p.BATCH > 1:
        yield from _several_images(p)


def _ports(plans: Sequence[HardwarePlan], plan: HardwarePlan, p: _Sizes) -> Iterator[UnitEstimate]:
    for port in plan.ports[:-1]:
        beats = 13 - _log2(port.bits // 8)  # bits of a burst's length, up to 4096 bytes
        depth = port.burst * port.outstanding
        level = _log2(depth + 1)
        yield UnitEstimate(
            "axi_reader", 2 * 64 + 3 * 32 + 7 * beats, 4 + 64 + 2 * 32 + beats + level
        )
        yield from _queue(port.bits, depth, "bram")
    yield UnitEstimate("axi_writer", 252, 152)
    yield from _queue(p.STREAM_BITS, p.STREAM_DEPTH, "lutram", plan)
    registers = 2 * len(plan.ports) + (2 if len(plans) > 1 else 1)
    lut = 32 * registers + 32 * ceil_div(2 * registers, 3) + 34
    yield UnitEstimate("control", lut, 32 * registers + 32 + 11)
    yield UnitEstimate("qnas_top", 25, 7)


def _queue(
    bits: int, depth: int, storage: str, plan: HardwarePlan | None = None
) -> Iterator[UnitEstimate]:
    """A fifo and its memory."""
    address, level = _log2(depth), _log2(depth + 1)
    whole = depth == 1 << address
    yield UnitEstimate(
        "fifo", 2 * address + level + 6 + (0 if whole else address), 2 * address + level + 1
    )
    if storage == "bram":
        yield UnitEstimate("memory fifo", bram18=int(bram18_blocks(bits, depth)))
    else:
        assert plan is not None
        yield UnitEstimate("memory fifo", lutram(bits, depth, plan), bits)


def lutram(bits: int, depth: int, plan: HardwarePlan) -> int:
    """LUTs of one bank in LUTs, of the cells that Yosys chooses.

    A cell holds 32 words, or 64 of half as many bits (UG574: 14 and 7 bits in eight LUTs; UG474: 6
    and 3 bits in four). Yosys takes those of 64 words unless they waste half of the last one. The
    outputs of stacked cells are chosen from, and their writes are decoded.
    """
    width, luts = (6, 4) if is_series7(plan) else (14, 8)
    words = 32
    if ceil_div(depth, 32) == 2 * ceil_div(depth, 64):
        words, width = 64, width // 2
    copies = ceil_div(depth, words)
    decoded = copies if copies > 1 else 0
    return copies * luts * ceil_div(bits, width) + choices(copies, bits) + decoded


def _control(
    plans: Sequence[HardwarePlan], plan: HardwarePlan, p: _Sizes
) -> Iterator[UnitEstimate]:
    count, row, index = p.COUNT_BITS, p.ROW_BITS, p.STAGE_INDEX_BITS
    stage = 12 + 12 * count + 7 * row
    yield UnitEstimate("sequencer", 56 + 6 * index, 2 * stage + 4 * index + 49)
    yield _stage_table(plans)
    lut, ff = p.cursor(grouped=True)
    lanes = p.TK if p.TK > p.PATCH_LANES else 0
    pixels = min(p.TK, p.PATCH_LANES) * p.ACT_BITS
    yield UnitEstimate("load_patches", lut + row + 4 + lanes, ff + 2 + p.TT + row + pixels + lanes)
    lut, ff = p.cursor(grouped=False)
    turn = p.RESIDUAL_TURN_BITS
    # Its rows begin at 0: a reset.
    yield UnitEstimate("load_residual", lut + turn, ff + 4 + turn + row + p.RESIDUAL_LANES * 16)
    yield UnitEstimate("store_logits", count + 6, count + 2)
    # Choices between patches and normed tokens.
    yield UnitEstimate("kernel", p.TT + p.TK + row + p.TK * p.ACT_BITS)


def _stage_table(plans: Sequence[HardwarePlan]) -> UnitEstimate:
    """The bits that differ from stage to stage: of more than 256 stages in block RAM, each; else in
    LUTs, of which one holds 64 stages, equal ones once."""
    columns = [bits for bits in zip(*stage_values(plans), strict=True) if len(set(bits)) > 1]
    stages, distinct = sum(len(one.stages) for one in plans), len(set(columns))
    if stages > 256:
        return UnitEstimate("stage_table", bram18=int(bram18_blocks(len(columns), stages)))
    tables = ceil_div(stages, 64)
    return UnitEstimate("stage_table", distinct * tables + choices(tables, distinct), distinct)


def _memories(
    plans: Sequence[HardwarePlan], plan: HardwarePlan, p: _Sizes
) -> Iterator[UnitEstimate]:
    buffers = buffers_of(plan)
    for name, unit in MEMORIES.items():
        rows = p.ROW_PARAM_ROWS if name == "row_param" else buffers[name].depth
        yield _memory(unit, replace(buffers[name], depth=rows), plan)


def _memory(unit: str, b: Buffer, plan: HardwarePlan) -> UnitEstimate:
    if b.storage == "lutram":
        return UnitEstimate(
            f"memory {unit}", b.banks * lutram(b.bits, b.depth, plan), b.banks * b.bits
        )
    if b.storage == "uram":
        return UnitEstimate(f"memory {unit}", uram=b.banks * int(uram_blocks(b.bits, b.depth)))
    stacked = _stacked(b.bits, b.depth)
    decoded = stacked if stacked > 1 else 0
    return UnitEstimate(
        f"memory {unit}",
        lut=b.banks * (choices(stacked, b.bits) + decoded),
        ff=b.banks * _log2(stacked),
        bram18=b.banks * int(bram18_blocks(b.bits, b.depth)),
    )


def _stacked(bits: int, depth: int) -> int:
    """Block RAMs above each other in a bank: of the shapes with the fewest blocks the lowest."""
    shapes = [(ceil_div(bits, width), ceil_div(depth, words)) for words, width in BRAM18_SHAPES]
    return min((beside * above, above) for beside, above in shapes)[1]


def _array(plans: Sequence[HardwarePlan], plan: HardwarePlan, p: _Sizes) -> Iterator[UnitEstimate]:
    packs, slots = p.DSP_ROWS == 2, p.TM - p.LUT_SLOTS

    def lanes(count: int, tokens: int) -> Lanes:
        return Lanes(count, tokens, p.TK, p.ACT_BITS, p.ACC_BITS, plan.packing)

    # A DSP has fields for DSP_TOKENS tokens, which are summed even if there are fewer.
    in_dsps = p.TT - p.LUT_TOKENS
    tokens = ceil_div(in_dsps, p.DSP_TOKENS) * p.DSP_TOKENS if packs else in_dsps
    sums = 2 * p.ACC_BITS  # of a cell: its accumulator, and the copy that drains
    if packs:
        lut, ff = (int(x) for x in packed_lanes(lanes(slots, tokens)))
        blocks = slots // 2 * (tokens // p.DSP_TOKENS)
        dsp = blocks * p.TK
        fields = p.DSP_ROWS * p.DSP_TOKENS * blocks
        lut += 5 * blocks - fields * _cut_from_trees(p)  # each has its control
        ff += fields * _further_beat_bits(p)
    else:
        found = plain_lanes(lanes(slots, tokens), beside_cascades=False, in_dsp=True)
        lut, ff = (int(x) for x in found)
        dsp = slots * tokens * p.TK
    yield UnitEstimate("array", lut, ff + sums * tokens * slots + 3, dsp)
    for count, of_tokens in ((p.LUT_SLOTS, p.TT), (slots, p.LUT_TOKENS)):
        if not count * of_tokens:
            continue
        found = plain_lanes(lanes(count, of_tokens), beside_cascades=packs, in_dsp=False)
        lut, ff = (int(x) for x in found)
        products = count * of_tokens * p.TK
        one = {6: DEFAULT.fabric_product_lut, 8: DEFAULT.fabric_product8_lut}[p.ACT_BITS]
        bits = NIBBLE_BITS + p.ACT_BITS
        cells = of_tokens * count
        ff += bits * products + (sums + 7) * cells  # two clocks of control, and whether it copies
        yield UnitEstimate("array", lut + one * products + cells, ff)


def _cut_from_trees(p: _Sizes) -> int:
    """LUTs that a field's tree lacks where its adders would be wider than the accumulator and two
    bits for what is lent."""
    chains = p.TK // p.CASCADE
    widths = [(p.FIELD_BITS + level, chains >> level) for level in range(1, _log2(chains) + 1)]
    return sum(max(0, width - p.ACC_BITS - 2) * adders for width, adders in widths)


def _further_beat_bits(p: _Sizes) -> int:
    """FFs of a field's sum of a beat beside those of its values. One as wide as the accumulator is
    cut there; of one that is narrower a bit is constant."""
    cut = p.FIELD_BITS >= p.ACC_BITS
    return p.ACC_BITS - NIBBLE_BITS - p.ACT_BITS - _log2(p.TK) if cut else -1


def _engine(plans: Sequence[HardwarePlan], plan: HardwarePlan, p: _Sizes) -> Iterator[UnitEstimate]:
    count, row = p.COUNT_BITS, p.ROW_BITS
    yield UnitEstimate("engine", 9, 9 + p.REQUANTIZE_CLOCKS)
    yield UnitEstimate("schedule", 8 * count + 5 * row + 6, 3 * count + 3 * row + 7)
    yield _loader(p)
    yield _drain(p)


def _loader(p: _Sizes) -> UnitEstimate:
    """Nibbles of words and of pairs for every bank; turned keys, and counts."""
    count, row, per_word = p.COUNT_BITS, p.ROW_BITS, p.STREAM_BITS // NIBBLE_BITS
    turn = max(1, _log2(p.TK))
    pairs = p.LOAD_PAIRS * p.TK  # elements that are loaded at once
    sources = min(p.TM * p.TK, max(per_word, 2 * pairs))  # of which nibbles differ
    writes = min(p.TM * p.TK, p.TM // 2 * max(1, ceil_div(2 * p.TK, per_word)))
    # Keys or probabilities: a rotation that ends in a choice of two takes this choice along.
    key_or_probs = 8 * (pairs if _log2(p.TK) % 2 == 0 else pairs - p.TK)
    lut = NIBBLE_BITS * (sources + pairs) + turned(p.TK, 8) + key_or_probs + 3 * p.TK + writes
    to = _log2(2 * p.MAX_BEATS)  # of weight memory
    request = 1 + 2 * count + to + turn
    rows = 4 * row + min(row, count) + 2 * to
    ff = p.STREAM_BITS + 8 * pairs + 2 * request + 8 * count + rows + 10
    return UnitEstimate("loader", lut + 12 * count + 10 * row, ff)


def _drain(p: _Sizes) -> UnitEstimate:
    """The choice of the slots that drain, the join of nibbles, and where a tile stands."""
    count, row, tokens, pairs = p.COUNT_BITS, p.ROW_BITS, p.TOKEN_BITS, p.DRAIN_PAIRS
    most, sums = p.SCORE_PAIRS, p.TT * p.ACC_BITS
    slots = 2 * most
    chosen = choices(p.TM // slots, slots * sums) + choices(slots, sums) + choices(most, sums)
    chosen += (pairs - 1) * choices(most // pairs, 2 * sums)
    params = choices(p.ROW_PARAM_BANKS, 64)
    place = 3 * count + 4 * row + tokens  # held three times
    joined = most * p.TT * (p.ACC_BITS + 2)
    lut = chosen + params + joined + 15 * count + 10 * row + 8
    state = 9 * count + 6 * row + 2 * tokens + 3 * (_log2(p.TM) + 2) + 3
    registers = 2 * slots * sums + p.TT * (p.ACC_BITS + 5) * most
    rows = 3 * most + 2 * (count + 24 * pairs + 26) + count + 3 * place
    return UnitEstimate("drain", lut, state + registers + rows)


def _results(
    plans: Sequence[HardwarePlan], plan: HardwarePlan, p: _Sizes
) -> Iterator[UnitEstimate]:
    count, row, tokens, pairs = p.COUNT_BITS, p.ROW_BITS, p.TOKEN_BITS, p.DRAIN_PAIRS
    lanes = pairs * p.TT
    # Two comparisons and what they choose; a pair without the bias shares some.
    saturated = 122 * p.TT + 110 * (pairs - 1) * p.TT
    yield UnitEstimate("requantize", 206 + 6 * pairs + saturated, 88 + 18 * lanes)
    yield _products("multiply_add", [(27, 18)] * lanes, plan)
    yield _rounds(lanes, 48)
    place = p.PLACE_BITS
    lut = place + 4 * count + 11 * row + tokens + pairs + 19
    yield UnitEstimate("locate", lut, 2 * count + row + p.MAX_HEADS + 5)
    yield _add_residual(p)
    yield _write_activations(p)
    word = 1 + row + 8
    lut = 9 * max(1, _log2(p.TT)) * p.TK * word // 16 + p.TT * row + 8
    yield UnitEstimate("write_keys", lut, p.TK * word)
    yield _write_scores(p)


def _rows(banks: int, used: int, stride: int, row: int) -> tuple[int, int]:
    """(LUT, bits) of turned_rows: of each bank a token's offset, and a sum; one row of one token,
    and one of the low bits that a stride leaves equal."""
    if used == 1:
        return 0, row
    offset = _log2((used - 1) * stride + 1)
    equal = (stride & -stride).bit_length() - 1
    lut = banks * (row + offset * max(1, ceil_div(_log2(banks) - 5, 1)))
    return lut, row + (banks - 1) * (row - equal)


def _write_scores(p: _Sizes) -> UnitEstimate:
    banks, groups, row = p.SCORE_BANKS, p.SCORE_GROUPS, p.ROW_BITS
    # Keys of one token are not turned: the registers of the other groups are reset.
    keys = turned(groups, p.SCORE_PAIRS * (p.SCORE_BITS + 1)) if p.TT > 1 else 0
    rows, row_bits = _rows(groups, p.TT, p.SCORE_STRIDE, row)
    lut = keys + p.TT * (3 + p.SCORE_PAIRS) + rows + row + p.SCORE_TURN_BITS
    ff = 1 + p.SCORE_TURN_BITS + row + row_bits + banks * (p.SCORE_BITS + 1)
    return UnitEstimate("write_scores", lut, ff)


def _add_residual(p: _Sizes) -> UnitEstimate:
    banks, row, lanes = p.RESIDUAL_BANKS, p.ROW_BITS, p.RESIDUAL_LANES
    chosen = 19 * lanes + 3 * p.TT + row + p.RESIDUAL_TURN_BITS  # a channel, or a word
    rows, row_bits = _rows(banks, p.TT, p.RESIDUAL_STRIDE, row)
    lut = chosen + turned(banks, 19) + rows
    sums = 19 + 16 + 3
    ff = 3 + 3 * row_bits + banks * (2 * 19 + 17)
    return UnitEstimate("add_residual", lut + banks * sums, ff)


def _write_activations(p: _Sizes) -> UnitEstimate:
    row, pairs, banks, bits = p.ROW_BITS, p.DRAIN_PAIRS, p.TT * p.TK, p.ACT_BITS
    # Few tokens are turned by less: one is in its lane or not (a reset), two fit a LUT a bit.
    levels = min(p.TT - 1, ceil_div(max(1, _log2(p.TK)), 2))
    turned = pairs * p.TK * bits * levels
    looked_up = p.TT * bits * p.GELU_LANES // 4 + p.TT * bits
    # Data of a bank: a token's, a channel's, or one of the transposed rows.
    data = banks * bits * (1 + ceil_div(2 * (pairs - 1), 5))
    # Of three clocks' rows those of several pairs differ from bank to bank of tokens, else those of
    # the last; a write enable has eight inputs.
    rows = row * (3 * p.TT if pairs > 1 else p.TT + 2)
    lut = data + banks * (row + 2) + rows + turned + looked_up + 35
    values = p.TT * (pairs * bits + bits + 1 + pairs) + pairs * p.TK * bits
    ff = p.PLACE_BITS - 13 + values + 4 * p.TK + rows + banks * (bits + 1)
    return UnitEstimate("write_activations", lut, ff)


def _norm(plans: Sequence[HardwarePlan], plan: HardwarePlan, p: _Sizes) -> Iterator[UnitEstimate]:
    count, row, lanes, series7 = p.COUNT_BITS, p.ROW_BITS, p.VL, is_series7(plan)
    banks = p.NORM_PARAM_BANKS
    channels = min(banks, p.STREAM_BITS // 64) * 54
    ff = 3 + count + 38 + row + banks + channels
    yield UnitEstimate("layer_norm", 2 * count + 12, ff)
    yield from _queue(16 * lanes, p.RESIDUAL_STREAM_DEPTH, _storage(p.RESIDUAL_STREAM_DEPTH), plan)
    yield from _queue(51, p.RESULT_DEPTH, "lutram", plan)
    # First pass: sums, variance; values wait for their squares, and totals for their root.
    # Channels beyond the last are masked: of two banks by what chooses.
    cursor_lut, cursor_ff = p.cursor(grouped=False)
    chosen = turned(p.RESIDUAL_BANKS, 16, lanes)
    waits = 3 + p.RESIDUAL_TURN_BITS + lanes
    masked = 16 * lanes if p.RESIDUAL_BANKS > 2 else 0
    lut = cursor_lut + chosen + masked + 16 * lanes + waits + 31 + 27 + 41 + 52 + 2 * count
    wait = 0 if not series7 else 52 * 2
    ff = cursor_ff + row + 16 * lanes + 27 + 41 + 52 + wait
    yield UnitEstimate("statistics", lut, ff)
    yield from _sums(lanes, 16)
    yield from _sums(lanes, 32)
    yield UnitEstimate("reciprocal_sqrt", 174, 122, bram18=RSQRT_BLOCKS)
    if series7:
        yield UnitEstimate("square27", 54, 108)
    products = [pair for pair in NORM_PRODUCTS if not (series7 and pair == (27, 27))]
    if series7:
        products += [(27, 18), (27, 10)]
    yield _products("multiply_add", products, plan)
    # Second pass.
    cursor_lut, cursor_ff = p.cursor(grouped=True)
    yield _products("multiply_add", NORM_LANE_PRODUCTS * lanes, plan)
    yield _rounds(lanes, 45)
    yield _rounds(lanes, 40)
    parts = banks // lanes
    own = one_hot(parts, 54 * lanes)
    wait_results = p.TT + p.TK // lanes + row
    lut = cursor_lut + lanes * (54 + 56) + own + 24 + wait_results + 51 + 27
    ff = cursor_ff + 51 + 2 * 27 + lanes * (16 + 21 + p.ACT_BITS) + 15
    yield UnitEstimate("normalise", lut, ff)


def _softmax(
    plans: Sequence[HardwarePlan], plan: HardwarePlan, p: _Sizes
) -> Iterator[UnitEstimate]:
    count, row, lanes, score = p.COUNT_BITS, p.ROW_BITS, p.VL, p.SCORE_BITS
    cursor_lut, cursor_ff = p.cursor(grouped=False)
    yield UnitEstimate("softmax", 3 * count, 2 * count + 70)
    yield from _queue(score * lanes, p.SCORE_STREAM_DEPTH, _storage(p.SCORE_STREAM_DEPTH), plan)
    yield from _queue(score, p.RESULT_DEPTH, "lutram", plan)
    levels = _log2(lanes)
    wait_lut, wait_ff = held(3, levels)
    chosen = turned(p.SCORE_GROUPS, score * p.SCORE_PAIRS, max(1, lanes // p.SCORE_PAIRS))
    lut = cursor_lut + chosen + score + count + wait_lut
    waits = 2 * (3 + p.SCORE_TURN_BITS + lanes)
    ff = cursor_ff + row + waits + score * lanes + 5 + wait_ff + score
    yield UnitEstimate("maximum", lut, ff)
    yield UnitEstimate("max_tree", 2 * score * (lanes - 1), score * (lanes - 1))
    parts = p.TK // lanes
    product = score + 19
    lane_lut = (score + 1) + product // 4 + 4 + 8 + 1
    lut = lanes * lane_lut + score + parts + row + 3 + 16 + 4 * count + row
    lane_ff = (score + 1) + 4 + 8
    ff = lanes * lane_ff + 2 * count + 2 * row + score + p.LOAD_PAIRS * p.TK + 16
    yield UnitEstimate("exponentials", lut, ff, bram18=ceil_div(lanes, EXP_LANES_A_BLOCK))
    yield _products("multiply_add", [(score + 1, 18)] * lanes, plan)
    yield _rounds(lanes, product)
    yield _rounds(lanes, 16)
    yield from _sums(lanes, 9)
    yield UnitEstimate("row_scale", 635, 548)


def _several_images(p: _Sizes) -> Iterator[UnitEstimate]:
    """What units have besides where a pass takes several images: which of them it is, where its
    rows begin and those of the next one (image_rows), and its tile (tile_images)."""
    count, row, image = p.COUNT_BITS, p.ROW_BITS, _log2(p.BATCH)
    for unit in ("statistics", "normalise", "maximum", "exponentials"):
        yield UnitEstimate(unit, 3 * row, row + image)
    yield UnitEstimate("load_patches", 6 * row, row + image)
    yield UnitEstimate("load_residual", 3 * row, 2 * row + image)
    yield UnitEstimate("softmax", 2 * row, 2 * row + image)
    yield UnitEstimate("loader", 4 * row + 2 * count, row + count)
    yield UnitEstimate("schedule", 6 * row + 2 * count, 2 * row + count)
    yield UnitEstimate("drain", 12 * row + count, 5 * row + count + 2 * image)
    yield UnitEstimate("sequencer", count)


def _storage(depth: int) -> str:
    from qnas.accel.rtl.kernel.package import LUT_DEPTH

    return "bram" if depth > LUT_DEPTH else "lutram"


def _sums(inputs: int, bits: int) -> Iterator[UnitEstimate]:
    """A sum_tree: each register holds a sum of four."""
    while inputs > 1:
        four = inputs > 2
        following = inputs // 4 if four else inputs // 2
        width = bits + (2 if four else 1)
        lut = 3 * bits + 4 if four else bits + 1
        yield UnitEstimate("sum_tree", following * lut, following * width)
        inputs, bits = following, width


def _rounds(lanes: int, width: int) -> UnitEstimate:
    lut, ff = round_shift(width)
    return UnitEstimate("round_shift", lanes * lut, lanes * ff)


def _products(unit: str, pairs: Sequence[tuple[int, int]], plan: HardwarePlan) -> UnitEstimate:
    """multiply_add: one DSP, or two with the operands and the low part held for two clocks."""
    wide, narrow = (25, 18) if is_series7(plan) else (27, 18)
    ff = dsp = 0
    for a, b in pairs:
        count = dsp_blocks(a, b, ports=(wide, narrow))
        dsp += count
        if count > 1:
            split = wide - 1 if b <= narrow else narrow - 1
            high = a - split + b if b <= narrow else a + b - split
            ff += 2 * (high + split)
    return UnitEstimate(unit, ff=ff, dsp=dsp)
