"""summary.json: the outcome of a run, for the tables of the command line and other programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from qnas._util.intervals import wilson_interval
from qnas._util.serialization import Value
from qnas.accel.cost.estimate import Estimate
from qnas.accel.cost.prediction import Prediction
from qnas.accel.csim.verification import Mismatch
from qnas.accel.device import Device
from qnas.studies.results.picks import MissedTarget
from qnas.studies.run.training_records import BeforeAfter


@dataclass(frozen=True, slots=True)
class AccuracyLadder(Value):
    """Top-1 accuracy on the report split, as fractions 0..1, each with its 95 % interval (Wilson).

    Attributes:
        fake_quant: Of the fake-quantized network in PyTorch, on the whole split.
        integer: Of the integer reference, on the whole split.
        hls: Of the simulated C++, on the images of the study's `verify_images`.
        images: Number of images of the split.
        simulated_images: Number of images that the C++ ran.
        fake_quant_interval: Low and high end.
        integer_interval: Low and high end.
        hls_interval: Low and high end.
        floating: Of the network in PyTorch without quantization, on the whole split; None where an
            earlier version verified.
        floating_interval: Low and high end.
        top5: Share of images whose class is among the five most likely ones of the integer
            reference, on the whole split; None where an earlier version verified.
        macro_f1: Mean F1 of the classes, of the same.
        classes: Accuracy of each class, of the same; None for a class without images.
    """

    fake_quant: float
    integer: float
    hls: float
    images: int
    simulated_images: int
    fake_quant_interval: tuple[float, float]
    integer_interval: tuple[float, float]
    hls_interval: tuple[float, float]
    floating: float | None = None
    floating_interval: tuple[float, float] | None = None
    top5: float | None = None
    macro_f1: float | None = None
    classes: tuple[float | None, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        fake_quant: float,
        integer: float,
        images: int,
        hls: float,
        simulated_images: int,
        floating: float | None = None,
        top5: float | None = None,
        macro_f1: float | None = None,
        classes: tuple[float | None, ...] = (),
    ) -> Self:
        """The ladder of these accuracies, with their intervals."""
        return cls(
            fake_quant,
            integer,
            hls,
            images,
            simulated_images,
            wilson_interval(fake_quant, images),
            wilson_interval(integer, images),
            wilson_interval(hls, simulated_images),
            floating,
            None if floating is None else wilson_interval(floating, images),
            top5,
            macro_f1,
            classes,
        )


@dataclass(frozen=True, slots=True)
class Check(Value):
    """The comparison of the C simulation with the integer reference: `mismatches` of `values`
    compared values differ."""

    images: int
    stages: int
    values: int
    mismatches: int


@dataclass(frozen=True, slots=True)
class RtlCheck(Value):
    """The simulation of the kernel's RTL in Verilator.

    Attributes:
        images: Number of simulated images.
        stages: Number of compared stages.
        values: Number of values compared with the integer reference.
        mismatches: Number of compared values that differ.
        cycles_first: Cycles of a call's first pass.
        cycles_next: Cycles of each further pass of a call.
        modelled_first: Cycles of a call's first pass, as the model of the RTL has them.
        modelled_next: Cycles of each further pass, likewise.
        fps: Images per second of a stream, from `cycles_next`.
        first_mismatch: The first value that differs.
    """

    images: int
    stages: int
    values: int
    mismatches: int
    cycles_first: int
    cycles_next: int
    modelled_first: int
    modelled_next: int
    fps: float
    first_mismatch: Mismatch | None = None


@dataclass(frozen=True, slots=True)
class TunedPick(Value):
    """The weights of a tuned pick, "tuned" or "inherited", and the accuracies of both by split."""

    weights: str
    search: BeforeAfter
    report: BeforeAfter


@dataclass(frozen=True, slots=True)
class PickSummary(Value):
    """A verified pick.

    Cycles, images per second and resources are those of `prediction`.

    Attributes:
        name: The pick's name, such as "knee".
        key: Key of the subnet and its share of the DSPs.
        w8_share: Share of the weights in 8-bit rows.
        accuracy: Accuracies on the report split.
        cycles: Cycles of each further pass of a call.
        cycles_first: Cycles of a call's first pass.
        fps: Images per second of a stream.
        clock_mhz: Clock of the plan.
        lut: Number of LUTs.
        ff: Number of flip-flops.
        dsp: Number of DSPs.
        bram18: Number of 18 Kbit block RAMs.
        uram: Number of UltraRAMs.
        verification: The C simulation.
        tuning: The fine-tuning of the pick, if there was one.
        rtl: The RTL simulation of `verify --rtl`, if there was one.
        prediction: The predicted amounts with their intervals, and whose kernel they are of.
        estimate: The cost model's figures of the C++ kernel.
        batch: Images of a pass.
    """

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
    rtl: RtlCheck | None = None  # only after `verify --rtl`
    prediction: Prediction | None = None
    estimate: Estimate | None = None
    batch: int = 1


@dataclass(frozen=True, slots=True)
class PickOrigin(Value):
    """pick.json of a pick outside any run: its study, its trial's number, and the device."""

    study: str
    trial: int
    device: Device


@dataclass(frozen=True, slots=True)
class SearchSummary(Value):
    """The outcome of the search.

    Attributes:
        trials: Number of decided trials.
        distinct: Number of distinct candidates.
        pareto: Number of members of the front.
        hypervolume: Hypervolume, in units of the first generation's range.
        seconds: Time of the search.
    """

    trials: int
    distinct: int
    pareto: int
    hypervolume: float
    seconds: float


@dataclass(frozen=True, slots=True)
class SupernetSummary(Value):
    """The outcome of the training; None for values that were not recorded.

    Attributes:
        seconds: Time of the training.
        largest_accuracy: Top-1 accuracy of the largest subnet on the report split, as a fraction.
        smallest_accuracy: Top-1 accuracy of the smallest subnet on the report split, as a fraction.
        pretrained_accuracy: Top-1 accuracy in floating point of the pretrained model that the
            training started from, as a fraction, on images of the report split.
        pretrained_images: Number of these images.
    """

    seconds: float | None
    largest_accuracy: float | None
    smallest_accuracy: float | None
    pretrained_accuracy: float | None = None
    pretrained_images: int | None = None


@dataclass(frozen=True, slots=True)
class Summary(Value):
    """The outcome of a run: its verified picks, its search and its training, and the FPS targets
    that no member of the front reaches."""

    picks: tuple[PickSummary, ...]
    study: SearchSummary
    supernet: SupernetSummary
    missed_targets: tuple[MissedTarget, ...] = ()
