"""The content of a report: a study's records, its picks and their verifications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qnas._util.units import in_passes, plain_number
from qnas.accel.cost.prediction import KERNEL_OF
from qnas.studies.results.front import StudyRecords
from qnas.studies.results.picks import Pick, choose
from qnas.studies.run.training_records import Tuning
from qnas.studies.search.trials import TrialRecord

if TYPE_CHECKING:
    from qnas.accel.calibration.calibration import Calibration
    from qnas.studies.report.explanation import Explanation
    from qnas.studies.report.thumbnails import WrongImage
    from qnas.studies.run.predictions import Predictions, Sensitivity
    from qnas.studies.run.refinement import Round
    from qnas.studies.run.run import Run
    from qnas.studies.run.training_records import TrainingCurve


@dataclass(frozen=True, slots=True)
class ReportContent:
    """The content of a report.

    Attributes:
        name: Name of the run.
        device: Name of the device.
        facts: Labels and values, in order.
        records: The decided trials.
        picks: The picks.
        limits: Usable amounts of the device's resources.
        verifications: Content of verification.json by pick, for verified picks.
        tunings: Record of the fine-tuning by pick, for tuned picks.
        study: The study's argument on the command line.
        calibration: The calibration of the search, if it used one.
        report_images: Number of images of the report split.
        shown: The pick whose errors are shown; "" before a verification.
        predictions: Classes of the report split by the pick `shown`.
        wrong: Some of its wrongly classified images.
        explained: The breakdown of the plan of the first pick.
        curve: The curve of the training.
        class_names: Names of the classes, as the verification of the pick `shown` recorded them.
        provenance: Labels and values of versions and times.
        search_images: Number of images of the search split.
        rounds: The rounds of `qnas refine`.
        sensitivity: What 4 bits in one matrix cost the first pick.
    """

    name: str
    device: str
    facts: tuple[tuple[str, str], ...]
    records: StudyRecords
    picks: tuple[Pick, ...]
    limits: Mapping[str, int]
    verifications: Mapping[str, Mapping[str, Any]]
    tunings: Mapping[str, Tuning] = field(default_factory=dict)
    study: str = "STUDY.toml"
    calibration: Calibration | None = None
    report_images: int = 0
    shown: str = ""
    predictions: Predictions | None = None
    wrong: tuple[WrongImage, ...] = ()
    explained: Explanation | None = None
    curve: TrainingCurve | None = None
    sensitivity: Sensitivity | None = None
    class_names: tuple[str, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    search_images: int = 0
    rounds: tuple[Round, ...] = ()

    @property
    def kind(self) -> str:
        """What the cycles and resources of the picks are."""
        return "predicted" if self.calibration else "modelled"

    @property
    def kernel(self) -> str:
        """Whose kernel they are of."""
        return KERNEL_OF["rtl" if self.calibration and self.calibration.subject == "rtl" else "c++"]

    def name_of(self, label: int) -> str:
        """The name of a class; its number if no name is known."""
        return self.class_names[label] if label < len(self.class_names) else str(label)

    def labels(self) -> dict[str, tuple[TrialRecord, str]]:
        """Each picked trial once, with the names of all its picks."""
        found: dict[str, tuple[TrialRecord, str]] = {}
        for pick in self.picks:
            _, names = found.get(pick.trial.key, (pick.trial, ""))
            found[pick.trial.key] = (pick.trial, f"{names}, {pick.name}" if names else pick.name)
        return found


def figures_content(run: Run, records: StudyRecords) -> ReportContent:
    """The content for figures of `records` without the page; it reads no images."""
    return ReportContent(
        name=run.config.name,
        device=run.device.name,
        facts=(),
        records=records,
        picks=choose(records, run.config.fps_targets, run.config.confidence),
        limits={str(name): limit for name, limit in run.device.limits().items()},
        verifications={},
        calibration=run.calibration,
    )


def describe(trial: TrialRecord) -> str:
    """The hover text of a trial: network, objectives and estimate."""
    architecture, amount = trial.architecture, trial.predicted.value
    heads = "-".join(str(block.num_heads) for block in architecture.blocks)
    hidden = "-".join(str(block.mlp_hidden) for block in architecture.blocks)
    shares = " ".join(f"{b.w8.qkv}{b.w8.proj}{b.w8.fc1}{b.w8.fc2}" for b in architecture.blocks)
    lines = [
        f"<b>trial {trial.number}</b>  {architecture.key}",
        f"embed {architecture.embed_dim}, depth {architecture.depth}, heads {heads}",
        f"MLP {hidden}, 8-bit eighths {shares}",
        ", ".join(f"{name} {plain_number(value)}" for name, value in trial.values.items()),
        f"{amount('cycles'):,.0f} cycles, {amount('fps'):,.0f} FPS"
        f"{in_passes(trial.estimate.batch)} ({trial.predicted.title})",
        f"LUT {amount('lut'):,.0f}, FF {amount('ff'):,.0f}, DSP {amount('dsp'):,.0f}, "
        f"BRAM18 {amount('bram18'):,.0f}",
    ]
    if not trial.feasible:
        lines.append("<b>does not fit the device</b>")
    return "<br>".join(lines)
