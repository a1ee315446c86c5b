"""The end of stage `verify`: summary.json, see `qnas.studies.run.outcome`."""

from __future__ import annotations

from typing import Any

from qnas._util.serialization import decode, write_json
from qnas.accel.cost.estimate import RESOURCES
from qnas.studies.results.network_size import network_size
from qnas.studies.results.picks import Pick
from qnas.studies.run.outcome import (
    AccuracyLadder,
    Check,
    PickSummary,
    RtlCheck,
    SearchSummary,
    Summary,
    SupernetSummary,
    TunedPick,
)
from qnas.studies.run.run import Run
from qnas.studies.run.training_records import tuning_of
from qnas.studies.search.loop import SECONDS
from qnas.studies.stages.kernels import missed_targets, picks
from qnas.studies.stages.verify import verifications

VERDICT = ("images", "stages", "values", "mismatches")


def summarise(run: Run) -> Summary:
    """Write summary.json and return its content."""
    records, found = run.records(), verifications(run)
    training = run.stage_facts("train")
    summary = Summary(
        picks=tuple(_pick(run, p, found[p.name]) for p in picks(run) if p.name in found),
        study=SearchSummary(
            trials=records.count,
            distinct=len(records.distinct()),
            pareto=len(records.front()),
            hypervolume=records.hypervolume(),
            seconds=run.study.user_attrs.get(SECONDS, 0.0),
        ),
        supernet=SupernetSummary(
            training.get("seconds"),
            training.get("largest_accuracy"),
            training.get("smallest_accuracy"),
            training.get("pretrained_accuracy"),
            training.get("pretrained_images"),
        ),
        missed_targets=missed_targets(run),
    )
    write_json(run.files.summary, summary)
    return summary


def _pick(run: Run, pick: Pick, found: dict[str, Any]) -> PickSummary:
    """The summary of a pick; `found` is the content of its verification.json."""
    predicted, architecture = pick.trial.predicted, pick.trial.architecture
    return PickSummary(
        name=pick.name,
        key=architecture.key,
        w8_share=network_size(architecture).w8_share,
        accuracy=decode(AccuracyLadder, found["accuracy"], subject="accuracy"),
        cycles=round(predicted.value("cycles")),
        cycles_first=round(predicted.value("cycles_first")),
        fps=predicted.value("fps"),
        clock_mhz=pick.trial.estimate.clock_mhz,
        **{name: round(predicted.value(name)) for name in RESOURCES},
        verification=Check(**{name: found[name] for name in VERDICT}),
        tuning=_tuning(run, pick),
        rtl=decode(RtlCheck, found["rtl"], subject="rtl") if found["rtl"] else None,
        prediction=predicted,
        estimate=pick.trial.estimate,
        batch=pick.trial.estimate.batch,
    )


def _tuning(run: Run, pick: Pick) -> TunedPick | None:
    """Accuracies of a tuned pick with inherited and tuned weights, by split; None if not tuned."""
    tuning = tuning_of(run, pick.trial.architecture)
    if tuning is None:
        return None
    weights = "tuned" if tuning.better else "inherited"
    return TunedPick(weights, tuning.search, tuning.report)
