"""PLAN.md names everything that a plan contains."""

from __future__ import annotations

import dataclasses
from importlib import resources

from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan, Packing, Stage
from tests.accel.designs import tiny, zcu102


def test_the_page_names_every_field_buffer_loop_multiplier_and_port() -> None:
    page = resources.files("qnas.accel").joinpath("PLAN.md").read_text(encoding="utf-8")
    plan = lower(tiny(), zcu102(), Folding(tm=4, tt=2, tk=4, vl=2))
    names = {f.name for f in dataclasses.fields(Stage)} - {"name"}
    names |= {f.name for kind in (Folding, Packing) for f in dataclasses.fields(kind)}
    names |= {loop.name for stage in plan.stages for loop in stage.loops}
    names |= {item.name for item in (*plan.buffers, *plan.multipliers, *plan.ports)}
    names |= {f.name for f in dataclasses.fields(HardwarePlan)}
    names |= {stage.kind for stage in plan.stages} | {b.storage for b in plan.buffers}
    assert {name for name in names if f"`{name}`" not in page} == set()
