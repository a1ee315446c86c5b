"""plan.sv: every size that the units of the kernel are built with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qnas._util.units import ceil_div
from qnas.accel.plan.loops import beat_words, patch_lanes, residual_lanes, row_param_words
from qnas.accel.plan.plan import Buffer, HardwarePlan, Stage
from qnas.accel.rtl.kernel.records import COUNTS, DSTS, KINDS, LEFTS, ROWS, records
from qnas.numerics import act_max

GENERATED = "// Generated from plan.json; do not edit."
STORAGES = {"lutram": 0, "bram": 1, "uram": 2}  # of a ram
BUFFERS = (
    *("act", "key", "prob", "score", "residual", "weight", "row_param", "query_scale"),
    *("norm_param", "gelu", "logit"),
)
DSP48E1_WIDE_BITS = 25  # of the 7 series; later DSPs have 27
IN_FLIGHT_VECTORS = 48  # the first pass of a vector unit may have begun before the second starts
LUT_DEPTH = 128  # queues of more words lie in block RAM
# Row tiles whose parameters are held: from loading one to the end of its drain takes some twenty
# clocks, in which the array may go on to the next ones. The C++ loads, multiplies and drains in one
# loop, in step, and has 4.
ROW_PARAM_TILES = 8
ROW_KINDS = ("FOUR_BIT", "EIGHT_BIT", "NO_KIND", "PADDING")


def package(plans: Sequence[HardwarePlan]) -> str:
    """The package `plan`: constants of `plan.hpp`'s names, enumerations, and records."""
    lines = [f"{GENERATED}\npackage plan;"]
    for comment, values in _constants(plans):
        lines.append(f"  // {comment}")
        lines += [f"  localparam int {name} = {value};" for name, value in values.items()]
    for comment, names in (
        ("Units, by the kind of stage that they run.", KINDS),
        ("Where the nibble operand comes from.", LEFTS),
        ("Results.", tuple(f"DST_{name}" for name in DSTS)),
        ("Kinds of rows of weights.", ROW_KINDS),
    ):
        lines.append(f"  // {comment}")
        bits = (len(names) - 1).bit_length()
        lines += [
            f"  localparam logic [{bits - 1}:0] {name} = {bits}'d{index};"
            for index, name in enumerate(names)
        ]
    lines += ["", records() + "endpackage"]
    return "\n".join(lines) + "\n"


def _constants(plans: Sequence[HardwarePlan]) -> list[tuple[str, Mapping[str, int]]]:
    plan = plans[0]
    return [
        ("Folding: row slots x tokens x inputs a clock, lanes of the vector unit.", _folding(plan)),
        ("Shapes, of the largest network where there are several.", _shapes(plans)),
        ("Ports and streams.", _ports(plan)),
        (
            "Memories: rows, storage, and what a token group or a query takes.",
            memory_constants(plans),
        ),
        ("DSPs: row slots x tokens in one, bits a field, products summed.", _dsp(plan)),
        ("Formats.", _formats(plan)),
        ("Clocks of pipelines.", clocks(plan)),
        ("Widths of counts, of rows of memories, of token banks.", widths(plans)),
        ("Units.", {"UNITS": len(KINDS)}),
    ]


def constants(plans: Sequence[HardwarePlan]) -> dict[str, int]:
    """All constants of the package, by name."""
    return {name: value for _, values in _constants(plans) for name, value in values.items()}


def _folding(plan: HardwarePlan) -> dict[str, int]:
    f = plan.folding
    lanes = {"TM": f.tm, "TT": f.tt, "TK": f.tk, "VL": f.vl, "LUT_SLOTS": f.lut_slots}
    pairs = {
        "DRAIN_PAIRS": f.drain_pairs,
        "SCORE_PAIRS": f.score_pairs,
        "LOAD_PAIRS": f.load_pairs,
    }
    rest = {"HEAD_BUFFERS": f.head_buffers, "BATCH": f.batch}
    return {**lanes, "LUT_TOKENS": f.lut_tokens, **pairs, **rest}


def _shapes(plans: Sequence[HardwarePlan]) -> dict[str, int]:
    archs = [plan.architecture for plan in plans]
    return {
        "NETWORKS": len(plans),
        "HEAD_DIM": archs[0].head_dim,
        "MAX_HEADS": max(block.num_heads for arch in archs for block in arch.blocks),
        "CLASSES": archs[0].num_classes,
    }


def _ports(plan: HardwarePlan) -> dict[str, int]:
    f, bits = plan.folding, plan.image_port.bits
    return {
        "PORT_BITS": bits,
        "STREAM_BITS": plan.stream_bits,
        "STREAM_DEPTH": buffers_of(plan)["stream"].depth,
        "IMAGE_WORDS": plan.image_words,
        "PATCH_LANES": int(patch_lanes(f, bits)),
        "RESIDUAL_LANES": int(residual_lanes(f, bits)),
        "BEAT_WORDS": int(beat_words(f, bits)),
        "ROW_PARAM_WORDS": int(row_param_words(f, bits)),
    }


def memory_constants(plans: Sequence[HardwarePlan]) -> dict[str, int]:
    """Rows of the memories, what they lie in, and the strides in them."""
    plan = plans[0]
    f, arch, buffers = plan.folding, plan.architecture, buffers_of(plan)
    found: dict[str, int] = {}
    for name in BUFFERS:
        found[f"{name.upper()}_ROWS"] = buffers[name].depth
        found[f"{name.upper()}_STORAGE"] = STORAGES[buffers[name].storage]
    found |= _image_rows(plan)
    # Elements of a token (a query), and how many neighbours are turned together.
    turned = {
        "SCORE": (arch.num_tokens, f.score_pairs),
        "RESIDUAL": (max(one.architecture.embed_dim for one in plans), 1),
    }
    for name, (count, together) in turned.items():
        banks, vectors = buffers[name.lower()].banks, ceil_div(count, f.vl)
        depth = vectors + IN_FLIGHT_VECTORS
        found[f"{name}_BANKS"] = banks
        found[f"{name}_GROUPS"] = banks // together
        found[f"{name}_TURN_BITS"] = max(1, (banks // together - 1).bit_length())
        found[f"{name}_STRIDE"] = ceil_div(count, banks)
        found[f"{name}_VECTORS"] = vectors
        found[f"{name}_STREAM_DEPTH"] = depth
        found[f"{name}_STREAM_STORAGE"] = int(depth > LUT_DEPTH)
    param_words = int(row_param_words(f, plan.image_port.bits))
    return {
        **found,
        "ROW_PARAM_TILES": ROW_PARAM_TILES,
        "ROW_PARAM_ROWS": ROW_PARAM_TILES * param_words,
        "MAX_BEATS": buffers["weight"].depth // 2,
        "WEIGHT_LANES": f.tm * f.tk // buffers["weight"].banks,
        "ACT_WORD": plan.act_word,
        "KEY_STRIDE": ceil_div(arch.head_dim, f.tk),
        "PROB_STRIDE": ceil_div(arch.num_tokens, f.tk),
        "ROW_PARAM_BANKS": buffers["row_param"].banks,
        "NORM_PARAM_BANKS": buffers["norm_param"].banks,
        "GELU_LANES": buffers["gelu"].banks // f.tt,
        "GELU_ENTRIES": buffers["gelu"].banks // f.tt * buffers["gelu"].depth,
        "RESULT_DEPTH": 16,
    }


def _image_rows(plan: HardwarePlan) -> dict[str, int]:
    """Rows of one image of a pass, in each copy of a memory of attention."""
    # Logits leave in one piece.
    rows = {**plan.image_rows, "logit": plan.architecture.num_classes}
    return {f"{name.upper()}_IMAGE_ROWS": count for name, count in rows.items()}


def _dsp(plan: HardwarePlan) -> dict[str, int]:
    packed = plan.packing
    return {
        "SERIES7": int(is_series7(plan)),
        "DSP_ROWS": packed.rows,
        "DSP_TOKENS": packed.tokens,
        "FIELD_BITS": packed.field_bits,
        "CASCADE": min(packed.cascade, plan.folding.tk),
    }


def is_series7(plan: HardwarePlan) -> bool:
    """Whether the device has DSP48E1s, of 25 x 18 bits."""
    return plan.dsp_wide_bits == DSP48E1_WIDE_BITS


def _formats(plan: HardwarePlan) -> dict[str, int]:
    return {
        "ACT_BITS": plan.activation_bits,
        "ACT_MAX": act_max(plan.activation_bits),
        "ACC_BITS": plan.accumulator_bits,
        "SCORE_BITS": plan.score_bits,
    }


def clocks(plan: HardwarePlan) -> dict[str, int]:
    """How deep pipelines are that several units know of."""
    packed = plan.packing.rows == 2
    return {
        "ARRAY_CLOCKS": min(plan.packing.cascade, plan.folding.tk) + 6 if packed else 7,
        "REQUANTIZE_CLOCKS": 8 if is_series7(plan) else 6,
        "RSQRT_CLOCKS": 16,
        "ROW_SCALE_CLOCKS": 19,
    }


def widths(plans: Sequence[HardwarePlan]) -> dict[str, int]:
    """Bits that hold every count, every row of a memory, and every token bank."""
    plan = plans[0]
    f = plan.folding
    stages = [stage for one in plans for stage in one.stages]
    most = max(
        *(count for stage in stages for count in counts_of(stage, plan).values()),
        *(f.tm, f.tk, plan.stream_bits // 16, buffers_of(plan)["gelu"].depth),
        *(int(row_param_words(f, plan.image_port.bits)), f.batch * plan.architecture.num_classes),
    )
    # What is added to a count before it is cut or compared is at most the lanes of a row.
    count = (most + max(f.tk, f.tt, plan.stream_bits // 64)).bit_length() + 1
    memories = memory_constants(plans)
    rows = max(memories[f"{name.upper()}_ROWS"] for name in BUFFERS)
    strides = max(value for stage in stages for value in rows_of(stage).values())
    place = f.drain_pairs + 3 * count + max(1, (f.tt - 1).bit_length())
    row = max(rows, strides).bit_length() + 1
    return {
        "COUNT_BITS": count,
        "ROW_BITS": row,
        "TOKEN_BITS": max(1, (f.tt - 1).bit_length()),
        "STAGE_INDEX_BITS": sum(len(one.stages) for one in plans).bit_length(),
        "PLACE_BITS": place + row,
    }


def counts_of(stage: Stage, plan: HardwarePlan) -> dict[str, int]:
    """The fields of a stage that are counts; `channel` is the first one of its head's result."""
    channel = stage.head * plan.architecture.head_dim if stage.dst == "attended" else 0
    return {name: channel if name == "channel" else int(getattr(stage, name)) for name in COUNTS}


def rows_of(stage: Stage) -> dict[str, int]:
    """The fields of a stage that are rows of memories."""
    return {name: int(getattr(stage, name)) for name in ROWS}


def buffers_of(plan: HardwarePlan) -> dict[str, Buffer]:
    """By name."""
    return {buffer.name: buffer for buffer in plan.buffers}
