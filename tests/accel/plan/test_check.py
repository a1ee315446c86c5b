"""check_plan: what was lowered passes; what was edited is refused, the field named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from qnas._util.serialization import encode
from qnas.accel.plan.check import check_plan, first_difference
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import ConfigError, QnasError
from tests.accel.designs import architectures, foldings, tiny, zcu102

FOLDING = Folding(tm=4, tt=2, tk=4, vl=2)


def _edited(path: tuple[str | int, ...], value: Any) -> HardwarePlan:
    data: Any = json.loads(json.dumps(encode(lower(tiny(), zcu102(), FOLDING))))
    item = data
    for key in path[:-1]:
        item = item[key]
    assert item[path[-1]] != value
    item[path[-1]] = value
    return HardwarePlan.from_json(data)


@settings(deadline=None, max_examples=20)
@given(architectures(), foldings())
def test_lowered_plans_pass(arch: Architecture, folding: Folding) -> None:
    plan = lower(arch, zcu102(), folding)
    check_plan(plan, zcu102())
    assert first_difference(plan, plan) is None


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("device",), "zcu104", "plan.device"),
        (("clock_mhz",), 300.0, "plan.clock_mhz"),
        (("accumulator_bits",), 12, "plan.accumulator_bits"),
        (("stages", 2, "row_tiles"), 3, "plan.stages[stem].row_tiles"),
        (("stages", 2, "loops", 1, "trips"), 31, "plan.stages[stem].loops[tiles].trips"),
        (("stages", 2, "epilogue"), "raw", "plan.stages[stem].epilogue"),
        (("stages", 0, "name"), "image", "plan.stages[patches].name"),
        (("buffers", 0, "depth"), 16, "plan.buffers[act].depth"),
        (("buffers", 8, "storage"), "bram", "plan.buffers[row_param].storage"),
        (("buffers", 0, "storage"), "uram", "storage of act"),
        (("buffers", 0, "storage"), "registers", "storage of act"),
        (("multipliers", 0, "count"), 31, "plan.multipliers[engine_packed].count"),
        (("ports", 0, "words"), 1, "plan.ports[weights].words"),
        (("folding", "lut_slots"), 2, "plan.multipliers[engine_packed].count"),
        (("folding", "weight_ports"), 2, "plan.stages[block0.norm1].stream_words"),
        (("folding", "weight_ports"), 8, "weight_ports"),
        (("folding", "batch"), 2, "plan.stages[patches].loops[load].trips"),
        (("ports", 0, "name"), "weights_0", "plan.ports[weights].name"),
    ],
)
def test_edited_plans_are_refused_by_field(
    path: tuple[str | int, ...], value: Any, named: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check_plan(_edited(path, value), zcu102())
    assert f"`{named}`" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("folding", "tm"), 5),
        (("architecture", "embed_dim"), 0),
        (("stages", 0, "kind"), "convolution"),
        (("stages", 0, "tokens"), "four"),
        (("architecture", "blocks", 0, "w8", "fc1"), 9),
    ],
)
def test_impossible_values_are_refused(path: tuple[str | int, ...], value: Any) -> None:
    with pytest.raises(QnasError):
        check_plan(_edited(path, value), zcu102())


def test_missing_and_extra_items_are_counted() -> None:
    data: Any = json.loads(json.dumps(encode(lower(tiny(), zcu102(), FOLDING))))
    data["stages"].pop()
    with pytest.raises(ConfigError, match=r"number of plan\.stages"):
        check_plan(HardwarePlan.from_json(data), zcu102())
