"""The pictures of a training: loss and accuracies by epoch."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from qnas._util.intervals import wilson_interval
from qnas.studies.report.style import FAINT, FRONT, SERIES, WITH_LEGEND, Picture, new_figure
from qnas.studies.run.training_records import AccuracyPoint, TrainingCurve

MOST_POINTS = 2000  # of the loss; of more, an even selection
QUANTIZED = "The subnets are fake-quantized."
FLOAT = (
    "Up to epoch {}, left of the line, only the largest is trained, and none is quantized; right of"
    " it all are, fake-quantized."
)
MANY_TIMES = 30  # of a larger ratio the scale is logarithmic
SUBNETS = {"largest": FRONT, "random": SERIES[1], "smallest": SERIES[0]}


def training_pictures(curve: TrainingCurve) -> list[Picture]:
    """The pictures of `loss` and `accuracy`, as far as the run recorded them."""
    found = []
    if curve.losses:
        caption = (
            f"Mean loss of the largest subnet on its batches, {len(curve.losses):,} lines of"
            " train.jsonl" + ("; the scale is logarithmic." if is_wide(curve) else ".")
        )
        found.append(Picture("loss", "Loss", "measured", loss(curve), caption, "low"))
    if curve.accuracies:
        last = curve.accuracies[-1]
        in_float = [point.epoch for point in curve.accuracies if point.phase == "float"]
        caption = (
            f"Top-1 accuracy of three subnets on {last.images:,} images of the"
            f" search split after {len(curve.accuracies)} of the epochs, with the weights as they"
            " were then; bands are 95 % intervals (Wilson). "
            + (FLOAT.format(max(in_float)) if in_float else QUANTIZED)
        )
        figure, title = accuracy(curve.accuracies), "Accuracy of subnets"
        found.append(Picture("accuracy", title, "measured", figure, caption, "low"))
    return found


def loss(curve: TrainingCurve) -> go.Figure:
    """The plot of the loss over the epochs."""
    shown = curve.losses[:: -(-len(curve.losses) // MOST_POINTS)]
    figure = new_figure(x="epoch", y="loss")
    figure.add_scatter(
        x=[epoch for epoch, _ in shown],
        y=[value for _, value in shown],
        mode="lines" if len(shown) > 1 else "markers",
        line={"color": FRONT},
        hovertemplate="epoch %{x:.4~g}: %{y:.4~g}<extra></extra>",
    )
    if is_wide(curve):
        figure.update_yaxes(type="log", dtick=1, exponentformat="none")
    else:
        figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(rangemode="tozero")
    return figure


def is_wide(curve: TrainingCurve) -> bool:
    """Whether the losses span a ratio that needs a logarithmic scale."""
    values = [value for _, value in curve.losses]
    return min(values) > 0 and max(values) > MANY_TIMES * min(values)


def accuracy(points: Sequence[AccuracyPoint]) -> go.Figure:
    """The plot of each subnet's accuracy over the epochs."""
    epochs = [point.epoch for point in points]
    figure = new_figure(x="epoch", y="accuracy (%)", margin=WITH_LEGEND)
    for name, color in SUBNETS.items():
        values = [getattr(point, name) for point in points]
        ends = [wilson_interval(v, p.images) for v, p in zip(values, points, strict=True)]
        figure.add_scatter(
            x=[*epochs, *epochs[::-1]],
            y=[*(100 * high for _, high in ends), *(100 * low for low, _ in ends[::-1])],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=color,
            opacity=0.15,
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=epochs,
            y=[100 * value for value in values],
            mode="lines+markers",
            name=name,
            line={"color": color, "width": 1.6},
            marker={"color": color, "size": 5},
            customdata=[f"{low:.2%} to {high:.2%}" for low, high in ends],
            hovertemplate="epoch %{x}: %{y:.2f} % (%{customdata})",
        )
    if in_float := [point.epoch for point in points if point.phase == "float"]:
        figure.add_vline(x=max(in_float), line={"color": FAINT, "dash": "dot", "width": 1.5})
    figure.update_xaxes(rangemode="tozero")
    return figure
