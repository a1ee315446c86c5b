from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from qnas.accel.cost.estimate import RESOURCES, Estimate, Resources
from qnas.accel.cost.prediction import Prediction
from qnas.architecture import Architecture
from qnas.errors import CapacityError
from qnas.studies.results.front import StudyRecords, front_csv
from qnas.studies.results.network_size import network_size
from qnas.studies.results.picks import choose, missed
from qnas.studies.search.genome import Proposal
from qnas.studies.search.trials import TrialRecord, read_records
from tests.studies.analytic import GENOME, OBJECTIVES, SPACE, search

MET = dict.fromkeys(RESOURCES, -0.5)


def trial(
    number: int,
    *,
    error: float,
    cycles: int,
    dsp: int = 1,
    seed: int | None = None,
    constraints: Mapping[str, float] = MET,
    generation: int = 0,
) -> TrialRecord:
    architecture = SPACE.sample(Random(number if seed is None else seed))
    estimate = Estimate(cycles, 0, 200.0, Resources(dsp=dsp), 0)
    values = {"error": error, "latency": estimate.latency_ms, "dsp": float(dsp)}
    return TrialRecord(
        number=number,
        generation=generation,
        slot=number,
        proposal=Proposal(architecture, 1.0),
        values=values,
        constraints=constraints,
        estimate=estimate,
        predicted=Prediction.of(estimate),
    )


def records(*trials: TrialRecord) -> StudyRecords:
    return StudyRecords(OBJECTIVES, trials)


def test_the_front_is_feasible_nondominated_distinct_and_sorted() -> None:
    broken = {**MET, "lut": 0.1}
    found = records(
        trial(0, error=9, cycles=10),
        trial(1, error=5, cycles=30),
        trial(2, error=5, cycles=40),  # dominated
        trial(3, error=1, cycles=1, constraints=broken),  # does not fit
        trial(4, error=9, cycles=10, seed=0),  # the first one again
        trial(5, error=9, cycles=10),  # equal values, another subnet
    )
    assert [t.number for t in found.front()] == [1, 0, 5]


def test_objectives_to_maximise_count_the_other_way() -> None:
    trials = [trial(n, error=e, cycles=c) for n, (e, c) in enumerate([(5, 10), (5, 20)])]
    values = [{"error": t.values["error"], "fps": t.estimate.fps} for t in trials]
    faster = [
        TrialRecord(t.number, 0, t.number, t.proposal, v, MET, t.estimate, t.predicted)
        for t, v in zip(trials, values, strict=True)
    ]
    assert [t.number for t in StudyRecords(("error", "fps"), tuple(faster)).front()] == [0]


def test_nothing_fits_is_an_error_that_names_the_resource() -> None:
    tight = trial(0, error=1, cycles=1, constraints={**MET, "bram18": 0.25})
    with pytest.raises(CapacityError, match=r"bram18 by 25\.0%"):
        records(tight).front()


def test_hypervolume_s_box_is_the_first_generation_s() -> None:
    first = [trial(0, error=10, cycles=100, dsp=2), trial(1, error=0, cycles=300, dsp=4)]
    later = trial(2, error=50, cycles=900, dsp=1, generation=1)
    assert records(*first).box() == records(*first, later).box()
    better = trial(3, error=0, cycles=100, dsp=2, generation=1)
    assert records(*first, better).hypervolume(generation=0) == 0
    assert records(*first, better).hypervolume() == pytest.approx(1)


def test_picks_are_the_knee_and_the_most_accurate_of_each_speed() -> None:
    found = records(
        trial(0, error=2, cycles=200_000),  # 1,000 FPS
        trial(1, error=4, cycles=100_000),  # 2,000 FPS
        trial(2, error=30, cycles=90_000),
    )
    picks = {pick.name: pick.trial.number for pick in choose(found, (1000, 1500, 2100))}
    assert picks == {"knee": 1, "fps1000": 0, "fps1500": 1, "fps2100": 2}


def test_equally_accurate_candidates_are_told_apart_by_speed() -> None:
    found = records(
        trial(0, error=2, cycles=200_000, dsp=1), trial(1, error=2, cycles=100_000, dsp=2)
    )
    assert choose(found, (500,))[1].trial.number == 1


def test_a_target_out_of_reach_makes_no_pick_and_names_the_fastest() -> None:
    found = records(trial(0, error=2, cycles=200_000), trial(1, error=4, cycles=100_000))
    assert [pick.name for pick in choose(found, (1000, 5000))] == ["knee", "fps1000"]
    (lost,) = missed(found, (1000, 5000))
    assert (lost.target, lost.fps, lost.error) == (5000, 2000, 4)
    assert "5,000 FPS is missed: the fastest on the front reaches 2,000 FPS at 4.00 %" in str(lost)
    assert missed(found, (1000, 2000)) == ()


def test_front_csv_has_a_row_a_pareto_trial_and_exact_numbers(tmp_path: Path) -> None:
    study = search(tmp_path / "a", trials=40)
    found = StudyRecords.of(OBJECTIVES, read_records(study, GENOME, OBJECTIVES))
    rows = list(csv.DictReader(io.StringIO(front_csv(found))))
    assert len(rows) == len(found.front()) > 3
    for row, member in zip(rows, found.front(), strict=True):
        architecture = Architecture.from_json(json.loads(row["architecture"]))
        assert architecture == member.architecture
        assert row["key"] == architecture.key
        assert {name: float(row[name]) for name in OBJECTIVES} == dict(member.values)
        assert float(row["lut_violation"]) == member.constraints["lut"] <= 0
        assert int(row["estimate_cycles"]) == member.estimate.cycles
        assert float(row["estimate_fps"]) == member.estimate.fps


def test_the_share_of_8_bit_weights_of_the_corners() -> None:
    assert network_size(SPACE.largest()).w8_share == 1
    smallest = network_size(SPACE.smallest()).w8_share  # stem and head stay 8-bit
    assert 0 < smallest < 0.5
