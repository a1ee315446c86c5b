"""A study with a calibration: limits, values and the report follow the measurements."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from qnas._util.serialization import write_json
from qnas.accel.calibration.designs import MeasuredDesign, MeasuredDesigns, Setup
from qnas.accel.calibration.file import Calibrated, CalibrationFile
from qnas.accel.cost.estimate import Resources
from qnas.accel.cost.prediction import Prediction
from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.errors import CheckpointError, ConfigError
from qnas.objectives.base import Candidate
from qnas.objectives.hardware import ResourceObjective
from qnas.spaces import load_space
from qnas.studies.config import CalibrationConfig, load_config
from qnas.studies.report.content import ReportContent
from qnas.studies.report.figures.device import predictions
from qnas.studies.report.page import pick_rows, render
from qnas.studies.results.front import StudyRecords
from qnas.studies.results.selection import Requirements, select_candidate
from qnas.studies.run.calibration import load_calibration, make_predictor
from qnas.studies.run.feasibility import assess
from qnas.studies.search.evaluation import constraints
from qnas.studies.search.trials import TrialRecord
from tests.accel.designs import tiny
from tests.studies.report.test_report import content as _content

ZCU102 = load_device("zcu102")
SETUP = Setup("Vitis HLS", "hls", ZCU102.part, 1e3 / ZCU102.clock_mhz)
content = _content  # the fixture


def _file(folder: Path, *, lut: float = 2.0, setup: Setup = SETUP) -> Path:
    """Eight designs of about `lut` times the estimated LUTs; all else as estimated."""
    designs = []
    for i in range(8):
        estimated = Resources(lut=10_000 * (i + 1), ff=9_000, dsp=90, bram18=30)
        noise = 1 + 0.02 * (i % 3 - 1)
        measured = dataclasses.replace(estimated, lut=round(lut * noise * estimated.lut))
        designs.append(MeasuredDesign(f"{i}", f"r{i}", estimated, measured, None))
    write_json(folder / "board.json", CalibrationFile(MeasuredDesigns(setup, tuple(designs))))
    return folder / "board.json"


def test_without_a_file_all_is_the_devices() -> None:
    config = CalibrationConfig()
    assert load_calibration(config, ZCU102) is None
    predictor, (_, estimate) = make_predictor(config, ZCU102), best_plan(tiny(), ZCU102)
    assert predictor.estimate_limits({"lut": 7}) == {"lut": 7}
    assert predictor.predict(estimate) == Prediction.of(estimate)


def test_a_plan_is_chosen_by_calibrated_limits(tmp_path: Path) -> None:
    """Measured, designs take twice the LUTs: of the largest subnet another folding is left."""
    file, arch = str(_file(tmp_path)), tuple(load_space("digits").reference_subnets())[-1]
    _, plain = best_plan(arch, ZCU102)
    used = {}
    for bound in ("value", "upper"):
        config = CalibrationConfig(file, bound)  # type: ignore[arg-type]
        predictor = make_predictor(config, ZCU102)
        device = {str(name): limit for name, limit in ZCU102.limits().items()}
        limits = predictor.estimate_limits(device)
        plan, estimate = best_plan(arch, ZCU102, predictor=predictor)
        assert limits["dsp"] <= ZCU102.limit("dsp")
        predicted = predictor.predict(estimate)
        found = predicted["lut"]
        assert getattr(found, {"value": "value", "upper": "high"}[bound]) <= ZCU102.limit("lut")
        assert max(constraints(predicted, device, predictor=predictor).values()) <= 0
        candidate = Candidate(arch, plan, estimate, predicted)
        assert ResourceObjective("lut", "LUTs").evaluate([candidate]) == [found.value]
        used[bound] = limits["lut"]
    assert used["upper"] < used["value"] < 0.52 * ZCU102.limit("lut")
    assert plain.resources.lut <= ZCU102.limit("lut")


def test_measurements_of_another_board_are_refused(tmp_path: Path) -> None:
    for change, what in (
        ({"part": "xc7z020clg484-1"}, "must be of the part"),
        ({"clock_target_ns": 3.0}, "must be for the clock"),
    ):
        setup = dataclasses.replace(SETUP, **change)  # type: ignore[arg-type]
        config = CalibrationConfig(str(_file(tmp_path, setup=setup)))
        with pytest.raises(ConfigError, match=what):
            load_calibration(config, ZCU102)
    (tmp_path / "board.json").write_text("{")
    with pytest.raises(CheckpointError):
        load_calibration(CalibrationConfig(str(tmp_path / "board.json")), ZCU102)


def test_a_study_names_its_file_beside_itself(tmp_path: Path) -> None:
    toml = tmp_path / "s.toml"
    text = 'name = "s"\nspace = "digits"\ndata = "digits"\ndevice = "zcu102"\n'
    toml.write_text(text + '[calibration]\nfile = "board.json"\nbound = "upper"\n')
    with pytest.raises(ConfigError, match=r"calibration\.file"):
        load_config(toml)
    file = _file(tmp_path, lut=30.0)
    config = load_config(toml)
    assert config.calibration == CalibrationConfig(str(file), "upper")
    plain, measured = (
        assess(c) for c in (dataclasses.replace(config, calibration=CalibrationConfig()), config)
    )
    assert plain.reference_subnets[-1].fits
    for subnet in (s for s in measured.reference_subnets if s.estimate):
        assert subnet.used("lut") > 20 * subnet.estimate.resources.lut  # type: ignore[union-attr]
    toml.write_text(text + '[calibration]\nbound = "lower"\n')
    with pytest.raises(ConfigError, match="bound"):
        load_config(toml)


def _predicted(content: ReportContent, predictor: Calibrated) -> ReportContent:
    """`content` as a study that predicts by measurements has it."""

    def of(trial: TrialRecord) -> TrialRecord:
        return dataclasses.replace(trial, predicted=predictor.predict(trial.estimate))

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
        for t in _predicted(content, Calibrated(calibration)).records.trials
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
    content, plain = _predicted(content, Calibrated(calibration)), content
    shown = dataclasses.replace(content, calibration=calibration)
    rows = {label: (kind, cells) for label, kind, cells in pick_rows(shown)}
    assert rows["LUT"][0] == "calibrated"
    for pick, cell in zip(content.picks, rows["LUT"][1], strict=True):
        assert cell.startswith(f"{pick.trial.predicted.value('lut'):,.0f} / ")
    kind, cells = rows["LUT, estimate (interval)"]
    assert kind == "modelled" and all(" to " in cell for cell in cells)
    assert len(pick_rows(shown)) == len(pick_rows(plain)) + 4

    figure = predictions(shown)
    assert figure is not None and predictions(plain) is None
    dots = [trace for trace in figure.data if trace.error_x.array is not None]
    assert len(dots) == len(content.labels())
    trial, _ = next(iter(content.labels().values()))
    estimated = trial.estimate.resources.lut
    found, share = calibration.range_of("lut", estimated), 100 / content.limits["lut"]
    assert dots[0].x[0] == pytest.approx(found.value * share)
    assert dots[0].x[0] + dots[0].error_x.array[0] == pytest.approx(found.high * share)
    assert 'id="plot-predictions"' in render(shown)
