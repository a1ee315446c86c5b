"""The picture of what 4 bits in one matrix cost."""

from __future__ import annotations

import plotly.graph_objects as go

from qnas.space import MATRIX_KINDS
from qnas.studies.report.picture import Picture
from qnas.studies.report.style import INK, PICKED, new_figure
from qnas.studies.run.sensitivity import MatrixSensitivity, Sensitivity

COLORS = [[0.0, "#f6f1ec"], [1.0, PICKED]]
LEAST_SCALE = 2.0  # points of accuracy that the darkest shade stands for at least


def sensitivity_picture(found: Sensitivity | None) -> Picture | None:
    """The picture of `sensitivity`; None if nothing was measured."""
    if found is None or not found.matrices:
        return None
    of = found.blocks * len(MATRIX_KINDS)
    some = f" {len(found.matrices)} of {of} are measured so far; `qnas report` measures on."
    caption = (
        f"Points of accuracy that the network of {found.pick} loses when all rows of one matrix go"
        f" from 8 to 4 bits and those of all others keep 8 ({found.accuracy:.2%} right), on"
        f" {found.images:,} images of the search split, with 95 % intervals of the paired"
        " difference. Without training behind it."
    )
    caption += some if len(found.matrices) < of else ""
    figure, title = sensitivity(found), "Sensitivity by matrix"
    return Picture("sensitivity", title, "measured", figure, caption)


def sensitivity(found: Sensitivity) -> go.Figure:
    """The plot of each matrix's loss of accuracy, in points, by block and kind."""
    known = {(one.block, one.kind): one for one in found.matrices}
    cells = [[known.get((block, kind)) for kind in MATRIX_KINDS] for block in range(found.blocks)]
    losses = [[None if c is None else 100 * c.loss(found.images)[0] for c in row] for row in cells]
    largest = max(abs(loss) for row in losses for loss in row if loss is not None)
    figure = new_figure(y="block", margin={"l": 44, "r": 8, "t": 34, "b": 10})
    figure.add_heatmap(
        x=[f"<b>{kind}</b>" for kind in MATRIX_KINDS],
        y=list(range(found.blocks)),
        z=losses,
        zmin=0,
        zmax=max(LEAST_SCALE, largest),
        colorscale=COLORS,
        showscale=False,
        xgap=2,
        ygap=2,
        text=[["" if c is None else _text(c, found.images) for c in row] for row in cells],
        texttemplate="%{text}",
        textfont={"size": 11},
        customdata=[["" if c is None else _counts(c) for c in row] for row in cells],
        hovertemplate="block %{y}, %{x}: %{customdata}<extra></extra>",
    )
    figure.update_layout(showlegend=False)
    figure.update_xaxes(side="top", showgrid=False, showline=False, tickfont={"color": INK})
    figure.update_yaxes(autorange="reversed", dtick=1, showgrid=False, showline=False)
    return figure


def _text(one: MatrixSensitivity, images: int) -> str:
    loss, half = one.loss(images)
    return f"{100 * loss:.1f} \N{PLUS-MINUS SIGN} {100 * half:.1f}"


def _counts(one: MatrixSensitivity) -> str:
    return f"{one.lost} images become wrong, {one.gained} right"
