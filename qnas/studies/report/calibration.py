"""The page of `qnas calibrate --html`: scores, and predictions against measurements by resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from qnas.accel.calibration.designs import Floats
from qnas.accel.calibration.evaluation import Predicted, Scores, held
from qnas.studies.report.html import Plots, render_template
from qnas.studies.report.style import INK, new_figure

ESTIMATE, INSIDE, OUTSIDE = "#a07c00", "#1f6fb2", "#c44e00"
BARS = {INSIDE: "rgba(31, 111, 178, 0.28)", OUTSIDE: "rgba(196, 78, 0, 0.55)"}
# Colours of predictions: measured value inside or outside the interval, and extrapolated or not.
LABELS = {
    (True, False): ("predicted, in its interval", INSIDE, "circle"),
    (True, True): ("the same, extrapolated", INSIDE, "diamond"),
    (False, False): ("outside its interval", OUTSIDE, "x"),
    (False, True): ("outside, extrapolated", OUTSIDE, "diamond-x"),
}
TITLES = {"lut": "LUT", "logic_lut": "LUT as logic", "ff": "FF", "dsp": "DSP", "bram18": "BRAM18"}
UNITS = {n: {"logic_lut": "LUTs as logic"}.get(n, f"{title}s") for n, title in TITLES.items()}
SHARES = {  # keys of `score`, and the table's headings
    "mape_raw": "error of the estimate",
    "mape": "error, calibrated",
    "coverage_90": "in the 90 % interval",
    "width_90": "width of the interval",
    "extrapolated": "extrapolated",
}
MOST_BARS = 1000  # designs drawn in a plot; of more, a random sample, and the page says so
FEW = 200  # up to this number, points are drawn large
RATIOS = (0.25, 0.33, 0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4)
LEAST_RATIO, MOST_RATIO = 0.3, 4.0
SOME = 10  # the range of the ratio axis ignores designs with fewer cells
MANY_TIMES = 50  # an axis that spans a larger ratio has one tick per decade, else three


def page(predictions: Mapping[str, Predicted], scores: Scores, *, what: str, seed: int = 0) -> str:
    """Render one HTML file that needs no network, with two plots per resource: predicted against
    measured amounts, and their ratios. `what` is the kind of item: `designs` or `blocks`."""
    count = len(next(iter(predictions.values())).names)
    shown = np.arange(count)
    if count > MOST_BARS:
        shown = np.sort(np.random.default_rng(seed).permutation(count)[:MOST_BARS])
    plots = Plots()
    return render_template(
        "calibration.html.j2",
        what=what,
        count=f"{count:,}",
        titles=[*SHARES.values(), "order (Kendall's tau)"],
        rows=[(TITLES[name], _cells(scores[name])) for name in predictions],
        plots=[
            (TITLES[name], _drawn(x, UNITS[name], shown, plots), _none(x), _instead(x))
            for name, x in predictions.items()
        ],
        drawn=f"{len(shown):,} {what}, chosen at random, are drawn." if len(shown) < count else "",
    )


def _cells(score: dict[str, float | None]) -> list[str]:
    tau = score["kendall_tau"]
    shares = [f"{score[name]:.1%}" for name in SHARES]
    return [*shares, "-" if tau is None else f"{tau:.3f}"]


def _drawn(x: Predicted, unit: str, shown: Any, plots: Plots) -> list[str]:
    """The two plots as HTML; none where they would show nothing, see `_instead`."""
    if _instead(x):
        return []
    return [plots.html(figure) for figure in _figures(x, unit, shown)]


def _instead(x: Predicted) -> str:
    """What is said in place of plots: that nothing was measured, or that everything is exact."""
    if not np.any(x.measured > 0):
        return "none has any: there is nothing to draw"
    exact = np.array_equal(x.estimate, x.measured) and np.array_equal(x.value, x.measured)
    return "estimate and prediction are what was measured, in each of them" if exact else ""


def _none(x: Predicted) -> int:
    """The number of items with a measured amount of 0, which no logarithmic axis can show."""
    return int(np.sum(x.measured == 0))


def _figures(x: Predicted, unit: str, shown: Any) -> tuple[go.Figure, go.Figure]:
    """The plots of amounts, and of their ratios to measured amounts, for small deviations."""
    drawn = shown[x.measured[shown] > 0]
    margin = {"l": 52, "r": 14, "t": 54, "b": 46}
    measured = f"measured {unit}"
    amounts = new_figure(x=measured, y=f"estimated, predicted {unit}", margin=margin)
    ratios = new_figure(x=measured, y="estimated, predicted / measured", margin=margin)
    ends = np.array([1.0, 2.0])
    if len(drawn):
        ends = np.array([x.measured[drawn].min(), max(2.0, x.measured[drawn].max())])
    ones = np.ones(len(x.measured))
    amounts.add_traces([*_traces(x, drawn, ones), _line(ends, ends)])
    ratios.add_traces([*_traces(x, drawn, np.maximum(x.measured, 1)), _line(ends, ends / ends)])
    few_decades = ends[1] < MANY_TIMES * ends[0]
    axis: dict[str, Any] = {"type": "log", "dtick": "D2" if few_decades else 1}
    axis["exponentformat"] = "SI"
    for figure in (amounts, ratios):
        figure.update_xaxes(**axis)
    amounts.update_yaxes(**axis)
    ratios.update_yaxes(
        type="log",
        range=_ratio_range(x, drawn),
        tickvals=RATIOS,
        ticktext=[f"{r:g}" for r in RATIOS],
    )
    return amounts, ratios


def _ratio_range(x: Predicted, drawn: Any) -> list[float]:
    """Range of the ratio axis, as logarithms: all points (of many, all but the extreme ones), most
    intervals, and at least 10 % to either side."""
    drawn = drawn[x.measured[drawn] >= SOME]  # of three LUTs one more is a third
    if not len(drawn):
        return [float(np.log10(0.9)), float(np.log10(1.1))]
    scale = x.measured[drawn]
    points = np.concatenate([x.estimate[drawn] / scale, x.value[drawn] / scale])
    wildest = 0.01 if len(drawn) > FEW else 0.0
    low = 0.98 * min(np.quantile(points, wildest), np.quantile(x.low[drawn] / scale, 0.1))
    high = 1.02 * max(np.quantile(points, 1 - wildest), np.quantile(x.high[drawn] / scale, 0.9))
    low, high = min(0.9, low), max(1.1, high)
    return [float(np.log10(max(LEAST_RATIO, low))), float(np.log10(min(MOST_RATIO, high)))]


def _line(x: Floats, y: Floats) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": INK, "width": 1},
        name="as measured",
        hoverinfo="skip",
    )


def _traces(x: Predicted, drawn: Any, scale: Floats) -> list[go.Scatter]:
    """Traces of the predictions with their intervals, and of the estimates, divided by `scale`."""
    inside = held(x)
    found = []
    for (holds, far), (label, color, symbol) in LABELS.items():
        which = drawn[(inside[drawn] == holds) & (x.far[drawn] == far)]
        if len(which):
            found.append(_points(x, which, x.value / scale, (label, color, symbol)))
            found[-1].error_y = {
                "type": "data",
                "array": ((x.high - x.value) / scale)[which],
                "arrayminus": ((x.value - x.low) / scale)[which],
                "width": 0,
                "thickness": 1.2 if len(drawn) <= FEW else 0.7,
                "color": BARS[color],
            }
    estimate = ("estimate", ESTIMATE, "circle-open")
    return [*found, _points(x, drawn, x.estimate / scale, estimate)]


def _points(x: Predicted, which: Any, y: Floats, style: tuple[str, str, str]) -> go.Scatter:
    label, color, symbol = style
    size = 7 if len(x.names) <= FEW else 4
    amounts = np.stack([x.measured, x.estimate, x.value, x.low, x.high], axis=1)[which]
    return go.Scatter(
        x=x.measured[which],
        y=y[which],
        mode="markers",
        name=label,
        text=x.names[which],
        customdata=amounts,
        marker={"color": color, "size": size, "symbol": symbol, "opacity": 0.75},
        hovertemplate="%{text}<br>measured %{customdata[0]:,.0f}, estimated %{customdata[1]:,.0f}"
        "<br>predicted %{customdata[2]:,.0f} (%{customdata[3]:,.0f} to %{customdata[4]:,.0f})"
        f"<extra>{label}</extra>",
    )
