"""Predicted against measured, a plot a resource, in one HTML file that needs no network."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from qnas.objectives.calibration.pairs import Floats, Pairs
from qnas.objectives.calibration.regressor import Prediction
from qnas.studies.report.style import FAINT, GRID, INK

ESTIMATE, PREDICTED, FAR = "#b08900", "#2563a8", "#d9480f"
BARS = {PREDICTED: "rgba(37, 99, 168, 0.22)", FAR: "rgba(217, 72, 15, 0.22)"}
TITLES = {"lut": "LUT", "logic_lut": "LUT as logic", "ff": "FF", "dsp": "DSP", "bram18": "BRAM18"}
COLUMNS, HEIGHT_PX = 2, 460
MOST_BARS = 1000  # designs drawn a plot: more are a random choice of so many, and the title says so


def page(pairs: Pairs, found: Prediction, *, seed: int = 0) -> str:
    """The file: every resource of `pairs` that was predicted, on logarithmic axes."""
    names = [name for name in found.resources if name in pairs.resources]
    shown = np.arange(len(pairs))
    if len(shown) > MOST_BARS:
        shown = np.sort(np.random.default_rng(seed).permutation(len(pairs))[:MOST_BARS])
    rows = -(-len(names) // COLUMNS)
    figure = make_subplots(
        rows=rows,
        cols=COLUMNS,
        subplot_titles=[TITLES[name] for name in names],
        vertical_spacing=0.26 / rows,
    )
    for index, name in enumerate(names):
        row, column = divmod(index, COLUMNS)
        for trace in _traces(pairs, found, name, shown, legend=index == 0):
            figure.add_trace(trace, row=row + 1, col=column + 1)
    _dress(figure, rows=rows, designs=len(pairs), shown=len(shown))
    html: str = figure.to_html(include_plotlyjs=True, include_mathjax=False, div_id="calibration")
    return html


def _traces(
    pairs: Pairs, found: Prediction, name: str, shown: Any, *, legend: bool
) -> list[go.Scatter]:
    index = found.resources.index(name)
    truth, raw = pairs.built([name])[shown, 0], pairs.estimates([name])[shown, 0]
    value, low, high = (x[shown, index] for x in (found.value, found.low, found.high))
    far, kernels = found.far[shown], pairs.groups[shown]
    ends = np.array([max(1.0, truth.min()), max(2.0, truth.max())])
    line = go.Scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": INK, "width": 1},
        name="as measured",
        showlegend=legend,
        hoverinfo="skip",
    )
    estimate = _points(truth, raw, kernels, "estimate", ESTIMATE, legend=legend)
    drawn = []
    for label, color, which in (("predicted", PREDICTED, ~far), ("predicted, far", FAR, far)):
        trace = _points(truth[which], value[which], kernels[which], label, color, legend=legend)
        trace.error_y = {
            "type": "data",
            "array": (high - value)[which],
            "arrayminus": (value - low)[which],
            "width": 0,
            "thickness": 0.7,
            "color": BARS[color],
        }
        drawn.append(trace)
    return [*drawn, estimate, line]  # on top of the intervals


def _points(
    x: Floats, y: Floats, kernels: Any, name: str, color: str, *, legend: bool
) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=legend,
        text=kernels,
        marker={"color": color, "size": 4, "opacity": 0.6},
        hovertemplate="%{text}: measured %{x:.0f}, " + name + " %{y:.0f}<extra></extra>",
    )


def _dress(figure: go.Figure, *, rows: int, designs: int, shown: int) -> None:
    count = f"{designs:,} designs" if shown == designs else f"{shown:,} of {designs:,} designs"
    figure.update_layout(
        template="none",
        title={
            "text": f"Predicted against measured, 90 % intervals: {count}",
            "x": 0.01,
            "y": 1 - 24 / (HEIGHT_PX * rows + 100),
        },
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        height=HEIGHT_PX * rows + 100,
        margin={"l": 60, "r": 20, "t": 120, "b": 60},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1 - 44 / (HEIGHT_PX * rows + 100),
            "yref": "container",
            "yanchor": "top",
        },
    )
    axis: dict[str, Any] = {"type": "log", "gridcolor": GRID, "linecolor": FAINT, "dtick": "D2"}
    figure.update_xaxes(**axis, title={"text": "measured"})
    figure.update_yaxes(**axis, title={"text": "estimated, predicted"})
