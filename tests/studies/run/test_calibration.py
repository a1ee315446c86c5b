"""A study with a calibration: limits, values and the report follow the measurements."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from qnas._util.serialization import write_json
from qnas.accel.calibration.designs import MeasuredDesign, MeasuredDesigns, Setup
from qnas.accel.calibration.file import CalibrationFile
from qnas.accel.cost.estimate import Resources
from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.errors import CheckpointError, ConfigError
from qnas.objectives.base import Candidate
from qnas.objectives.hardware import ResourceObjective
from qnas.spaces import load_space
from qnas.studies.config import CalibrationConfig, load_config
from qnas.studies.report.content import ReportContent
from qnas.studies.report.device_figures import predictions
from qnas.studies.report.page import pick_rows, render
from qnas.studies.run.calibration import limits_of_estimates, load_calibration
from qnas.studies.run.feasibility import assess
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
    assert limits_of_estimates(ZCU102, config, None) == ZCU102.limits()


def test_a_plan_is_chosen_by_calibrated_limits(tmp_path: Path) -> None:
    """Measured, designs take twice the LUTs: of the largest subnet another folding is left."""
    file, arch = str(_file(tmp_path)), tuple(load_space("digits").reference_subnets())[-1]
    _, plain = best_plan(arch, ZCU102)
    used = {}
    for bound in ("value", "upper"):
        config = CalibrationConfig(file, bound)  # type: ignore[arg-type]
        calibration = load_calibration(config, ZCU102)
        limits = limits_of_estimates(ZCU102, config, calibration)
        plan, estimate = best_plan(arch, ZCU102, limits=limits)
        assert calibration is not None and limits["dsp"] <= ZCU102.limit("dsp")
        found = calibration.predict(estimate.resources)["lut"]
        assert getattr(found, {"value": "value", "upper": "high"}[bound]) <= ZCU102.limit("lut")
        objective = ResourceObjective("lut", "LUTs", calibration=calibration)
        assert objective.evaluate([Candidate(arch, plan, estimate)]) == [found.value]
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
    assert measured.reference_subnets[-1].limits["lut"] * 29 < ZCU102.limit("lut")
    toml.write_text(text + '[calibration]\nbound = "lower"\n')
    with pytest.raises(ConfigError, match="bound"):
        load_config(toml)


def test_the_report_shows_both(tmp_path: Path, content: ReportContent) -> None:
    calibration = load_calibration(CalibrationConfig(str(_file(tmp_path))), ZCU102)
    assert calibration is not None
    shown = dataclasses.replace(content, calibration=calibration)
    rows = {label: (kind, cells) for label, kind, cells in pick_rows(shown)}
    assert rows["LUT"][0] == "modelled"
    kind, cells = rows["LUT, by measurements"]
    assert kind == "calibrated" and all(" to " in cell for cell in cells)
    assert len(pick_rows(shown)) == len(pick_rows(content)) + 4

    figure = predictions(shown)
    assert figure is not None and predictions(content) is None
    dots = [trace for trace in figure.data if trace.error_x.array is not None]
    assert len(dots) == len(content.labels())
    trial, _ = next(iter(content.labels().values()))
    estimated = trial.estimate.resources.lut
    found, share = calibration.range_of("lut", estimated), 100 / content.limits["lut"]
    assert dots[0].x[0] == pytest.approx(found.value * share)
    assert dots[0].x[0] + dots[0].error_x.array[0] == pytest.approx(found.high * share)
    assert 'id="plot-predictions"' in render(shown)
