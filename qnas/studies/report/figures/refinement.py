"""The pictures of `qnas refine`: how the front moved, and how its intervals shrank, by round."""

from __future__ import annotations

import plotly.graph_objects as go

from qnas.studies.report.columns import column_of
from qnas.studies.report.content import ReportContent
from qnas.studies.report.style import SERIES, WITH_LEGEND, Picture, color_of, new_figure
from qnas.studies.run.refinement import Round


def refinement_pictures(content: ReportContent) -> list[Picture]:
    """Both pictures; none for a study that was not refined."""
    rounds = content.rounds
    if len(rounds) < 2:
        return []
    measured = rounds[-1].kernels
    front = Picture(
        "rounds",
        "How measured kernels moved the front",
        "predicted",
        fronts(content),
        f"The front before and after each round of refine, as predicted then; {measured} kernels"
        " of it were simulated and synthesized as RTL.",
    )
    shrank = Picture(
        "widths",
        "How its intervals shrank",
        "predicted",
        widths(rounds),
        "The widest 90 % interval of the front over its value; measured amounts have none.",
    )
    return [front, shrank]


def fronts(content: ReportContent) -> go.Figure:
    """The plot of error over the next objective, a line for each round's front."""
    objectives = content.records.objectives
    across = next(name for name in objectives if name != "error")
    column = column_of(content.records, across)
    figure = new_figure(x=column.title, y="error on the search split (%)", margin=WITH_LEGEND)
    last = content.rounds[-1].number
    for one in content.rounds:
        points = sorted((p.values[across], p.values["error"]) for p in one.front)
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            name="before" if one.number == 0 else f"round {one.number}",
            mode="lines+markers",
            line={"width": 1, "shape": "hv", "color": color_of(one.number)},
            marker={"size": 5},
            opacity=1.0 if one.number in (0, last) else 0.5,
        )
    return figure.update_xaxes(**column.axis)


def widths(rounds: tuple[Round, ...]) -> go.Figure:
    """The plot of the widest interval of each amount by round, in percent of the value."""
    figure = new_figure(x="kernels measured", y="widest interval (%)", margin=WITH_LEGEND)
    for index, name in enumerate(rounds[0].widths):
        figure.add_scatter(
            x=[one.kernels for one in rounds],
            y=[100 * one.widths[name] for one in rounds],
            name=name if name == "cycles" else name.upper(),
            mode="lines+markers",
            line={"color": SERIES[index % len(SERIES)]},
        )
    return figure.update_yaxes(rangemode="tozero")
