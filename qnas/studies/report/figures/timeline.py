"""The picture of one pass in time, a Gantt chart: loader, array, drain and vector unit."""

from __future__ import annotations

import plotly.graph_objects as go

from qnas._util.units import pass_name
from qnas.accel.cost.breakdown import block_of, kind_of
from qnas.accel.cost.timeline import UNITS, Activity, Timeline, timeline
from qnas.studies.report.explanation import Explanation
from qnas.studies.report.figures.explain import color_of
from qnas.studies.report.style import INK, Picture, new_figure

MARGIN = {"l": 84, "r": 14, "t": 50, "b": 46}
WHOLE, CLOSE = [0.62, 1.0], [0.0, 0.46]  # heights of the two panels


def timeline_picture(found: Explanation) -> Picture:
    """The picture of `gantt`."""
    time, one_pass = timeline(found.plan), f"One {pass_name(found.estimate.batch)}"
    array = sum(one.cycles for one in time.activities if one.unit == "array")
    idle = ", ".join(
        f"{cycles / time.cycles:.1%} {what}"
        for what, cycles in zip(
            ("the vector unit works alone", "data are loaded", "a tile drains", "pipelines fill"),
            time.idle_array().values(),
            strict=True,
        )
    )
    caption = (
        f"{one_pass} through the C++ kernel of {found.title}, {time.cycles:,} cycles: above all of"
        f" them, below {_closer(time)[0]}. The array is at a tile in {array / time.cycles:.1%} of"
        f" the cycles, and idle in the others: {idle}. At a tile it also waits for the drain of the"
        f" one before, and tiles are not full: {found.array_use:.1%} of all its products are made."
    )
    return Picture(
        "timeline", f"{one_pass} in time", "modelled", gantt(time), caption, height="big", wide=True
    )


def gantt(time: Timeline) -> go.Figure:
    """The plot of a timeline: a bar for each activity of a unit, coloured by kind of stage, for the
    whole pass and for one of its blocks."""
    _, start, end = _closer(time)
    figure = new_figure(margin=MARGIN)
    kinds = list(dict.fromkeys(kind_of(one.stage) for one in time.activities))
    for panel, low, high in (("", 0, time.cycles), ("2", start, end)):
        for kind in kinds:
            mine = [
                one
                for one in time.activities
                if kind_of(one.stage) == kind and low <= one.start < high
            ]
            figure.add_bar(
                name=kind,
                legendgroup=kind,
                showlegend=not panel,
                orientation="h",
                xaxis=f"x{panel}",
                yaxis=f"y{panel}",
                y=[one.unit for one in mine],
                x=[one.cycles for one in mine],
                base=[one.start for one in mine],
                marker={"color": color_of(kind), "line": {"width": 0}},
                customdata=[_text(one) for one in mine],
                hovertemplate="%{customdata}<extra></extra>",
            )
    x, y = figure.layout.xaxis.to_plotly_json(), figure.layout.yaxis.to_plotly_json()
    units = {"categoryorder": "array", "categoryarray": list(UNITS)[::-1], "showgrid": False}
    cycles = {**x, "title": {"text": "cycle", "standoff": 4}, "separatethousands": True}
    figure.update_layout(
        barmode="overlay",
        bargap=0.25,
        legend={
            "font": {"size": 11},
            "traceorder": "normal",
            "entrywidth": 44,
            "xref": "container",
        },
        xaxis={**x, "range": [0, time.cycles], "anchor": "y", "separatethousands": True},
        yaxis={**y, **units, "domain": WHOLE},
        xaxis2={**cycles, "range": [start, end], "anchor": "y2"},
        yaxis2={**y, **units, "domain": CLOSE, "anchor": "x2"},
    )
    figure.add_shape(
        **{"x0": start, "x1": end, "y0": 0, "y1": 1, "xref": "x", "yref": "y domain"},
        fillcolor=INK,
        opacity=0.1,
        line_width=0,
        layer="below",
    )
    return figure


def _closer(time: Timeline) -> tuple[str, int, int]:
    """The block in the middle of the pass: its name, first cycle and end."""
    blocks = list(dict.fromkeys(block_of(one.stage) for one in time.activities))
    inner = [block for block in blocks if block.startswith("block")]
    name = inner[len(inner) // 2] if len(inner) > 1 else inner[0]
    mine = [one for one in time.activities if block_of(one.stage) == name]
    return name, mine[0].start, max(one.start + one.cycles for one in mine)


def _text(one: Activity) -> str:
    use = f"<br>at work in {one.busy:,} of them" if one.busy < one.cycles else ""
    end = one.start + one.cycles
    return f"<b>{one.stage}</b>, {one.loop}<br>cycles {one.start:,} to {end:,}: {one.cycles:,}{use}"
