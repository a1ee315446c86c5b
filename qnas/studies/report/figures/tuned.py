"""The picture of what fine-tuning alone does to the picks on the front."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from qnas._util.units import counted
from qnas.studies.report.columns import Column, column_of
from qnas.studies.report.content import ReportContent
from qnas.studies.report.figures.certainty import error_interval
from qnas.studies.report.picture import Picture
from qnas.studies.report.style import (
    FAINT,
    WITH_LEGEND,
    color_of,
    error_bars,
    letter_of,
    new_figure,
)

APART = 0.009  # of the axis, between a pick's middle and each of its two points


def tuned_picture(content: ReportContent) -> Picture | None:
    """The picture of `tuned`; None before a fine-tuning."""
    if not content.tunings or not content.report_images:
        return None
    caption = (
        f"Error of {counted(len(content.tunings), 'pick')} on the {content.report_images:,} images"
        " of the report split with the weights that they inherit (open) and after training alone"
        " (filled), with 95 % intervals (Wilson), side by side though their hardware is one; grey:"
        f" the front on the search split, inherited. {_kept(content)}"
    )
    title = "From inherited to tuned"
    return Picture("tuned", title, "measured", tuned(content), caption)


def tuned(content: ReportContent) -> go.Figure:
    """The plot of each tuned pick's report error before and after, over the first objective
    beside the error."""
    records = content.records
    across = next(name for name in (*records.objectives, "latency") if name != "error")
    column, front = column_of(records, across), records.front()
    figure = new_figure(x=column.title, y="error (%)", margin=WITH_LEGEND)
    figure.add_scatter(
        x=[trial.amount(across) for trial in front],
        y=[trial.values["error"] for trial in front],
        name="front",
        mode="markers",
        marker={"color": FAINT, "size": 5},
        hovertemplate="%{y:.2f} %",
    )
    for index, (trial, names) in enumerate(content.labels().values()):
        tuning = next((content.tunings[n] for n in names.split(", ") if n in content.tunings), None)
        if tuning is None:
            continue
        errors = [100 * (1 - tuning.report.inherited), 100 * (1 - tuning.report.tuned)]
        ends = [error_interval(error, content.report_images) for error in errors]
        figure.add_scatter(
            x=_beside(trial.amount(across), [t.amount(across) for t in front], column),
            y=errors,
            error_y=error_bars(errors, ends, thickness=1, width=4),
            name=f"{letter_of(index)} {names}",
            mode="lines+markers",
            line={"color": color_of(index), "width": 1, "dash": "dot"},
            marker={"symbol": ["circle-open", "circle"], "color": color_of(index), "size": 11},
            customdata=["inherited", "tuned"],
            hovertemplate="%{customdata}: %{y:.2f} %",
            meta={"role": "pick", "trial": trial.number},
        )
    figure.update_xaxes(**column.axis)
    figure.update_yaxes(rangemode="tozero")
    return figure


def _kept(content: ReportContent) -> str:
    """A sentence on the weights that the picks use."""
    better = [name for name, tuning in content.tunings.items() if tuning.better]
    if not better:
        return "On the search split none became better: the picks keep what they inherit."
    return f"Better on the search split, and so used: the tuned weights of {', '.join(better)}."


def _beside(value: float, shown: Sequence[float], column: Column) -> list[float]:
    """Two places beside `value` on the axis of `column`, which spans `shown`."""
    low, high = min(*shown, value), max(*shown, value)
    if column.axis["type"] == "log":
        apart = (high / low) ** APART
        return [value / apart, value * apart]
    apart = APART * (high - low)
    return [value - apart, value + apart]
