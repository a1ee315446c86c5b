"""stages.hpp: the stage table, one line a stage of the plan, the steps of the walk, and which of
them are of which network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, groupby

from qnas.accel.hls.emit.constants import GENERATED, stage_steps, walk_length
from qnas.accel.hls.emit.writer import Writer
from qnas.accel.plan.plan import HardwarePlan, Stage

FIELDS = (
    *("rows", "slots", "tokens", "inner", "head", "half", "token_offset"),
    *("row_tiles", "token_tiles", "beats", "drain_steps", "tile_steps"),
    *("param_steps", "w8_rows", "w8_more"),
)
LONG_FIELDS = (
    *("src_base", "src_stride", "left_base", "left_stride"),
    *("dst_base", "dst_stride", "dst_group_stride"),
)


def stages_header(plans: Sequence[HardwarePlan]) -> str:
    """The tables of all networks, one after the other, in execution order; field order is that of
    stage.hpp."""
    out = Writer()
    out.line(f'{GENERATED}\n#pragma once\n#include "plan.hpp"\n#include "stage.hpp"\n')
    out.line("namespace qnas {\n")
    out.line(f"// kind, left, right, dst, epilogue, {', '.join(FIELDS)},")
    out.line(f"// load_steps, steps, {', '.join(LONG_FIELDS)}")
    with out.block("static const Stage STAGES[plan::STAGES] =", end="};"):
        stages = [stage for plan in plans for stage in plan.stages]
        batch = plans[0].folding.batch
        for row in _aligned([[f"/* {s.name} */", *_values(s, batch)] for s in stages]):
            name, *values = row
            out.line(f"{name} {{{', '.join(values)}}},")
    out.line("\n// softmax (-1: none), first of the other stages, how many.")
    with out.block("static const Step STEPS[plan::STEPS] =", end="};"):
        for plan, first in zip(plans, first_stages(plans), strict=True):
            for step in _steps(plan, first):
                out.line(f"{{{', '.join(map(str, step))}}},")
    out.line("\n// first step, steps, words of the weight stream.")
    with out.block("static const Network NETWORKS[plan::NETWORKS] =", end="};"):
        for plan, first in zip(plans, _firsts(map(walk_length, plans)), strict=True):
            out.line(f"{{{first}, {walk_length(plan)}, {plan.stream_words}}},")
    out.line("\n}  // namespace qnas")
    return out.text()


def first_stages(plans: Sequence[HardwarePlan]) -> list[int]:
    """Where the stages of each network begin in the table of all."""
    return _firsts(len(plan.stages) for plan in plans)


def _firsts(counts: Iterable[int]) -> list[int]:
    return [0, *accumulate(counts)][:-1]


def _steps(plan: HardwarePlan, first_stage: int) -> Iterator[tuple[int, int, int]]:
    numbered = enumerate(plan.stages, start=first_stage)
    for _, group in groupby(numbered, lambda item: item[1].step):
        stages = list(group)
        softmax = next((index for index, s in stages if s.kind == "softmax"), -1)
        others = [index for index, s in stages if s.kind != "softmax"]
        yield softmax, others[0] if others else softmax, len(others)


def _aligned(rows: list[list[str]]) -> list[list[str]]:
    """Columns of one width: text to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        [v.rjust(w) if v.isdigit() else v.ljust(w) for v, w in zip(row, widths, strict=True)]
        for row in rows
    ]


def _values(stage: Stage, batch: int) -> list[str]:
    stage = replace(stage, row_tiles=stage.tiles_of_pass(batch)[0])
    return [
        stage.kind.upper(),
        *(_tensor(name) for name in (stage.left, stage.right, stage.dst)),
        f"TO_{stage.epilogue.upper()}" if stage.epilogue else "NO_EPILOGUE",
        *(str(getattr(stage, name)) for name in FIELDS),
        str(stage.load_steps),
        str(stage_steps(stage)),
        *(str(getattr(stage, name)) for name in LONG_FIELDS),
    ]


def _tensor(name: str) -> str:
    return name.upper() or "NONE"
