"""A study's calibration: what measured kernels make of its estimates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qnas.accel.cost.prediction import UNCALIBRATED, Predictor
from qnas.accel.device import Device
from qnas.errors import ConfigError, problem
from qnas.studies.config import Study
from qnas.studies.sections import NO_CALIBRATION, CalibrationConfig

if TYPE_CHECKING:
    from qnas.accel.calibration.calibration import Calibration
    from qnas.accel.calibration.designs import Designs, Setup, Subject

    Measured = tuple[Subject, Setup, Designs]
REPORTS = "Calibrate with reports of that board, or choose theirs."


def load_calibration(
    config: CalibrationConfig, device: Device, *, added: Measured | None = None
) -> Calibration | None:
    """Load the study's calibration; None if it predicts by estimates.

    Args:
        config: The study's table [calibration].
        device: The study's device.
        added: Kernels that the run measured itself.

    Raises:
        CheckpointError: The file is damaged.
        ConfigError: Its measurements are of another part, clock, tool or version of the plan, they
            contradict the table's, or they are of no kernels.
    """
    parts = [part for part in (_of_file(config, device), added) if part]
    rtl = all(subject == "rtl" for subject, *_ in parts)
    if config.file != NO_CALIBRATION and rtl:
        from qnas.accel.calibration.kernels import has_table, shipped_designs

        if has_table(device):
            parts = [("rtl", *shipped_designs()), *parts]
    return _fitted(parts, config.path or "refine", named=bool(config.path)) if parts else None


def _fitted(parts: Sequence[Measured], source: str, *, named: bool) -> Calibration | None:
    """The calibration of all `parts`; if they are too few, and no file is `named`, measurements of
    C++ kernels without corrections, or None."""
    from qnas.accel.calibration.calibration import Calibration, fit
    from qnas.accel.calibration.designs import MIN_DESIGNS

    subject, setup, designs = parts[0]
    for other, conditions, more in parts[1:]:
        same = (subject, setup.tool, setup.stage)
        if (other, conditions.tool, conditions.stage) != same:
            rule = f"must be of the same kernel, tool and stage as the others ({subject}, {setup})"
            remedy = 'Install that tool, or leave the others out: `[calibration] file = "none"`.'
            raise ConfigError(problem(source, rule, f"{other}, {conditions}", remedy))
        designs = designs.plus(more)
    designs = designs.merged(source)
    if len(designs) < MIN_DESIGNS and not named:
        alone = Calibration(subject, setup, designs, {}, space=None, trees=None)
        return alone if subject == "c++" else None
    return fit(designs, subject=subject, setup=setup)


def _of_file(config: CalibrationConfig, device: Device) -> Measured | None:
    """What the study's file measured; ConfigError as `load_calibration`."""
    if not config.path:
        return None
    from qnas.accel.calibration.file import read_designs_file
    from qnas.accel.calibration.projects import same_clock
    from qnas.accel.reports.measurement import same_part

    found = read_designs_file(Path(config.path))
    subject, setup, _ = found
    clock_ns = 1e3 / device.clock_mhz
    if subject not in ("c++", "rtl"):
        rule, got = "must be of kernels", f"designs of the kind `{subject}`"
        remedy = "Use it as `qnas calibrate --with FILE --evaluate CSV`."
    elif setup.part and not same_part(device.part, setup.part):
        rule, got = f"must be of the part of `{device.name}`, {device.part}", setup.part
        remedy = REPORTS
    elif setup.part and not same_clock(clock_ns, setup.clock_target_ns):
        rule = f"must be for the clock of `{device.name}`, {clock_ns:.3f} ns"
        got, remedy = f"{setup.clock_target_ns} ns", REPORTS
    else:
        return found
    raise ConfigError(problem(config.path, rule, got, remedy))


def make_predictor(config: Study, device: Device) -> Predictor:
    """Make the study's predictor, which returns estimates or what its calibration makes of them.

    Raises as `load_calibration`.
    """
    found = load_calibration(config.calibration, device)
    return predictor_of(found, config.confidence)


def predictor_of(calibration: Calibration | None, confidence: float) -> Predictor:
    """The predictor of a calibration; without one it returns estimates."""
    if calibration is None:
        return UNCALIBRATED
    from qnas.accel.calibration.predictor import CalibratedPredictor

    return CalibratedPredictor(calibration, confidence)
