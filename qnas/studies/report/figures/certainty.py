"""The pictures of how certain errors are: the front with its intervals, and the picks before and
after they are trained alone."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from qnas._util.intervals import wilson_interval
from qnas._util.units import counted
from qnas.studies.report.columns import Column, column_of
from qnas.studies.report.content import ReportContent
from qnas.studies.report.style import (
    FAINT,
    FRONT,
    WITH_LEGEND,
    Picture,
    color_of,
    error_bars,
    letter_of,
    new_figure,
)
from qnas.studies.search.trials import TrialRecord

FAINT_BAR = "rgba(31, 111, 178, 0.3)"


def certainty_picture(content: ReportContent) -> Picture | None:
    """The picture of `certainty`; None if the number of images is not known."""
    if not content.search_images or "error" not in content.records.objectives:
        return None
    front, across = content.records.front(), _across(content)
    predicted = any(_ends(trial, across) for trial in front)
    other = (
        f", and the 90 % interval of the predicted {across}."
        if predicted
        else f". The {across} is {front[0].predicted.label(across)}, without an interval."
    )
    caption = (
        f"Front of {counted(len(front), 'member')} with the 95 % interval (Wilson) of the error on"
        f" {content.search_images:,} images of the search split{other} Members whose intervals"
        " overlap may change places on other images."
    )
    return Picture("certainty", "How certain the front is", "measured", certainty(content), caption)


def certainty(content: ReportContent, *, x: str = "") -> go.Figure:
    """The plot of error over another amount for each member of the front, with intervals."""
    records = content.records
    across = x or _across(content)
    front = list(records.front())
    column = column_of(records, across, front)
    figure = new_figure(x=column.title, y="error on the search split (%)")
    figure.add_scatter(
        **_points(content, front, across, FAINT_BAR),
        name="front",
        mode="markers",
        marker={"color": FRONT, "size": 6},
    )
    for index, (trial, names) in enumerate(content.labels().values()):
        figure.add_scatter(
            **_points(content, [trial], across, color_of(index)),
            name=f"{letter_of(index)} {names}",
            mode="markers",
            marker={"color": color_of(index), "size": 10},
        )
    figure.update_xaxes(**column.axis)
    if any(_ends(trial, across) for trial in front):  # an axis around one value would cut its bar
        figure.update_xaxes(autorange=True)
    figure.update_yaxes(rangemode="tozero")
    return figure


def _across(content: ReportContent) -> str:
    """The first objective with an interval; without one the first beside the error, or latency."""
    names = [name for name in (*content.records.objectives, "latency") if name != "error"]
    front = content.records.front()
    return next((n for n in names if any(_ends(trial, n) for trial in front)), names[0])


def _points(
    content: ReportContent, trials: list[TrialRecord], x: str, color: str
) -> dict[str, object]:
    errors = [trial.values["error"] for trial in trials]
    ends = [error_interval(error, content.search_images) for error in errors]
    amounts = [trial.amount(x) for trial in trials]
    look = {"color": color, "width": 0, "thickness": 1.4}
    found: dict[str, object] = {
        "x": amounts,
        "y": errors,
        "error_y": error_bars(errors, ends, **look),
        "customdata": [
            f"trial {trial.number}: {error:.2f} % ({low:.2f} to {high:.2f})"
            for trial, error, (low, high) in zip(trials, errors, ends, strict=True)
        ],
        "hovertemplate": f"%{{customdata}}<br>{x} %{{x:,.4~g}}<extra></extra>",
    }
    ranges = [_ends(trial, x) for trial in trials]
    if any(ranges):
        known = [r or (a, a) for r, a in zip(ranges, amounts, strict=True)]
        found["error_x"] = error_bars(amounts, known, **look)
    return found


def error_interval(error_percent: float, images: int) -> tuple[float, float]:
    """The 95 % interval of an error on `images` images; all in percent."""
    low, high = wilson_interval(error_percent / 100, images)
    return 100 * low, 100 * high


def _ends(trial: TrialRecord, name: str) -> tuple[float, float] | None:
    """The ends of a predicted amount; None if it has no interval."""
    found = trial.predicted.amounts.get(name)
    if found is None or found.low == found.high:
        return None
    return found.low, found.high


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
    front = records.front()
    column = column_of(records, across, front)
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
    low, high = column.axis.get("range", (min(*shown, value), max(*shown, value)))
    if column.axis["type"] == "log":
        apart = (high / low) ** APART
        return [value / apart, value * apart]
    apart = APART * (high - low)
    return [value - apart, value + apart]
