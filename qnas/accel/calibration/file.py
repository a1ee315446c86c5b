"""Calibration files: measured designs as JSON, from which the calibration is fitted when read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qnas._util.serialization import Value, decode, read_json, write_json
from qnas.accel.calibration.calibration import Calibration, fit
from qnas.accel.calibration.designs import Columns, Designs, Setup, Subject
from qnas.accel.calibration.kernels import model_version
from qnas.errors import CheckpointError, ConfigError, problem

FORMAT: Literal[3] = 3


@dataclass(frozen=True, slots=True)
class CalibrationFile(Value):
    """The content of a calibration file.

    Attributes:
        format: The format of the file.
        subject: What the estimates are of.
        setup: The conditions of the measurements.
        model: `model_version` of the estimates of kernels; "" for other designs.
        designs: The measured designs.
    """

    format: Literal[3]
    subject: Subject
    setup: Setup
    model: str
    designs: Columns


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write the measured designs of a calibration."""
    subject = calibration.subject
    model = model_version() if subject in ("c++", "rtl") else ""
    columns = Columns.of(calibration.designs)
    write_json(path, CalibrationFile(FORMAT, subject, calibration.setup, model, columns))


def read_designs_file(path: Path) -> tuple[Subject, Setup, Designs]:
    """Read what was measured from a calibration file.

    Raises:
        CheckpointError: The file is damaged.
        ConfigError: It is of another format or of another version of the plan.
    """
    data = read_json(path)
    number = data.get("format", 1) if isinstance(data, dict) else None
    if isinstance(data, dict) and number != FORMAT:
        rule, remedy = f"must be of format {FORMAT}", "Fit it again: `qnas calibrate`."
        raise ConfigError(problem(f"{path}: format", rule, number, remedy))
    try:
        found = decode(CalibrationFile, data, subject=str(path))
    except ConfigError as error:
        raise CheckpointError(f"{error} Fit it again: `qnas calibrate`.") from None
    if found.model:
        check_model(path, found.model)
    return found.subject, found.setup, found.designs.designs().merged(str(path))


def check_model(path: Path, model: str) -> None:
    """Raise ConfigError if estimates in the file `path` are of another `model_version`."""
    if model != model_version():
        rule = f"must be of this version's plans and estimates ({model_version()})"
        remedy = "Fit it again from its reports, or measure again."
        raise ConfigError(problem(f"{path}: model", rule, model, remedy))


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file and fit it.

    Raises:
        CheckpointError: The file is damaged.
        ConfigError: It is of another format or version, or has too few measurements.
    """
    subject, setup, designs = read_designs_file(path)
    return fit(designs, subject=subject, setup=setup)
