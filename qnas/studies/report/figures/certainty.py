"""The picture of how certain the front is: its members with their intervals."""

from __future__ import annotations

import plotly.graph_objects as go

from qnas._util.intervals import wilson_interval
from qnas.studies.report.columns import column_of
from qnas.studies.report.content import ReportContent
from qnas.studies.report.picture import Picture
from qnas.studies.report.style import FRONT, color_of, error_bars, letter_of, new_figure
from qnas.studies.search.trials import TrialRecord

FAINT_BAR = "rgba(31, 111, 178, 0.3)"


def certainty_picture(content: ReportContent) -> Picture | None:
    """The picture of `certainty`; None if the number of images is not known."""
    if not content.search_images or "error" not in content.records.objectives:
        return None
    front, across = content.records.front(), _across(content)
    predicted = any(_ends(trial, across) for trial in front)
    other = (
        f", and the 90 % interval of the calibrated {across}."
        if predicted
        else ". The other amounts are modelled, without an interval, which a calibration gives."
    )
    caption = (
        f"The {len(front):,} members of the front with the 95 % interval (Wilson) of the error on"
        f" {content.search_images:,} images of the search split{other} Members whose intervals"
        " overlap may change places on other images."
    )
    return Picture("certainty", "How certain the front is", "measured", certainty(content), caption)


def certainty(content: ReportContent, *, x: str = "") -> go.Figure:
    """The plot of error over another amount for each member of the front, with intervals."""
    records = content.records
    across = x or _across(content)
    column, front = column_of(records, across), list(records.front())
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
