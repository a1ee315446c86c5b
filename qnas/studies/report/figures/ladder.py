"""The pictures of the picks' accuracy: what each step from float to C++ costs, and the confusion
matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from qnas._util.units import counted
from qnas.studies.report.content import ReportContent
from qnas.studies.report.style import (
    INK,
    SHADES,
    WITH_LEGEND,
    Picture,
    color_of,
    error_bars,
    letter_of,
    new_figure,
)

RUNGS = {  # key of the accuracy in verification.json, key of its number of images, title
    "floating": ("images", "float"),
    "fake_quant": ("images", "fake-quant."),
    "integer": ("images", "integer"),
    "hls": ("simulated_images", "C++"),
}
LANE = 0.5  # share of a rung's width that the picks fill


def ladder_picture(content: ReportContent) -> Picture | None:
    """The picture of `ladder`; None before a verification."""
    found = _ladders(content)
    if not found:
        return None
    one = next(iter(found.values()))
    caption = (
        f"Top-1 accuracy of {counted(len(found), 'pick')} on the report split with 95 % intervals"
        " (Wilson): the same weights without quantization, fake-quantized, as integers, and as the"
        f" generated C++, which ran {one['simulated_images']:,} of the {one['images']:,} images."
        " Integers and C++ are equal bit for bit."
    )
    title = "What quantization costs"
    return Picture("ladder", title, "measured", ladder(content), caption)


def ladder(content: ReportContent) -> go.Figure:
    """The plot of each verified pick's report accuracy by rung, with 95 % intervals."""
    rungs = [r for r in RUNGS if any(r in _rungs(one) for one in _ladders(content).values())]
    figure = new_figure(y="accuracy on the report split (%)", margin=WITH_LEGEND)
    places = list(content.labels().values())
    for index, (trial, names) in enumerate(places):
        found = next((a for n, a in _ladders(content).items() if n in names.split(", ")), None)
        if found is None:
            continue
        offset = LANE * ((index + 0.5) / len(places) - 0.5)
        points = list(_points(found, rungs))
        values = [100 * value for _, value, *_ in points]
        ends = [(100 * low, 100 * high) for _, _, low, high, _ in points]
        figure.add_scatter(
            x=[rungs.index(rung) + offset for rung, *_ in points],
            y=values,
            error_y=error_bars(values, ends, thickness=1.4, width=4),
            name=f"{letter_of(index)} {names}",
            mode="lines+markers",
            line={"color": color_of(index), "width": 1, "dash": "dot"},
            marker={"color": color_of(index), "size": 9},
            customdata=[
                f"{value:.2%} of {count:,} images ({low:.2%} to {high:.2%})"
                for _, value, low, high, count in points
            ],
            hovertemplate="%{customdata}",
            meta={"role": "pick", "trial": trial.number},
        )
    counts = {r: n for one in _ladders(content).values() for r, *_, n in _points(one, rungs)}
    figure.update_xaxes(
        tickvals=list(range(len(rungs))),
        ticktext=[f"{RUNGS[rung][1]}<br>n = {counts[rung]:,}" for rung in rungs],
        range=[-0.5, len(rungs) - 0.5],
        tickangle=0,
        showgrid=False,
    )
    return figure


def _ladders(content: ReportContent) -> dict[str, Mapping[str, Any]]:
    found = content.verifications
    return {pick.name: found[pick.name]["accuracy"] for pick in content.picks if pick.name in found}


def _rungs(ladder: Mapping[str, Any]) -> list[str]:
    return [rung for rung in RUNGS if ladder.get(rung) is not None]


def _points(
    ladder: Mapping[str, Any], rungs: list[str]
) -> Iterator[tuple[str, float, float, float, int]]:
    """Rung, accuracy, ends of its interval, and number of images."""
    for rung in rungs:
        if ladder.get(rung) is not None:
            low, high = ladder[f"{rung}_interval"]
            yield rung, ladder[rung], low, high, ladder[RUNGS[rung][0]]


MOST_CLASSES = 20  # drawn; of more classes, those with most errors


def confusion_picture(content: ReportContent) -> Picture | None:
    """The picture of the confusion matrix of the pick `shown`; None before a verification."""
    pick, predictions = content.shown, content.predictions
    if predictions is None:
        return None
    counts, wrong, every = predictions.confusion(), len(predictions.wrong), len(predictions.labels)
    few = f" The {MOST_CLASSES} of {len(counts):,} classes in most errors are drawn."
    caption = (
        f"The integer network of {pick} on all {every:,} images of the report split: {wrong:,} are"
        " wrong. A row is the images of a class; the diagonal is right."
        + (few if len(counts) > MOST_CLASSES else "")
    )
    figure = confusion(counts, names=content.class_names)
    return Picture("confusion", f"Confusion matrix of {pick}", "measured", figure, caption)


def confusion(counts: NDArray[np.int64], *, names: Sequence[str] = ()) -> go.Figure:
    """The plot of `counts` (classes, classes): images by class, and by predicted class in a row.

    A cell's shade is its share of the row. Of many classes those that take part in most errors are
    shown, in their order. `names` are the names of the classes; by default their numbers.
    """
    shown = shown_classes(counts)
    known = [names[c] if c < len(names) else str(c) for c in shown.tolist()]
    cells = counts[np.ix_(shown, shown)]
    sums = np.maximum(counts[shown].sum(axis=1, keepdims=True), 1)
    figure = new_figure(x="predicted class", y="class")
    figure.add_heatmap(
        x=known,
        y=known,
        z=cells / sums,
        zmin=0,
        zmax=1,
        colorscale=SHADES,
        showscale=False,
        xgap=1,
        ygap=1,
        text=[[f"{n:,}" if n else "" for n in row] for row in cells.tolist()],
        texttemplate="%{text}",
        textfont={"size": 11 if len(shown) <= 10 else 9},
        customdata=np.broadcast_to(sums, cells.shape),
        hovertemplate="%{text} of the %{customdata} images of class %{y}"
        " are taken for %{x} (%{z:.1%})<extra></extra>",
    )
    axis = {"type": "category", "showgrid": False, "showline": False, "tickfont": {"color": INK}}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis, autorange="reversed")
    return figure


def shown_classes(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """The classes that are drawn: at most MOST_CLASSES, those in most errors, in their order."""
    errors = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    return np.sort(np.argsort(-errors, kind="stable")[:MOST_CLASSES])
