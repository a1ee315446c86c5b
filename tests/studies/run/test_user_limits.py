"""Limits of a study's own: refused before training if plans show that nothing comes near."""

from __future__ import annotations

import math

import pytest

from qnas.errors import CapacityError
from qnas.studies.config import Study
from qnas.studies.run.feasibility import Feasibility, assess
from qnas.studies.search.evaluation import UserLimit

NAMES = ("lut", "ff", "dsp", "bram18", "latency", "energy", "fps")


def study(limits: dict[str, float], **fields: object) -> Study:
    defaults = {"space": "digits", "data": "digits", "device": "zcu102"}
    return Study("s", **{**defaults, **fields}, limits=limits)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def best() -> dict[str, float]:
    """Of each objective alone, what the reference subnets come to at best."""
    hopeless = {name: 1e9 if name == "fps" else 1e-9 for name in NAMES}
    found = assess(study(hopeless)).limits.each
    assert [reach.limit.objective.name for reach in found] == list(NAMES)
    return {reach.limit.objective.name: reach.best for reach in found}


def times(name: str, factor: float) -> float:
    """So many times as hard to keep."""
    return factor if name == "fps" else 1 / factor


def refusal(found: Feasibility) -> str:
    with pytest.raises(CapacityError) as caught:
        found.require()
    return str(caught.value)


@pytest.mark.parametrize("name", ["lut", "latency", "energy", "fps"])  # one of each kind
def test_each_limit_alone(best: dict[str, float], name: str) -> None:
    kept = assess(study({name: best[name] * times(name, 0.99)}))
    kept.require()
    assert not any(line.startswith("limits") for line in kept.remarks())
    near = assess(study({name: best[name] * times(name, 1.05)}))
    near.require()  # a subnet between those that are tried may do it
    assert any(line.startswith(f"limits.{name}: of the three, none") for line in near.remarks())
    message = refusal(assess(study({name: best[name] * times(name, 1.5)})))
    assert f"`limits.{name}` must be kept by some subnet of the space" in message
    assert ("Lower" if name == "fps" else "Raise") in message


def test_limits_that_exclude_each_other(best: dict[str, float]) -> None:
    found = assess(study({"dsp": best["dsp"] * 1.01, "fps": best["fps"] * 0.99}))
    assert all(reach.violation <= 0 for reach in found.limits.each)
    message = refusal(found)
    assert "`limits` must be kept together" in message and "Relax one" in message


def test_a_limit_that_excludes_the_highest_target(best: dict[str, float]) -> None:
    target = math.floor(best["fps"] * 0.99)
    assess(study({}, fps_targets=(target,))).require()
    found = assess(study({"dsp": best["dsp"] * 1.01}, fps_targets=(1, target)))
    assert "with the highest FPS target" in refusal(found)
    assess(study({"dsp": best["dsp"] * 1.01}, fps_targets=(1,))).require()


def test_limits_that_only_training_tells_are_left_to_the_search() -> None:
    found = assess(study({"error": 1e-6}))
    found.require()
    assert found.limits.each == ()


def test_without_limits_nothing_is_planned_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> float:
        raise AssertionError

    monkeypatch.setattr(UserLimit, "violation", never)
    assess(study({})).require()
