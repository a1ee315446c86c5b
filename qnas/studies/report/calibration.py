"""The page of `qnas calibrate --html`: scores, and predicted against measured by resource."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from qnas.objectives.calibration.evaluation import Scores
from qnas.objectives.calibration.pairs import Floats, Pairs
from qnas.objectives.calibration.regressor import Prediction
from qnas.studies.report.html import Plots, render_template
from qnas.studies.report.style import INK, new_figure

ESTIMATE, PREDICTED, FAR = "#b08900", "#2563a8", "#d9480f"
BARS = {PREDICTED: "rgba(37, 99, 168, 0.22)", FAR: "rgba(217, 72, 15, 0.22)"}
TITLES = {"lut": "LUT", "logic_lut": "LUT as logic", "ff": "FF", "dsp": "DSP", "bram18": "BRAM18"}
SHARES = {  # of `score`'s, and how the table is headed
    "mape_raw": "error of the estimate",
    "mape": "error, calibrated",
    "coverage_90": "in the 90 % interval",
    "width_90": "width of the interval",
    "extrapolated": "extrapolated",
}
MOST_BARS = 1000  # designs drawn a plot: more are a random choice of so many, and the page says so


def page(pairs: Pairs, found: Prediction, scores: Scores, *, seed: int = 0) -> str:
    """One HTML file that needs no network: every resource of `pairs` that was predicted."""
    shown = np.arange(len(pairs))
    if len(shown) > MOST_BARS:
        shown = np.sort(np.random.default_rng(seed).permutation(len(pairs))[:MOST_BARS])
    plots = Plots()
    names = [name for name in found.resources if name in pairs.resources]
    drawn = f"{len(shown):,} designs, chosen at random, are drawn."
    return render_template(
        "calibration.html.j2",
        designs=f"{len(pairs):,}",
        titles=[*SHARES.values(), "order (Kendall's tau)"],
        rows=[(TITLES[name], _cells(scores[name])) for name in names],
        plots=[(TITLES[name], plots.html(_figure(pairs, found, name, shown))) for name in names],
        drawn=drawn if len(shown) < len(pairs) else "",
    )


def _cells(score: dict[str, float | None]) -> list[str]:
    tau = score["kendall_tau"]
    shares = [f"{score[name]:.1%}" for name in SHARES]
    return [*shares, "-" if tau is None else f"{tau:.3f}"]


def _figure(pairs: Pairs, found: Prediction, name: str, shown: Any) -> go.Figure:
    """On logarithmic axes, which zeros are not on."""
    figure = new_figure(
        x="measured", y="estimated, predicted", margin={"l": 52, "r": 14, "t": 34, "b": 46}
    )
    figure.add_traces(_traces(pairs, found, name, shown))
    axis: dict[str, Any] = {"type": "log", "dtick": 1, "exponentformat": "SI"}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure


def _traces(pairs: Pairs, found: Prediction, name: str, shown: Any) -> list[go.Scatter]:
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
        hoverinfo="skip",
    )
    estimate = _points(truth, raw, kernels, "estimate", ESTIMATE)
    drawn = []
    for label, color, which in (("predicted", PREDICTED, ~far), ("predicted, far", FAR, far)):
        trace = _points(truth[which], value[which], kernels[which], label, color)
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


def _points(x: Floats, y: Floats, kernels: Any, name: str, color: str) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        name=name,
        text=kernels,
        marker={"color": color, "size": 4, "opacity": 0.6},
        hovertemplate="%{text}: measured %{x:.0f}, " + name + " %{y:.0f}<extra></extra>",
    )
