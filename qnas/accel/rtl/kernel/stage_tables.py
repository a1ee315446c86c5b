"""What is printed of tables: the stages of all networks, one after the other, where those of each
begin, and the exponentials of the softmax."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from qnas.accel.plan.plan import HardwarePlan, Stage
from qnas.accel.rtl.kernel.package import GENERATED, counts_of, rows_of, widths
from qnas.accel.rtl.kernel.records import COUNTS, DSTS, KINDS, LEFTS, ROWS, SMALL
from qnas.numerics import EXP_TABLE


def stage_table(plans: Sequence[HardwarePlan]) -> str:
    """A ROM of one entry a stage; what it holds at `index` comes a clock later."""
    bits, rows = widths(plans), list(_rows(plans))
    index = bits["STAGE_INDEX_BITS"]
    sizes = [len(max(column, key=len)) for column in zip(*(v for _, v in rows), strict=True)]
    lines = [
        f"{GENERATED}\n// {', '.join((*SMALL, *COUNTS, *ROWS))}",
        "module stage_table (",
        f"    input logic clk,\n    input logic [{index - 1}:0] index,",
        "    output plan::stage_t stage\n);",
        "  always_ff @(posedge clk)\n    case (index)",
    ]
    for number, (name, values) in enumerate(rows):
        fields = ", ".join(v.rjust(size) for v, size in zip(values, sizes, strict=True))
        lines.append(f"      {index}'d{number}: stage <= {{{fields}}};  // {name}")
    lines.append("      default: stage <= '0;\n    endcase\nendmodule")
    return "\n".join(lines) + "\n"


def _rows(plans: Sequence[HardwarePlan]) -> Iterator[tuple[str, list[str]]]:
    bits = widths(plans)
    for plan in plans:
        following = [*plan.stages[1:], None]
        for stage, after in zip(plan.stages, following, strict=True):
            ends = after is None or after.step != stage.step
            small = _small(stage, ends_step=ends)
            values = [f"{SMALL[name]}'d{value}" for name, value in small.items()]
            for width, fields in (
                (bits["COUNT_BITS"], counts_of(stage, plan)),
                (bits["ROW_BITS"], rows_of(stage)),
            ):
                values += [f"{width}'d{value}" for value in fields.values()]
            yield stage.name, values


def stage_values(plans: Sequence[HardwarePlan]) -> list[str]:
    """Each entry of the stage table as a string of its bits."""
    found = []
    for _, values in _rows(plans):
        pairs = (value.split("'d") for value in values)
        found.append("".join(f"{int(value):0{int(bits)}b}" for bits, value in pairs))
    return found


def _small(stage: Stage, *, ends_step: bool) -> dict[str, int]:
    return {
        "kind": KINDS.index(stage.kind.upper()),
        "left": LEFTS.index(stage.left.upper()) if stage.left else 0,
        "dst": DSTS.index(stage.dst.upper()),
        "half": stage.half,
        "ends_step": int(ends_step),
        "token_offset": stage.token_offset,
    }


def network_table(plans: Sequence[HardwarePlan]) -> str:
    """First stage, stages, and words of the weight stream of each network."""
    index = widths(plans)["STAGE_INDEX_BITS"]
    counts = [len(plan.stages) for plan in plans]
    firsts = [0, *accumulate(counts)]
    lines = [
        f"{GENERATED}\nmodule network_table (\n    input logic [31:0] network,",
        f"    output logic [{index - 1}:0] first, stages,",
        "    output logic [31:0] stream_words\n);",
        "  always_comb\n    case (network)",
    ]
    for number, plan in enumerate(plans):
        fields = f"{index}'d{firsts[number]}, {index}'d{counts[number]}, 32'd{plan.stream_words}"
        label = "default" if number == len(plans) - 1 else f"32'd{number}"
        lines.append(f"      {label}: {{first, stages, stream_words}} = {{{fields}}};")
    lines.append("    endcase\nendmodule")
    return "\n".join(lines) + "\n"


def exp_rom() -> str:
    """Two reads a clock of the softmax's table of exponentials (NUMERICS.md, section 5)."""
    entries = "\n".join(f"    entries[{i}] = 15'd{value};" for i, value in enumerate(EXP_TABLE))
    return f"""{GENERATED}
// EXP: 119 * 2**8 * 2**(-index / 256). What is read comes a clock later.
module exp_rom (
    input logic clk,
    input logic [7:0] first, second,
    output logic [14:0] first_q, second_q
);
  (* rom_style = "block" *) logic [14:0] entries[0:{len(EXP_TABLE) - 1}];
  initial begin
{entries}
  end
  always_ff @(posedge clk) begin
    first_q <= entries[first];
    second_q <= entries[second];
  end
endmodule
"""
