"""summary.json: the outcome of a run, for people's tables and other programs."""

from __future__ import annotations

from dataclasses import dataclass

from qnas._util.serialization import Value
from qnas.accel.csim.verification import Mismatch
from qnas.studies.run.tuning_record import BeforeAfter


@dataclass(frozen=True, slots=True)
class AccuracyLadder(Value):
    """Top-1 on the report split, as fractions: fake-quantized in PyTorch, of the integer
    reference, and of the simulated C++."""

    fake_quant: float
    integer: float
    hls: float


@dataclass(frozen=True, slots=True)
class Check(Value):
    """What the C simulation compared with the integer reference: `mismatches` of `values`."""

    images: int
    stages: int
    values: int
    mismatches: int


@dataclass(frozen=True, slots=True)
class RtlCheck(Value):
    """What the kernel as RTL did in Verilator: values compared with the integer reference, cycles
    of a call's first image and of each further one, and the images a second that these make."""

    images: int
    stages: int
    values: int
    mismatches: int
    cycles_first: int
    cycles_next: int
    fps: float
    first_mismatch: Mismatch | None = None


@dataclass(frozen=True, slots=True)
class TunedPick(Value):
    """Which weights a pick is made of, "tuned" or "inherited", and what tells so, by split."""

    weights: str
    search: BeforeAfter
    report: BeforeAfter


@dataclass(frozen=True, slots=True)
class PickSummary(Value):
    """A verified pick. `w8_share` is the share of its weights in 8-bit rows; cycles (of a call's
    first image, and of each further one), images a second of a stream and resources are predicted,
    by the model and the study's calibration."""

    name: str
    key: str
    w8_share: float
    accuracy: AccuracyLadder
    cycles: int
    cycles_first: int
    fps: float
    clock_mhz: float
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    verification: Check
    tuning: TunedPick | None = None
    rtl: RtlCheck | None = None  # of `verify --rtl` alone


@dataclass(frozen=True, slots=True)
class SearchSummary(Value):
    """What the search made: decided trials, distinct candidates, members of the front, the
    hypervolume in units of the first generation's range, and seconds."""

    trials: int
    distinct: int
    pareto: int
    hypervolume: float
    seconds: float


@dataclass(frozen=True, slots=True)
class SupernetSummary(Value):
    """Seconds of training, and top-1 on the report split of its largest and smallest subnet, as
    fractions; None of what was not recorded."""

    seconds: float | None
    largest_accuracy: float | None
    smallest_accuracy: float | None


@dataclass(frozen=True, slots=True)
class Summary(Value):
    """The outcome of a run: its verified picks, and what search and training came to."""

    picks: tuple[PickSummary, ...]
    study: SearchSummary
    supernet: SupernetSummary
