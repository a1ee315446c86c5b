"""The amounts by which candidates are plotted and filtered, and the candidates as JSON for the
page's script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

from qnas.accel.cost.prediction import AMOUNTS
from qnas.objectives.base import Direction
from qnas.objectives.registry import objective_info
from qnas.space import MATRIX_KINDS
from qnas.studies.report.content import ReportContent
from qnas.studies.report.style import color_of, letter_of
from qnas.studies.results.front import StudyRecords
from qnas.studies.results.network_size import network_size
from qnas.studies.search.trials import TrialRecord

LOG_SPAN = 15.0  # ratio of largest to smallest value from which an axis is logarithmic
FEW_DECADES = 2.3  # up to this many, ticks at 1, 2 and 5 do not overlap on a phone
ABBREVIATED = {"latency": "latency", "fps": "FPS", "energy": "energy", "error": "error"}
UNITLESS = ("LUTs", "FFs", "DSPs", "BRAM18s", "URAMs", "images/s")  # units that labels contain


@dataclass(frozen=True, slots=True)
class Column:
    """An amount of a candidate. `axis` has plotly's settings of an axis with this amount."""

    name: str
    label: str
    unit: str
    direction: Direction
    axis: dict[str, Any]

    @property
    def title(self) -> str:
        return f"{self.label} ({self.unit})" if self.unit else self.label


def columns_of(records: StudyRecords) -> tuple[Column, ...]:
    """The columns: objectives in their order, then latency, FPS, and resources that a plan uses."""
    trials = records.distinct()
    more = [
        name
        for name in AMOUNTS
        if name not in records.objectives and any(trial.amount(name) for trial in trials)
    ]
    names = (*records.objectives, *more)
    return tuple(_column(trials, name, batch=records.batch) for name in names)


def column_of(
    records: StudyRecords, name: str, shown: Sequence[TrialRecord] | None = None
) -> Column:
    """The column `name`, whose axis spans `shown` or all candidates."""
    trials = records.distinct() if shown is None else shown
    return _column(trials, name, batch=records.batch)


def _column(trials: Sequence[TrialRecord], name: str, *, batch: int) -> Column:
    info = objective_info(name)
    label = ABBREVIATED.get(name, name.upper() if name in AMOUNTS else info.name)
    unit = "" if info.unit in UNITLESS else info.unit
    if batch != 1:
        images = f" of {batch} images" if batch else ""
        unit = {"fps": f"in passes{images}", "latency": f"ms a pass{images}"}.get(name, unit)
    return Column(name, label, unit, info.direction, _axis([t.amount(name) for t in trials], name))


def _axis(values: Sequence[float], name: str) -> dict[str, Any]:
    """Settings of an axis: linear, or logarithmic with ticks at 1, 2 and 5. Around a single value
    plotly would show an interval of length 2, also below 0: it gets a tenth of itself."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    if low == high:
        around = [0.9 * low, 1.1 * low] if low else [-0.05, 1.0]
        return {"type": "linear", "autorange": False, "range": around}
    if name == "error" or low <= 0 or high / low <= LOG_SPAN:
        return {"type": "linear"}
    digits = (1, 2, 5) if log10(high / low) <= FEW_DECADES else (1,)
    decades = range(floor(log10(low)), floor(log10(high)) + 2)
    ticks = [digit * 10.0**decade for decade in decades for digit in digits]
    return {"type": "log", "tickvals": ticks, "ticktext": [_short(tick) for tick in ticks]}


def _short(tick: float) -> str:
    """Format 12,500,000 as 12.5M, as plotly does on linear axes."""
    for size, prefix in ((1e6, "M"), (1e3, "k")):
        if tick >= size:
            return f"{tick / size:g}{prefix}"
    return f"{tick:g}"


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
