"""The plots of a report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import floor, log10
from typing import Any

import plotly.graph_objects as go

from qnas.objectives.registry import objective_info
from qnas.pareto import nondominated
from qnas.studies.front import StudyRecords
from qnas.studies.records import TrialRecord
from qnas.studies.report.content import ReportContent, axis_title, describe
from qnas.studies.report.style import (
    FAINT,
    FRONT,
    GRID,
    INK,
    MISFIT,
    PICKED,
    SERIES,
    new_figure,
    points_of,
)

LOG_SPAN = 15.0  # largest over smallest value from which an axis is logarithmic


def pairwise(content: ReportContent) -> list[tuple[str, go.Figure]]:
    """A scatter plot for each two objectives: title and figure."""
    pairs = combinations(content.records.objectives, 2)
    return [(f"{y} against {x}", _pair(content, x, y)) for y, x in pairs]


def front_3d(content: ReportContent) -> go.Figure:
    """The front over the study's first three objectives."""
    names = content.records.objectives[:3]
    front = content.records.front()
    figure = new_figure(margin={"l": 0, "r": 0, "t": 8, "b": 0})
    picked = [trial for trial, _ in content.labels().values()]
    labels = [text for _, text in content.labels().values()]
    for trials, style in (
        (front, {"name": "front", "marker": points_of(FRONT, 4), "mode": "markers"}),
        (
            picked,
            {
                "name": "picks",
                "marker": {**points_of(PICKED, 6), "symbol": "diamond"},
                "mode": "markers+text",
                "text": labels,
                "textfont": {"color": PICKED, "size": 12},
                "textposition": [
                    ("top center", "bottom center")[i % 2] for i in range(len(picked))
                ],
            },
        ),
    ):
        x, y, z = ([trial.values[name] for trial in trials] for name in names)
        figure.add_scatter3d(x=x, y=y, z=z, **_hover(trials), **style)
    axes = {
        f"{axis}axis": {
            "title": {"text": axis_title(name)},
            **_scale_of(front, name),
            "gridcolor": GRID,
            "backgroundcolor": "white",
        }
        for axis, name in zip("xyz", names, strict=True)
    }
    camera = {"eye": {"x": 1.4, "y": 1.4, "z": 0.8}, "center": {"x": 0, "y": 0, "z": -0.15}}
    figure.update_layout(scene={**axes, "camera": camera})
    return figure


def best_error(records: StudyRecords) -> go.Figure:
    """Lowest error of a feasible trial so far, over the trials."""
    best, xs, ys = float("inf"), [], []
    for index, trial in enumerate(records.trials):
        if trial.feasible:
            best = min(best, trial.values["error"])
        if best < float("inf"):
            xs.append(index)
            ys.append(best)
    figure = new_figure(x="trial", y="lowest error so far (%)")
    figure.add_scatter(x=xs, y=ys, mode="lines", line={"color": FRONT, "shape": "hv"})
    figure.update_yaxes(rangemode="tozero")
    return figure


def hypervolumes(records: StudyRecords) -> go.Figure:
    """Hypervolume of the feasible trials up to each generation."""
    generations = sorted({trial.generation for trial in records.trials})
    figure = new_figure(x="generation", y="hypervolume")
    values = [records.hypervolume(generation=g) for g in generations]
    figure.add_scatter(x=generations, y=values, mode="lines+markers", line={"color": FRONT})
    figure.update_xaxes(dtick=max(1, len(generations) // 10))
    return figure


def resources(content: ReportContent) -> go.Figure:
    """Each pick's resources as a share of what the device lets a plan use."""
    names = [name for name, limit in content.limits.items() if limit]
    figure = new_figure(y="% of the usable amount")
    for index, pick in enumerate(content.picks):
        used = [getattr(pick.trial.estimate.resources, name) for name in names]
        limits = [content.limits[name] for name in names]
        figure.add_bar(
            name=pick.name,
            x=[name.upper() for name in names],
            y=[100 * u / limit for u, limit in zip(used, limits, strict=True)],
            marker={"color": SERIES[index % len(SERIES)]},
            hovertext=[f"{u:,} of {limit:,}" for u, limit in zip(used, limits, strict=True)],
            hovertemplate="%{x}: %{hovertext} (%{y:.1f} %)",
        )
    figure.add_hline(y=100, line={"color": INK, "dash": "dash", "width": 1})
    figure.update_layout(barmode="group", showlegend=True, margin={"t": 34})
    return figure


def _pair(content: ReportContent, x: str, y: str) -> go.Figure:
    front = content.records.front()
    members = {trial.key for trial in front}
    others = [trial for trial in content.records.distinct() if trial.key not in members]
    figure = new_figure(x=axis_title(x), y=axis_title(y))

    def points(trials: Sequence[TrialRecord]) -> dict[str, Any]:
        xs, ys = ([trial.values[name] for trial in trials] for name in (x, y))
        return {"x": xs, "y": ys, **_hover(trials)}

    for name, feasible, color in (("does not fit", False, MISFIT), ("trials", True, FAINT)):
        trials = [trial for trial in others if trial.feasible == feasible]
        if trials:
            figure.add_scatter(
                **points(trials), name=name, mode="markers", marker=points_of(color, 5)
            )
    ends = _staircase(front, x, y)
    figure.add_scatter(
        x=[p[0] for p in ends],
        y=[p[1] for p in ends],
        mode="lines",
        line={"color": FRONT, "width": 1.2, "shape": "hv"},
        hoverinfo="skip",
    )
    figure.add_scatter(**points(front), name="front", mode="markers", marker=points_of(FRONT, 7))
    picked = content.labels()
    figure.add_scatter(
        **points([trial for trial, _ in picked.values()]),
        name="picks",
        mode="markers",
        marker={**points_of(PICKED, 13), "symbol": "star"},
    )
    _annotate(figure, content, x=x, y=y)
    every = [*front, *others]
    figure.update_xaxes(**_scale_of(every, x))
    figure.update_yaxes(**_scale_of(every, y))
    return figure


def _annotate(figure: go.Figure, content: ReportContent, *, x: str, y: str) -> None:
    """Name the picks: the upper half above their points, the lower half below, fanned out."""
    picked = sorted(content.labels().values(), key=lambda item: item[0].values[y])
    every = content.records.distinct()
    for index, (trial, text) in enumerate(picked):
        above = index - len(picked) // 2  # negative for the lower half
        shift = -24 - 16 * above if above >= 0 else 10 - 16 * above
        figure.add_annotation(
            x=_coordinate(every, trial, x),
            y=_coordinate(every, trial, y),
            text=text,
            ax=22,
            ay=shift,
            xanchor="left",
            font={"color": PICKED, "size": 12},
            arrowcolor=PICKED,
            arrowwidth=1,
            arrowhead=0,
            bgcolor="rgba(255,255,255,0.8)",
        )


def _coordinate(trials: Sequence[TrialRecord], trial: TrialRecord, name: str) -> float:
    """Where plotly wants an annotation: on a logarithmic axis, at the logarithm."""
    value = trial.values[name]
    return log10(value) if _scale(trials, name) == "log" else value


def _staircase(front: Sequence[TrialRecord], x: str, y: str) -> list[tuple[float, float]]:
    """The members that are not dominated in these two objectives alone, by x."""
    signs = [-1.0 if objective_info(n).direction == "maximize" else 1.0 for n in (x, y)]
    points = [(t.values[x], t.values[y]) for t in front]
    mask = nondominated([(signs[0] * px, signs[1] * py) for px, py in points])
    return sorted(point for point, keep in zip(points, mask, strict=True) if keep)


def _scale(trials: Sequence[TrialRecord], name: str) -> str:
    values = [trial.values[name] for trial in trials]
    logarithmic = name != "error" and min(values) > 0 and max(values) / min(values) > LOG_SPAN
    return "log" if logarithmic else "linear"


def _scale_of(trials: Sequence[TrialRecord], name: str) -> dict[str, Any]:
    """An axis: its scale, and on a logarithmic one ticks at 1, 2 and 5."""
    if _scale(trials, name) == "linear":
        return {"type": "linear"}
    values = [trial.values[name] for trial in trials]
    decades = range(floor(log10(min(values))), floor(log10(max(values))) + 2)
    ticks = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,.6g}" for tick in ticks]}


def _hover(trials: Sequence[TrialRecord]) -> dict[str, Any]:
    return {
        "customdata": [describe(trial) for trial in trials],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
