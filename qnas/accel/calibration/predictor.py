"""The predictor of a study: a calibration of kernels, applied to plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from qnas._util.units import cycles_to_ms, fps
from qnas.accel.calibration.calibration import Calibration, fit
from qnas.accel.calibration.kernels import (
    KERNEL_AMOUNTS,
    designs_of,
    kernel_design,
    kernel_name,
    shipped_designs,
)
from qnas.accel.cost.estimate import Estimate
from qnas.accel.cost.prediction import Backend, Prediction, Range
from qnas.accel.plan.plan import HardwarePlan

DIGITS = 3  # decimals of predicted amounts


@dataclass(frozen=True, slots=True)
class CalibratedPredictor:
    """Predicts kernels by a calibration; what was measured of a kernel is its prediction.

    Attributes:
        calibration: The calibration, of kernels.
        confidence: That with which limits shall be kept; 0: the predicted values count.
    """

    calibration: Calibration
    confidence: float = 0.0
    _measured: dict[str, dict[str, float]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        designs = self.calibration.designs
        for name, column in designs.measured.items():
            for key, value in zip(designs.names.tolist(), column.tolist(), strict=True):
                if value == value:  # not NaN
                    self._measured.setdefault(key, {})[name] = value

    @property
    def backend(self) -> Backend:
        """Whose kernel is predicted."""
        return cast(Backend, self.calibration.subject)

    def predict(self, estimate: Estimate, plans: Sequence[HardwarePlan]) -> Prediction:
        """Predict the kernel of `plans`; cycles and `estimate` are those of the first one."""
        design = kernel_design(plans, {}, backend=self.backend, estimated=estimate)
        found = self.calibration.predict(designs_of([design]))
        columns = [column[0].tolist() for column in (found.value, found.low, found.high)]
        ranges = {
            name: Range(*(round(one, DIGITS) for one in ends))
            for name, *ends in zip(found.amounts, *columns, strict=True)
        }
        measured = self._measured.get(kernel_name(plans), {})
        ranges |= {name: Range.exactly(value) for name, value in measured.items()}
        learned = self.calibration.corrections
        return Prediction(
            _with_times(ranges, estimate),
            backend=self.backend,
            predicted=tuple(
                name for name in KERNEL_AMOUNTS if name in learned and name not in measured
            ),
            measured=tuple(name for name in KERNEL_AMOUNTS if name in measured),
        )


def _with_times(ranges: dict[str, Range], estimate: Estimate) -> dict[str, Range]:
    """The ranges with latency (ms) and images per second, which follow from cycles of a pass."""
    first, cycles = ranges["cycles_first"], ranges["cycles"]
    mhz, batch = estimate.clock_mhz, estimate.batch
    firsts, nexts = (first.value, first.low, first.high), (cycles.value, cycles.high, cycles.low)
    latency = Range(*(cycles_to_ms(one, clock_mhz=mhz) for one in firsts))
    rate = Range(*(fps(max(1.0, one), clock_mhz=mhz, batch=batch) for one in nexts))
    return {**ranges, "latency": latency, "fps": rate}


def shipped_calibration() -> Calibration:
    """The calibration of the table of kernels that comes with qnas."""
    setup, designs = shipped_designs()
    return fit(designs, subject="rtl", setup=setup)
