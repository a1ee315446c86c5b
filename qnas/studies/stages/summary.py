"""summary.json: the outcome of a run, for people's tables and other programs."""

from __future__ import annotations

from typing import Any

from qnas._util.serialization import encode, write_json
from qnas.accel.cost.estimate import RESOURCES
from qnas.studies.results.picks import Pick, w8_share
from qnas.studies.run.run import Run
from qnas.studies.run.tuning_record import tuning_of
from qnas.studies.search.loop import SECONDS
from qnas.studies.stages.kernels import picks
from qnas.studies.stages.verify import verifications

VERDICT = ("images", "stages", "values", "mismatches")


def summarise(run: Run) -> dict[str, Any]:
    """Write and return summary.json. Accuracies are fractions of the report split."""
    records, found = run.records(), verifications(run)
    training = run.stage_facts("train")
    summary = {
        "picks": [
            _pick(pick, found[pick.name]) | _tuning(run, pick)
            for pick in picks(run)
            if pick.name in found
        ],
        "study": {
            "trials": records.count,
            "distinct": len(records.distinct()),
            "pareto": len(records.front()),
            "hypervolume": records.hypervolume(),
            "seconds": run.study.user_attrs.get(SECONDS, 0.0),
        },
        "supernet": {
            name: training.get(name)
            for name in ("seconds", "largest_accuracy", "smallest_accuracy")
        },
    }
    write_json(run.files.summary, summary)
    return summary


def _pick(pick: Pick, found: dict[str, Any]) -> dict[str, Any]:
    estimate, predicted = pick.trial.estimate, pick.trial.predicted
    architecture = pick.trial.architecture
    return {
        "name": pick.name,
        "key": architecture.key,
        "w8_share": w8_share(architecture),
        "accuracy": found["accuracy"],
        "cycles": round(predicted.value("cycles")),
        "fps": predicted.value("fps"),
        "clock_mhz": estimate.clock_mhz,
        **{name: round(predicted.value(name)) for name in RESOURCES},
        "verification": {name: found[name] for name in VERDICT},
    }


def _tuning(run: Run, pick: Pick) -> dict[str, Any]:
    """Accuracies with inherited and tuned weights by split, of a pick that was tuned."""
    tuning = tuning_of(run, pick.trial.architecture)
    if tuning is None:
        return {}
    weights = "tuned" if tuning.better else "inherited"
    splits = {"search": encode(tuning.search), "report": encode(tuning.report)}
    return {"tuning": {"weights": weights, **splits}}
