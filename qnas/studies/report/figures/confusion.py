"""The picture of a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from qnas.studies.report.content import ReportContent
from qnas.studies.report.picture import Picture
from qnas.studies.report.style import INK, SHADES, new_figure

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
