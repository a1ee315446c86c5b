"""The emitted plan is the priced plan: every field of it changes C++ and price, or says why not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest

from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.energy import energy
from qnas.accel.hls.emit.bench import project_header
from qnas.accel.hls.emit.constants import plan_header
from qnas.accel.hls.emit.stages import stages_header
from qnas.accel.hls.emit.tools import tool_files
from qnas.accel.hls.emit.top import top_source
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import Buffer, HardwarePlan, Loop, Multiplier, Packing, Port, Stage
from qnas.accel.plan.weight_stream import weight_file_names
from tests.accel.designs import tiny, zcu102

CHANGES = ""  # anything else is the reason why nothing changes
BY_LOOPS = "cycles are priced by the stage's loops, energy by what they move"
COUNTED = "the C++ derives its trips from the other fields; the test bench counts them, and the"
COUNTED += " verification compares them with the plan"
BY_FOLDING = "the C++ unrolls products by folding and packing; widths are its operands' types"

# Field -> (why the C++ and scripts do not change, why the price does not).
EXPECTED: dict[str, tuple[str, str]] = {
    "HardwarePlan.architecture": (CHANGES, "the price reads what `lower` made of it"),
    "HardwarePlan.device": ("named in plan.json; its facts are other fields", "the same"),
    "HardwarePlan.clock_mhz": (CHANGES, CHANGES),
    "HardwarePlan.dsp_wide_bits": (CHANGES, CHANGES),
    "HardwarePlan.dsp_narrow_bits": (CHANGES, CHANGES),
    "HardwarePlan.activation_bits": (CHANGES, CHANGES),
    "HardwarePlan.accumulator_bits": (CHANGES, CHANGES),
    "HardwarePlan.score_bits": (CHANGES, CHANGES),
    **{f"Folding.{f.name}": (CHANGES, CHANGES) for f in dataclasses.fields(Folding)},
    "Folding.head_buffers": (CHANGES, "loops say what is hidden, and memories how deep they are"),
    "Stage.name": (CHANGES, "a name"),
    "Stage.kind": (CHANGES, CHANGES),
    "Stage.step": (CHANGES, "what a step shares is `hidden` in the softmax's loop"),
    "Stage.half": (CHANGES, "one copy of a buffer is as good as the other"),
    "Stage.left": (CHANGES, CHANGES),
    "Stage.right": (CHANGES, BY_LOOPS),
    "Stage.dst": (CHANGES, CHANGES),
    "Stage.epilogue": (CHANGES, BY_LOOPS),
    "Stage.rows": (CHANGES, CHANGES),
    "Stage.slots": (CHANGES, CHANGES),
    "Stage.tokens": (CHANGES, CHANGES),
    "Stage.inner": (CHANGES, CHANGES),
    "Stage.row_tiles": (CHANGES, CHANGES),
    "Stage.token_tiles": (CHANGES, CHANGES),
    "Stage.beats": (CHANGES, CHANGES),
    "Stage.stream_words": ("the C++ reads as many as the port's words", CHANGES),
    **{
        f"Stage.{name}": (CHANGES, BY_LOOPS)
        for name in ("tile_steps", "load_steps", "param_steps", "w8_rows", "w8_more")
    },
    "Stage.drain_steps": (CHANGES, CHANGES),
    **{
        f"Stage.{name}": (CHANGES, "an address: a number wherever it lies")
        for name in (
            *("head", "token_offset", "src_base", "src_stride", "left_base", "left_stride"),
            *("dst_base", "dst_stride", "dst_group_stride"),
        )
    },
    "Loop.name": (CHANGES, "a name: trips, entries and depth are priced"),
    "Loop.trips": (CHANGES, CHANGES),
    "Loop.entries": (COUNTED, CHANGES),
    "Loop.hidden": ("the engine's loop makes steps of a softmax beside its own", CHANGES),
    "Loop.depth": ("the tool schedules the pipeline, and its report says how deep it is", CHANGES),
    "Buffer.name": (CHANGES, CHANGES),
    "Buffer.bits": (CHANGES, CHANGES),
    "Buffer.banks": (CHANGES, CHANGES),
    "Buffer.depth": (CHANGES, CHANGES),
    "Buffer.storage": (CHANGES, CHANGES),
    "Multiplier.name": (BY_FOLDING, CHANGES),
    "Multiplier.a_bits": (BY_FOLDING, CHANGES),
    "Multiplier.b_bits": (BY_FOLDING, CHANGES),
    "Multiplier.count": (BY_FOLDING, CHANGES),
    "Multiplier.where": (BY_FOLDING, CHANGES),
    "Packing.rows": (CHANGES, CHANGES),
    "Packing.tokens": (CHANGES, CHANGES),
    "Packing.field_bits": (CHANGES, CHANGES),
    "Packing.cascade": (CHANGES, CHANGES),
    "Port.name": (CHANGES, "a name"),
    "Port.bits": (CHANGES, CHANGES),
    "Port.words": (CHANGES, CHANGES),
    "Port.direction": (CHANGES, "a word costs either way"),
    "Port.burst": (CHANGES, CHANGES),
    "Port.outstanding": (CHANGES, CHANGES),
}
STRUCTURE = {"folding", "stages", "loops", "buffers", "multipliers", "ports", "packing"}
# Another value of a field that is no number.
OTHERS: dict[str, Any] = {
    "HardwarePlan.architecture": replace(tiny(), embed_dim=9),
    "HardwarePlan.device": "pynq_z2",
    "Stage.kind": "softmax",
    "Stage.step": 7,  # its softmax's
    "Stage.left": "key",
    "Stage.right": "hidden",
    "Stage.dst": "key",
    "Stage.epilogue": "raw",
    "Loop.name": "normalise",
    "Buffer.depth": 100,
    "Buffer.storage": "bram",
    "Multiplier.name": "requantize",
    "Multiplier.where": "dsp",
    "Port.direction": "write",
}


@lru_cache(maxsize=1)
def plan() -> HardwarePlan:
    return lower(tiny(), zcu102(), Folding(tm=8, tt=2, tk=8, vl=2, lut_slots=4))


def fields() -> Iterator[str]:
    for kind in (HardwarePlan, Folding, Stage, Loop, Buffer, Multiplier, Packing, Port):
        for field in dataclasses.fields(kind):
            if field.name not in STRUCTURE:
                yield f"{kind.__name__}.{field.name}"


def other(path: str, value: Any) -> Any:
    if path in OTHERS:
        return OTHERS[path]
    if isinstance(value, str):
        return f"{value}_2"
    # What divides a word or a memory is doubled, so that it still does.
    return 2 * value if isinstance(value, int) and value else value + 1


def changed(path: str) -> HardwarePlan:
    """The plan with another value in one field: of the first GEMM of weights (of a product beside a
    softmax), its first loop that the C++ is told of, a memory, and the array's multipliers in
    LUTs."""
    kind, name = path.split(".")
    first = plan()
    if kind == "HardwarePlan":
        return replace(first, **{name: other(path, getattr(first, name))})
    if kind in ("Folding", "Packing"):
        part = getattr(first, kind.lower())
        return replace(
            first, **{kind.lower(): replace(part, **{name: other(path, getattr(part, name))})}
        )
    chosen_multiplier = {"where": "engine_lut", "name": "engine_packed"}
    chosen = {
        "Stage": ("stages", "block0.head0.attend" if name == "step" else "block0.q"),
        "Loop": ("stages", "block0.q"),
        "Buffer": ("buffers", "answers" if name == "name" else "act"),
        "Multiplier": ("multipliers", chosen_multiplier.get(name, "norm_scale")),
        "Port": ("ports", "weights"),
    }[kind]
    items, called = chosen
    new = tuple(
        _changed(item, path) if item.name == called else item for item in getattr(first, items)
    )
    return replace(first, **{items: new})


def _changed(item: Any, path: str) -> Any:
    kind, name = path.split(".")
    if kind != "Loop":
        return replace(item, **{name: other(path, getattr(item, name))})
    loop, *rest = item.loops
    return replace(item, loops=(replace(loop, **{name: other(path, getattr(loop, name))}), *rest))


def text(of: HardwarePlan) -> list[str]:
    weights = dict.fromkeys(weight_file_names(of), b"")
    parts = [
        *(emit([of]) for emit in (plan_header, stages_header, top_source)),
        project_header([of], [weights]),
    ]
    return [*parts, *tool_files(of, zcu102(), name="plan").values()]


@pytest.fixture(scope="module")
def printed() -> list[str]:
    return text(plan())


def price(of: HardwarePlan) -> tuple[Any, ...]:
    """Estimate and energy; of a plan that lacks a memory, its name in place of the energy."""
    found = estimate(of)
    try:
        return found, found.latency_ms, energy(of, zcu102(), found)
    except KeyError as missing:
        return found, found.latency_ms, missing.args


def test_every_field_is_in_the_table() -> None:
    assert sorted(EXPECTED) == sorted(fields())


@pytest.mark.parametrize("path", EXPECTED)
def test_a_field_changes_what_it_should(path: str, printed: list[str]) -> None:
    before, after = plan(), changed(path)
    assert before != after
    same_text, same_price = EXPECTED[path]
    assert (printed == text(after)) == bool(same_text), same_text or "the C++ must change"
    assert (price(before) == price(after)) == bool(same_price), same_price or "the price must"


@pytest.mark.parametrize("items", ["stages", "loops", "buffers", "multipliers", "ports"])
def test_what_is_left_out_is_neither_printed_nor_priced(items: str) -> None:
    before = plan()
    if items == "loops":
        stage = before.stages[2]
        shorter = (*before.stages[:2], replace(stage, loops=stage.loops[1:]), *before.stages[3:])
        after = replace(before, stages=shorter)
    else:
        kept = getattr(before, items)
        # The last stage, multiplier and port; the first memory: the last is the stream's FIFO.
        after = replace(before, **{items: kept[1:] if items == "buffers" else kept[:-1]})
    assert price(before) != price(after)
