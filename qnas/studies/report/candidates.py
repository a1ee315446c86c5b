"""The candidates of a study, in the JSON form that the page's script reads."""

from __future__ import annotations

from typing import Any

from qnas.space import MATRIX_KINDS
from qnas.studies.report.columns import columns_of
from qnas.studies.report.content import ReportContent
from qnas.studies.report.style import color_of, letter_of
from qnas.studies.results.network_size import network_size
from qnas.studies.search.trials import TrialRecord


def candidates(content: ReportContent) -> dict[str, Any]:
    """Columns, limits, picks and every distinct candidate; a candidate's `values` are in the order
    of the columns, its `blocks` have heads, hidden width and eighths of 8-bit rows by matrix."""
    records, columns = content.records, columns_of(content.records)
    box, own = records.box(), records.objectives
    places = {trial.number: place for place, trial in enumerate(records.trials, start=1)}
    return {
        "file": content.study,
        "objectives": list(own),
        "axes": [own[min(1, len(own) - 1)], own[0]],  # initial horizontal and vertical axis
        "budgets": [column.name for column in columns if column.name != "fps" or "fps" in own],
        "box": {"best": box.best, "worst": box.worst},
        "generations": sorted({trial.generation for trial in records.trials}),
        "evaluated": len(records.trials),
        "columns": [
            {
                "name": column.name,
                "label": column.label,
                "unit": column.unit,
                "direction": column.direction,
                "title": column.title,
                "axis": column.axis,
            }
            for column in columns
        ],
        "limits": {name: limit for name, limit in content.limits.items() if limit},
        "matrices": list(MATRIX_KINDS),
        "picks": [
            {
                "trial": trial.number,
                "names": names,
                "letter": letter_of(index),
                "color": color_of(index),
            }
            for index, (trial, names) in enumerate(content.labels().values())
        ],
        "trials": [
            _trial(trial, [column.name for column in columns], places[trial.number])
            for trial in records.distinct()
        ],
    }


def _trial(trial: TrialRecord, names: list[str], place: int) -> dict[str, Any]:
    architecture = trial.architecture
    return {
        "number": trial.number,
        "place": place,
        "generation": trial.generation,
        "fits": trial.feasible,
        "key": architecture.key,
        "embed": architecture.embed_dim,
        "wide": round(network_size(architecture).w8_share, 4),
        "dsp_share": trial.proposal.dsp_share,
        "values": [trial.amount(name) for name in names],
        "blocks": [
            [block.num_heads, block.mlp_hidden, *(getattr(block.w8, m) for m in MATRIX_KINDS)]
            for block in architecture.blocks
        ],
    }
