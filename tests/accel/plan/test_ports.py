"""The weight stream's ports: what they change of a plan, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings

from qnas._util.serialization import encode
from qnas.accel.cost.analytic import estimate
from qnas.accel.device import MAX_WEIGHT_PORTS, device_names, load_device
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import ConfigError
from tests.accel.designs import WEIGHT_PORTS, architectures, foldings, tiny, zcu102

SMALL = Folding(tm=4, tt=2, tk=4, vl=2)


def _plans(arch: Architecture, folding: Folding) -> list[HardwarePlan]:
    return [lower(arch, zcu102(), replace(folding, weight_ports=n)) for n in WEIGHT_PORTS]


def test_tiny_ports_by_hand() -> None:
    """Words of 512 bits: a row tile of four slots has 256 bits of parameters, 64 a beat."""
    plan = _plans(tiny(), replace(SMALL, vl=4))[2]
    assert [(p.name, p.bits) for p in plan.ports] == [
        *((f"weights_{index}", 128) for index in range(4)),
        *(("image", 128), ("logits", 32)),
    ]
    words = {stage.name: stage.stream_words for stage in plan.stages}
    # Five tokens of 8 channels, 4 a word since no word straddles a bank row; 1 + 8 of 64 bits.
    assert (words["position"], words["block0.norm1"]) == (5 * 2, 1 + 1)
    # 18 slots are 5 row tiles of 1 + 2 words, behind a table of 2048 bits, 128 a word.
    assert words["block0.fc1"] == 16 + 5 * 3
    assert {p.words for p in plan.weight_ports} == {sum(words.values())} == {plan.stream_words}
    shapes = {b.name: (b.bits, b.banks, b.depth) for b in plan.buffers}
    assert shapes["stream"] == (512, 1, 64)
    assert shapes["row_param"] == (64, 8, 4)
    assert shapes["norm_param"] == (54, 8, 4)
    assert shapes["gelu"] == (6, 2 * 16, 16)


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings())
def test_more_ports_are_never_slower_and_change_the_stream_alone(
    arch: Architecture, folding: Folding
) -> None:
    plans = _plans(arch, folding)
    for before, after in pairwise(plans):
        # A softmax that no longer hides behind shorter products takes an entry of its own.
        assert estimate(after).loop_cycles <= estimate(before).loop_cycles
        assert after.stream_words <= before.stream_words
        assert 2 * after.stream_words >= before.stream_words
        assert after.image_port == before.image_port and after.ports[-1] == before.ports[-1]
        assert after.multipliers == before.multipliers
        for small, wide in zip(before.stages, after.stages, strict=True):
            assert wide.load_steps <= small.load_steps
            trips = [sum(loop.trips for loop in stage.loops) for stage in (wide, small)]
            assert trips[0] <= trips[1]
            same = {"load_steps": 0, "param_steps": 0, "stream_words": 0, "loops": ()}
            assert replace(wide, **same) == replace(small, **same)
        changed = {a.name for a, b in zip(after.buffers, before.buffers, strict=True) if a != b}
        assert changed <= {"stream", "row_param", "norm_param"}


@pytest.mark.parametrize("name", device_names())
def test_every_device_refuses_more_ports_than_it_feeds(name: str) -> None:
    device = load_device(name)
    most = device.most_weight_ports
    plan = lower(tiny(), device, replace(SMALL, weight_ports=most))
    assert len(plan.ports) == most + 2 <= device.axi_ports
    if most < MAX_WEIGHT_PORTS:
        with pytest.raises(ConfigError, match=f"`weight_ports` must be at most {most} on {name}"):
            lower(tiny(), device, replace(SMALL, weight_ports=2 * most))


@pytest.mark.parametrize("ports", [0, 3, 16, -1, True])
def test_numbers_of_ports_that_are_none(ports: int) -> None:
    with pytest.raises(ConfigError, match="weight_ports"):
        lower(tiny(), zcu102(), replace(SMALL, weight_ports=ports))


def test_a_plan_of_json_without_later_fields_has_their_defaults() -> None:
    plan = lower(tiny(), zcu102(), SMALL)
    data = encode(plan)
    for name in ("weight_ports", "batch"):
        del data["folding"][name]
    assert HardwarePlan.from_json(data) == plan
