"""A study's calibration: corrections of estimates, fitted to measurements of its board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qnas.accel.cost.prediction import UNCALIBRATED, Predictor
from qnas.accel.device import Device
from qnas.errors import ConfigError, problem
from qnas.studies.sections import CalibrationConfig

if TYPE_CHECKING:
    from qnas.accel.calibration.file import Calibration


def load_calibration(config: CalibrationConfig, device: Device) -> Calibration | None:
    """Load the study's calibration; None if the study names no file.

    Raises CheckpointError for a damaged file, ConfigError for measurements of another part or
    clock than the device's.
    """
    if not config.file:
        return None
    from qnas.accel.calibration.designs import same_clock
    from qnas.accel.calibration.file import read_calibration
    from qnas.accel.reports.parts import same_part

    _, found = read_calibration(Path(config.file))
    setup, clock_ns = found.setup, 1e3 / device.clock_mhz
    if not same_part(device.part, setup.part):
        rule, got = f"must be of the part of `{device.name}`, {device.part}", setup.part
    elif not same_clock(clock_ns, setup.clock_target_ns):
        rule = f"must be for the clock of `{device.name}`, {clock_ns:.3f} ns"
        got = f"{setup.clock_target_ns} ns"
    else:
        return found
    remedy = "Calibrate with reports of that board, or choose theirs."
    raise ConfigError(problem(config.file, rule, got, remedy))


def make_predictor(config: CalibrationConfig, device: Device) -> Predictor:
    """Make the study's predictor, which returns the estimate or its correction by `[calibration]`.

    Raises as `load_calibration`.
    """
    found = load_calibration(config, device)
    if found is None:
        return UNCALIBRATED
    from qnas.accel.calibration.file import Calibrated

    return Calibrated(found, upper=config.bound == "upper")
