"""The picture of what fine-tuning alone does to the picks on the front."""

from __future__ import annotations

import plotly.graph_objects as go

from qnas.studies.report.columns import column_of
from qnas.studies.report.content import ReportContent
from qnas.studies.report.figures.certainty import error_interval
from qnas.studies.report.picture import Picture
from qnas.studies.report.style import FAINT, color_of, counted, letter_of, new_figure

MARGIN = {"l": 52, "r": 14, "t": 34, "b": 46}


def tuned_picture(content: ReportContent) -> Picture | None:
    """The picture of `tuned`; None before a fine-tuning."""
    if not content.tunings or not content.report_images:
        return None
    caption = (
        f"Error of {counted(len(content.tunings), 'pick')} on the {content.report_images:,} images"
        " of the report split with the weights that they inherit (open) and after training alone"
        " (filled), with 95 % intervals (Wilson); grey: the front on the search split, inherited."
    )
    title = "From inherited to tuned"
    return Picture("tuned", title, "measured", tuned(content), caption)


def tuned(content: ReportContent) -> go.Figure:
    """The plot of each tuned pick's report error before and after, over the first objective
    beside the error."""
    records = content.records
    across = next(name for name in (*records.objectives, "latency") if name != "error")
    column, front = column_of(records, across), records.front()
    figure = new_figure(x=column.title, y="error (%)", margin=MARGIN)
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
            x=[trial.amount(across)] * 2,
            y=errors,
            error_y={
                "type": "data",
                "array": [high - e for e, (_, high) in zip(errors, ends, strict=True)],
                "arrayminus": [e - low for e, (low, _) in zip(errors, ends, strict=True)],
                "thickness": 1,
                "width": 4,
            },
            name=f"{letter_of(index)} {names}",
            mode="lines+markers",
            line={"color": color_of(index), "width": 2},
            marker={"symbol": ["circle-open", "circle"], "color": color_of(index), "size": 11},
            customdata=["inherited", "tuned"],
            hovertemplate="%{customdata}: %{y:.2f} %",
            meta={"role": "pick", "trial": trial.number},
        )
    figure.update_xaxes(**column.axis)
    figure.update_yaxes(rangemode="tozero")
    return figure
