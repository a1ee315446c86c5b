from __future__ import annotations

import pytest

from qnas.errors import CapacityError, ConfigError, UnknownNameError
from qnas.studies.results.selection import Requirements, select_candidate
from tests.studies.results.test_front import records, trial

# Error, cycles (200 MHz), DSPs: from accurate and slow to fast and wrong.
FRONT = records(
    trial(0, error=1.0, cycles=40_000, dsp=10),
    trial(1, error=2.0, cycles=10_000, dsp=20),
    trial(2, error=6.0, cycles=5_000, dsp=30),
    trial(3, error=20.0, cycles=4_000, dsp=40),
    trial(4, error=30.0, cycles=41_000, dsp=50),  # dominated
)


def test_the_knee_without_wishes() -> None:
    choice = select_candidate(FRONT, Requirements())
    assert choice.trial.number == 1
    assert choice.reasons[0] == "5 distinct candidates of the study fit the device."
    assert choice.reasons[1].startswith("4 of those are on the front")
    assert "trial 1 is the knee" in choice.reasons[2] and "(0.553)" in choice.reasons[2]
    assert choice.more_accurate is not None and choice.more_accurate.number == 0
    assert choice.faster is not None and choice.faster.number == 2


def test_the_most_accurate_that_is_fast_enough() -> None:
    choice = select_candidate(FRONT, Requirements(fps=30_000))
    assert choice.trial.number == 2
    assert "2 of them keep FPS >= 30,000." in choice.reasons
    assert choice.more_accurate is None
    assert "Trial 2 is the most accurate of that front." in choice.reasons


def test_the_reasons_tell_what_a_step_to_either_side_costs() -> None:
    *_, accurate, faster, scarcest = select_candidate(FRONT, Requirements()).reasons
    assert accurate == ("The next more accurate, trial 0: error -1.00 points, FPS -75%, DSP -50%.")
    assert faster == "The next faster, trial 2: error +4.00 points, FPS +100%, DSP +50%."
    assert scarcest.endswith("50% of what a plan may use.")


def test_who_is_dominated_only_beyond_the_limits_can_be_chosen() -> None:
    assert select_candidate(FRONT, Requirements(at_least={"error": 25})).trial.number == 4
    assert select_candidate(FRONT, Requirements(at_least={"dsp": 35, "error": 10})).reasons[
        1:3
    ] == (
        "2 of them keep DSP >= 35 and error (%) >= 10.",
        "1 of those are on the front: no other is as good in every objective.",
    )


def test_latency_and_speed_are_limits_in_every_study() -> None:
    assert select_candidate(FRONT, Requirements(at_most={"latency": 0.021})).trial.number == 3
    assert select_candidate(FRONT, Requirements(at_least={"fps": 45_000})).trial.number == 3


def test_limits_come_before_the_knee() -> None:
    assert select_candidate(FRONT, Requirements(at_most={"error": 1.5})).trial.number == 0
    assert select_candidate(FRONT, Requirements(at_most={"dsp": 15})).trial.number == 0


@pytest.mark.parametrize(("weights", "number"), [({"error": 1}, 0), ({"latency": 1}, 3)])
def test_all_weight_on_one_objective_is_its_best(weights: dict[str, float], number: int) -> None:
    assert select_candidate(FRONT, Requirements(weights=weights)).trial.number == number


def test_nobody_within_the_limits_says_what_the_front_reaches() -> None:
    with pytest.raises(CapacityError, match="dsp from 10, FPS up to 50,000"):
        select_candidate(FRONT, Requirements(fps=45_000, at_most={"dsp": 12}))


def test_bad_wishes() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'dsp'"):
        select_candidate(FRONT, Requirements(at_most={"dsps": 3}))
    with pytest.raises(UnknownNameError, match="objective of the study; got 'lut'"):
        select_candidate(FRONT, Requirements(weights={"lut": 3}))
    with pytest.raises(ConfigError, match="from 0 up"):
        select_candidate(FRONT, Requirements(at_most={"dsp": float("nan")}))
    with pytest.raises(ConfigError, match="not all be 0"):
        select_candidate(FRONT, Requirements(weights={"error": 0.0}))
