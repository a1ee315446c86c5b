"""The plots of a front. The page's script updates them when a limit changes: `meta.role` of each
trace says which candidates it shows, and `customdata` has the trial numbers of its points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import plotly.graph_objects as go

from qnas._util.units import plain_number
from qnas.pareto import Box, nondominated
from qnas.studies.report.columns import Column, column_of, columns_of
from qnas.studies.report.content import ReportContent, describe
from qnas.studies.report.style import (
    FAINT,
    FRONT,
    MISFIT,
    SOFT,
    color_of,
    letter_of,
    new_figure,
    points_of,
)
from qnas.studies.search.trials import TrialRecord

MOST_POINTS = 2000  # points beside the front; of more, an even selection is drawn


def pairwise(content: ReportContent) -> list[tuple[str, go.Figure]]:
    """A scatter plot, with its title, for each pair of objectives."""
    pairs = combinations(content.records.objectives, 2)
    return [(f"{y} against {x}", pair(content, x=x, y=y)) for y, x in pairs]


def pair(content: ReportContent, *, x: str, y: str) -> go.Figure:
    """The plot of every candidate over two amounts; a line joins the members best in both."""
    records = content.records
    front = records.front()
    members = {trial.key for trial in front}
    others = [trial for trial in records.distinct() if trial.key not in members]
    across, up = column_of(records, x), column_of(records, y)
    figure = new_figure(x=across.title, y=up.title, margin={"l": 52, "r": 16, "t": 34, "b": 46})
    misfits = [trial for trial in others if not trial.feasible]
    for role, trials, marker in (
        ("does not fit", misfits, {"color": MISFIT, "size": 6, "symbol": "x-thin-open"}),
        ("candidates", [t for t in others if t.feasible], points_of(FAINT, 5)),
    ):
        shown = _thinned(trials)
        figure.add_scatter(
            **_points(shown, x=x, y=y),
            name=role,
            mode="markers",
            marker=marker,
            meta={"role": role},
        )
    steps = _staircase(front, across, up)
    figure.add_scatter(
        x=[t.amount(x) for t in steps],
        y=[t.amount(y) for t in steps],
        mode="lines",
        line={"color": FRONT, "width": 1.2, "shape": "hv"},
        hoverinfo="skip",
        showlegend=False,
        meta={"role": "steps"},
    )
    figure.add_scatter(**_front(front, 8, x=x, y=y))
    for style, trial in _pick_styles(content, 18):
        figure.add_scatter(**_points([trial], x=x, y=y), **style)
    figure.update_xaxes(**across.axis)
    figure.update_yaxes(**up.axis)
    return figure


def front_3d(content: ReportContent) -> go.Figure:
    """The plot of the front over the study's first three objectives."""
    x, y, z = names = content.records.objectives[:3]
    front = content.records.front()
    figure = new_figure(margin={"l": 0, "r": 0, "t": 30, "b": 0})
    figure.add_scatter3d(**_front(front, 4, x=x, y=y, z=z))
    for style, trial in _pick_styles(content, 11):
        figure.add_scatter3d(**_points([trial], x=x, y=y, z=z), **style)
    columns = [column_of(content.records, name) for name in names]
    axes = {
        f"{axis}axis": {
            "title": {"text": column.title},
            **column.axis,
            "gridcolor": FAINT,
            "backgroundcolor": "white",
            "tickfont": {"size": 10},
        }
        for axis, column in zip("xyz", columns, strict=True)
    }
    camera = {"eye": {"x": 1.45, "y": 1.45, "z": 0.85}, "center": {"x": 0, "y": 0, "z": -0.12}}
    figure.update_layout(scene={**axes, "camera": camera})
    return figure


def parallel(content: ReportContent) -> go.Figure:
    """The plot of each member of the front as a line over all amounts, the best values at the
    top."""
    columns = [column for column in columns_of(content.records) if column.name != "fps"]
    front = content.records.front()
    heights = _heights(front, columns)
    figure = new_figure(margin={"l": 30, "r": 30, "t": 40, "b": 64})
    lines = {"mode": "lines+markers", "connectgaps": False}
    figure.add_scatter(
        **_polyline(front, heights),
        **lines,
        name="front",
        opacity=0.45,
        line={"color": FRONT, "width": 1},
        marker={"color": FRONT, "size": 4},
        meta={"role": "front", "lines": True},
    )
    rows = {trial.key: row for trial, row in zip(front, heights, strict=True)}
    for index, (trial, names) in enumerate(content.labels().values()):
        figure.add_scatter(
            **_polyline([trial], np.array([rows[trial.key]])),
            **lines,
            name=f"{letter_of(index)} {names}",
            line={"color": color_of(index), "width": 3},
            marker={"color": color_of(index), "size": 7},
            meta={"role": "pick", "trial": trial.number, "lines": True},
        )
    _dress_parallel(figure, front, columns)
    return figure


def described(figure: go.Figure, trials: Sequence[TrialRecord]) -> go.Figure:
    """`figure` with hover texts of architecture and estimate, which the page otherwise shows."""
    texts = {trial.number: describe(trial) for trial in trials}
    for trace in figure.data:
        if trace.customdata is not None:
            trace.text = [texts.get(number) for number in trace.customdata]
            trace.hovertemplate = "%{text}<extra></extra>"
            if trace.mode == "markers+text":
                trace.hovertext, trace.text = trace.text, letters_of(trace)
                trace.hovertemplate = "%{hovertext}<extra></extra>"
    return figure


def letters_of(trace: Any) -> list[str]:
    return [trace.name.split()[0]] * len(trace.customdata)


def _dress_parallel(
    figure: go.Figure, front: Sequence[TrialRecord], columns: Sequence[Column]
) -> None:
    """Add a vertical line for each column, its best value above and its worst below."""
    for place, column in enumerate(columns):
        figure.add_vline(x=place, line={"color": FAINT, "width": 1}, layer="below")
        values = sorted(trial.amount(column.name) for trial in front)
        best, worst = values[0], values[-1]
        if column.direction == "maximize":
            best, worst = worst, best
        for height, value, anchor in ((1, best, "bottom"), (0, worst, "top")):
            figure.add_annotation(
                x=place,
                y=height,
                text=plain_number(value)
                if value < 1e4
                else f"{plain_number(value / 1e3, digits=3)}k",
                showarrow=False,
                yanchor=anchor,
                yshift=6 if height else -6,
                font={"size": 11, "color": SOFT},
            )
    figure.update_xaxes(
        tickvals=list(range(len(columns))),
        ticktext=[
            f"<b>{column.label}</b>" + (f"<br>{column.unit}" if column.unit else "")
            for column in columns
        ],
        range=[-0.3, len(columns) - 0.7],
        showgrid=False,
        showline=False,
        tickangle=0,
        ticklabelstandoff=18,
    )
    figure.update_yaxes(visible=False, range=[-0.09, 1.1])


def _heights(front: Sequence[TrialRecord], columns: Sequence[Column]) -> Any:
    """(members, columns): 1 for the best of the front, 0 for its worst."""
    signs = [-1.0 if column.direction == "maximize" else 1.0 for column in columns]
    points = np.array([[t.amount(column.name) for column in columns] for t in front]) * signs
    return 1.0 - Box.around(points).normalise(points)


def _polyline(trials: Sequence[TrialRecord], heights: Any) -> dict[str, Any]:
    """One trace of many lines, with a gap after each."""
    places = [*range(heights.shape[1]), None]
    return {
        "x": places * len(trials),
        "y": [value for row in heights for value in (*row.tolist(), None)],
        "customdata": [trial.number for trial in trials for _ in places],
        "hovertemplate": "trial %{customdata}<extra></extra>",
    }


def _pick_styles(content: ReportContent, size: int) -> list[tuple[dict[str, Any], TrialRecord]]:
    """The marker of each pick, with its letter, and its trial."""
    return [
        (
            {
                "name": f"{letter_of(index)} {names}",
                "mode": "markers+text",
                "marker": {
                    "color": color_of(index),
                    "size": size,
                    "line": {"width": 1, "color": "white"},
                },
                "text": [letter_of(index)],
                "textposition": "middle center",
                "textfont": {"color": "white", "size": 11},
                "meta": {"role": "pick", "trial": trial.number},
            },
            trial,
        )
        for index, (trial, names) in enumerate(content.labels().values())
    ]


def _points(trials: Sequence[TrialRecord], **axes: str) -> dict[str, Any]:
    shown = "".join(f"<br>{name} %{{{axis}:,.4~g}}" for axis, name in axes.items())
    return {
        **{axis: [trial.amount(name) for trial in trials] for axis, name in axes.items()},
        "customdata": [trial.number for trial in trials],
        "hovertemplate": f"trial %{{customdata}}{shown}<extra></extra>",
    }


def _front(trials: Sequence[TrialRecord], size: int, **axes: str) -> dict[str, Any]:
    """The front's markers, with the role by which the page's script finds them."""
    return {
        **_points(trials, **axes),
        "name": "front",
        "mode": "markers",
        "marker": points_of(FRONT, size),
        "meta": {"role": "front"},
    }


def _thinned(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    step = -(-len(trials) // MOST_POINTS) or 1
    return list(trials[::step])


def _staircase(front: Sequence[TrialRecord], x: Column, y: Column) -> list[TrialRecord]:
    """The members that are non-dominated in these two amounts alone, by x."""
    signs = [-1.0 if column.direction == "maximize" else 1.0 for column in (x, y)]
    points = [(signs[0] * t.amount(x.name), signs[1] * t.amount(y.name)) for t in front]
    members = [t for t, keep in zip(front, nondominated(points), strict=True) if keep]
    return sorted(members, key=lambda t: (t.amount(x.name), t.amount(y.name)))
