"""A study with a calibration: limits, values and the report follow the measurements."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from qnas.accel.calibration.calibration import fit
from qnas.accel.calibration.designs import Setup, Subject
from qnas.accel.calibration.file import write_calibration
from qnas.accel.calibration.kernels import designs_of, kernel_design, structural
from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.prediction import Prediction, Predictor, Range
from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.errors import CapacityError, CheckpointError, ConfigError
from qnas.objectives.base import Candidate
from qnas.objectives.hardware import ResourceObjective
from qnas.spaces import load_space
from qnas.studies.config import Study, load_config
from qnas.studies.report.content import ReportContent
from qnas.studies.report.figures.device import predictions
from qnas.studies.report.page import render
from qnas.studies.report.pick_rows import pick_rows
from qnas.studies.results.front import StudyRecords
from qnas.studies.results.picks import choose, missed
from qnas.studies.results.selection import Requirements, select_candidate
from qnas.studies.run.calibration import load_calibration, make_predictor, predictor_of
from qnas.studies.run.changes import Change
from qnas.studies.run.feasibility import assess
from qnas.studies.search.evaluation import UserLimit, constraints
from qnas.studies.search.trials import TrialRecord
from qnas.studies.sections import CalibrationConfig
from tests.accel.designs import tiny
from tests.studies.report.test_report import content as _content

ZCU102 = load_device("zcu102")
SETUP = Setup("Vitis HLS", "hls", ZCU102.part, 1e3 / ZCU102.clock_mhz)
content = _content  # the fixture
NONE = CalibrationConfig("none")


def _study(file: str = "", confidence: float = 0.0) -> Study:
    config = load_config("digits_zcu102")
    calibration = CalibrationConfig(file)
    return dataclasses.replace(config, calibration=calibration, confidence=confidence)


def _file(
    folder: Path, *, lut: float = 2.0, setup: Setup = SETUP, subject: Subject = "c++"
) -> Path:
    """Eight designs of about `lut` times the estimated LUTs; all else as estimated."""
    arch, designs = next(iter(load_space("digits").reference_subnets())), []
    for i in range(8):
        plan = lower(arch, ZCU102, Folding(tm=2 * i + 2, tt=2, tk=4, vl=4))
        found = structural([plan], estimate(plan), backend="c++")
        measured = {name: found[name] for name in ("lut", "ff", "dsp", "bram18", "uram")}
        measured["lut"] = round(lut * (1 + 0.02 * (i % 3 - 1)) * measured["lut"])
        designs.append(kernel_design([plan], measured, backend="c++"))
    calibration = fit(designs_of(designs), subject=subject, setup=setup)
    write_calibration(folder / "board.json", calibration)
    return folder / "board.json"


def test_by_default_the_shipped_kernels_predict_and_none_turns_it_off() -> None:
    shipped = load_calibration(CalibrationConfig(), ZCU102)
    assert shipped is not None and shipped.subject == "rtl"
    assert load_calibration(CalibrationConfig(), load_device("vck190")) is None
    assert load_calibration(NONE, ZCU102) is None
    plan, estimated = best_plan(tiny(), ZCU102)
    by_default = make_predictor(_study(), ZCU102).predict(estimated, [plan])
    assert by_default.backend == "rtl" and by_default.kind("lut") == "predicted"
    plain = make_predictor(_study("none"), ZCU102).predict(estimated, [plan])
    assert plain == Prediction.of(estimated)


@pytest.mark.parametrize("confidence", [0.0, 0.9])
def test_a_plan_is_chosen_by_calibrated_limits(tmp_path: Path, confidence: float) -> None:
    """Measured, designs take twice the LUTs: of the largest subnet another folding is left."""
    file, arch = str(_file(tmp_path)), tuple(load_space("digits").reference_subnets())[-1]
    _, plain = best_plan(arch, ZCU102)
    predictor = make_predictor(_study(file, confidence), ZCU102)
    device = {str(name): limit for name, limit in ZCU102.limits().items()}
    plan, estimated = best_plan(arch, ZCU102, predictor=predictor)
    predicted = predictor.predict(estimated, [plan])
    assert predicted.backend == "c++" and predicted.label("lut") == "predicted, C++ kernel"
    assert predicted["lut"].most(confidence) <= ZCU102.limit("lut")
    assert max(constraints(predicted, device, predictor=predictor).values()) <= 0
    candidate = Candidate(arch, plan, estimated, predicted)
    values = ResourceObjective("lut", "LUTs").evaluate([candidate])
    assert values == [predicted.value("lut")]
    assert estimated.resources.lut < 0.55 * ZCU102.limit("lut") < plain.resources.lut


def test_limits_and_targets_count_with_confidence(content: ReportContent) -> None:
    """The lower end of FPS and the upper end of an amount."""
    front = content.records.front()
    fastest = max(front, key=lambda t: t.fps)
    amounts = dict(fastest.predicted.amounts)
    for name in ("fps", "lut"):
        value = amounts[name].value
        amounts[name] = Range(value, 0.9 * value, 1.1 * value)
    one = dataclasses.replace(fastest, predicted=Prediction(amounts, predicted=("lut", "cycles")))
    records = StudyRecords(content.records.objectives, (one,))
    target = math.floor(0.95 * one.fps)
    assert [pick.name for pick in choose(records, (target,))] == ["knee", f"fps{target}"]
    assert [pick.name for pick in choose(records, (target,), 0.9)] == ["knee"]
    (lost,) = missed(records, (target,), 0.9)
    assert lost.fps == pytest.approx(0.9 * one.fps) and missed(records, (target,)) == ()
    limit = UserLimit(ResourceObjective("lut", "LUTs"), 1.05 * amounts["lut"].value)
    for confidence, kept in ((0.0, True), (0.9, False)):
        counted = limit.counted(amounts["lut"].value, one.predicted, confidence)
        assert (limit.violation(counted) <= 0) == kept
        wanted = Requirements(at_most={"lut": limit.limit}, confidence=confidence)
        if kept:
            assert select_candidate(records, wanted).trial is one
        else:
            with pytest.raises(CapacityError):
                select_candidate(records, wanted)
    with pytest.raises(ConfigError, match=r"confidence.*must be 0\.9"):
        _study(confidence=0.5)


def test_measurements_of_another_board_are_refused(tmp_path: Path) -> None:
    for change, what in (
        ({"part": "xc7z020clg484-1"}, "must be of the part"),
        ({"clock_target_ns": 3.0}, "must be for the clock"),
    ):
        setup = dataclasses.replace(SETUP, **change)  # type: ignore[arg-type]
        config = CalibrationConfig(str(_file(tmp_path, setup=setup)))
        with pytest.raises(ConfigError, match=what):
            load_calibration(config, ZCU102)
    pairs = CalibrationConfig(str(_file(tmp_path, subject="hls")))
    with pytest.raises(ConfigError, match="must be of kernels"):
        load_calibration(pairs, ZCU102)
    other = Setup("pyosys 0.1", "synthesized and simulated")
    mixed = CalibrationConfig(str(_file(tmp_path, subject="rtl", setup=other)))
    with pytest.raises(ConfigError, match="must be of the same kernel, tool and stage"):
        load_calibration(mixed, ZCU102)
    (tmp_path / "board.json").write_text("{")
    with pytest.raises(CheckpointError):
        load_calibration(CalibrationConfig(str(tmp_path / "board.json")), ZCU102)


def test_kernels_of_a_file_are_added_to_the_table(tmp_path: Path) -> None:
    shipped = load_calibration(CalibrationConfig(), ZCU102)
    assert shipped is not None
    file = _file(tmp_path, lut=1.0, subject="rtl", setup=shipped.setup)
    both = load_calibration(CalibrationConfig(str(file)), ZCU102)
    assert both is not None and len(both.designs) == len(shipped.designs) + 8


def test_a_study_names_its_file_beside_itself(tmp_path: Path) -> None:
    toml = tmp_path / "s.toml"
    text = 'name = "s"\nspace = "digits"\ndata = "digits"\ndevice = "zcu102"\n'
    toml.write_text(text + 'confidence = 0.9\n[calibration]\nfile = "board.json"\n')
    with pytest.raises(ConfigError, match=r"calibration\.file"):
        load_config(toml)
    file = _file(tmp_path, lut=30.0)
    config = load_config(toml)
    assert (config.calibration, config.confidence) == (CalibrationConfig(str(file)), 0.9)
    plain, measured = (assess(c) for c in (dataclasses.replace(config, calibration=NONE), config))
    assert plain.reference_subnets[-1].fits
    for subnet in (s for s in measured.reference_subnets if s.estimate):
        assert subnet.used("lut") > 20 * subnet.estimate.resources.lut  # type: ignore[union-attr]
    toml.write_text(text + '[calibration]\nfile = "none"\n')
    assert load_config(toml).calibration == NONE


def _predicted(content: ReportContent, predictor: Predictor) -> ReportContent:
    """`content` as a study that predicts by measurements has it; all trials have one plan."""
    plan, _ = best_plan(tiny(), ZCU102)

    def of(trial: TrialRecord) -> TrialRecord:
        return dataclasses.replace(trial, predicted=predictor.predict(trial.estimate, [plan]))

    records = dataclasses.replace(content.records, trials=tuple(map(of, content.records.trials)))
    picks = tuple(dataclasses.replace(p, trial=of(p.trial)) for p in content.picks)
    return dataclasses.replace(content, records=records, picks=picks)


@pytest.mark.parametrize("objectives", [("error", "latency", "lut"), ("error", "latency")])
def test_a_pick_is_filtered_by_what_is_predicted(
    objectives: tuple[str, ...], tmp_path: Path, content: ReportContent
) -> None:
    """Whether LUT is an objective or not: measured, designs take twice the LUTs."""
    calibration = load_calibration(CalibrationConfig(str(_file(tmp_path))), ZCU102)
    assert calibration is not None
    trials = [
        dataclasses.replace(t, values={n: t.amount(n) for n in objectives})
        for t in _predicted(content, predictor_of(calibration, 0.0)).records.trials
    ]
    if "lut" in objectives:
        values = [{**t.values, "lut": t.predicted.value("lut")} for t in trials]
        trials = [dataclasses.replace(t, values=v) for t, v in zip(trials, values, strict=True)]
    records = StudyRecords(objectives, tuple(trials))
    fitting = [t for t in records.distinct() if t.feasible]
    limit = sorted(t.predicted.value("lut") for t in fitting)[len(fitting) // 2]
    found = select_candidate(records, Requirements(at_most={"lut": limit}))
    assert found.trial.predicted.value("lut") <= limit
    keeping = sum(t.predicted.value("lut") <= limit for t in fitting)
    assert f"{keeping:,} of them keep" in found.reasons[1]
    assert sum(t.estimate.resources.lut <= limit for t in fitting) > keeping


def test_the_report_shows_both(tmp_path: Path, content: ReportContent) -> None:
    calibration = load_calibration(CalibrationConfig(str(_file(tmp_path))), ZCU102)
    assert calibration is not None
    content, plain = _predicted(content, predictor_of(calibration, 0.0)), content
    shown = dataclasses.replace(content, calibration=calibration)
    rows = {label: (kind, cells) for label, kind, cells in pick_rows(shown)}
    assert rows["the following figures"][1][0] == "C++ kernel, predicted"
    assert rows["LUT"][0] == "predicted"
    for pick, cell in zip(content.picks, rows["LUT"][1], strict=True):
        assert cell.startswith(f"{pick.trial.predicted.value('lut'):,.0f} \N{PLUS-MINUS SIGN}")
    estimates = [f"{pick.trial.estimate.resources.lut:,}" for pick in content.picks]
    assert rows["C++ kernel: LUT"] == ("modelled", estimates)
    assert len(pick_rows(shown)) == len(pick_rows(plain)) + 6

    figure = predictions(shown)
    assert figure is not None and predictions(plain) is None
    dots = [trace for trace in figure.data if trace.error_x.array is not None]
    assert len(dots) == len(content.labels())
    trial, _ = next(iter(content.labels().values()))
    found, share = trial.predicted["lut"], 100 / content.limits["lut"]
    assert dots[0].x[0] == pytest.approx(found.value * share)
    assert dots[0].x[0] + dots[0].error_x.array[0] == pytest.approx(found.high * share)
    assert 'id="plot-predictions"' in render(shown)


@pytest.mark.parametrize(
    ("was", "settable"), [("the shipped table (0123456789ab)", False), ("none", True)]
)
def test_a_changed_calibration_is_told_what_can_be_done(was: str, settable: bool) -> None:
    """No setting brings back a table of an older release."""
    change = Change("calibration.file", was, "the shipped table (ba9876543210)", "search")
    with pytest.raises(ConfigError, match=r"Delete .*study\.journal") as caught:
        change.refuse(Path("runs/mine"))
    assert ("--set" in str(caught.value)) == settable
