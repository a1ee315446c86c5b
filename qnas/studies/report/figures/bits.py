"""The pictures of networks by block and matrix: mean bits of a weight, and what 4 bits cost."""

from __future__ import annotations

import plotly.graph_objects as go

from qnas._util.units import counted
from qnas.accel.cost.breakdown import kind_of
from qnas.architecture import Architecture
from qnas.operations import weight_matrices
from qnas.space import MATRIX_KINDS
from qnas.studies.report.content import ReportContent
from qnas.studies.report.style import INK, PICKED, SHADES, Picture, color_of, letter_of, new_figure
from qnas.studies.run.predictions import MatrixSensitivity, Sensitivity

NARROW, WIDE = 4, 8  # bits of a row's weights
GAP = 0.03  # between two picks, as a share of the figure
FEW_PICKS = 3  # up to this number, the picture takes half a row
SMALL_FROM = 12  # columns from which numbers in cells are small


def mean_bits(architecture: Architecture) -> list[list[float]]:
    """The mean bits of a weight: a list a block, with one number for each of MATRIX_KINDS.

    It counts the 8-bit rows of the network's operations, so that a share in eighths is rounded to
    whole rows as in the hardware.
    """
    rows: dict[tuple[int, str], tuple[int, int]] = {}
    for op in weight_matrices(architecture):
        block, dot, _ = op.name.removeprefix("block").partition(".")
        if dot:
            key = int(block), kind_of(op.name)
            wide, every = rows.get(key, (0, 0))
            rows[key] = wide + op.w8_rows, every + op.rows
    shares = {key: wide / every for key, (wide, every) in rows.items()}
    return [
        [NARROW + (WIDE - NARROW) * shares[block, kind] for kind in MATRIX_KINDS]
        for block in range(architecture.depth)
    ]


def bits_picture(content: ReportContent) -> Picture:
    """The picture of `bits`."""
    caption = (
        "Mean bits of a weight by block and matrix (qkv counts the three matrices for queries, keys"
        f" and values) of {counted(len(content.labels()), 'network')}: {NARROW} where every row has"
        f" {NARROW} bits, {WIDE} where every row has {WIDE}. Patch embedding and head are left out."
    )
    wide = len(content.labels()) > FEW_PICKS
    return Picture("bits", "Bits by block and matrix", "", bits(content), caption, wide=wide)


def bits(content: ReportContent) -> go.Figure:
    """The plot of `mean_bits` of every pick, a panel a pick."""
    picks = list(content.labels().values())
    width = (1 - GAP * (len(picks) - 1)) / len(picks)
    small = len(picks) * len(MATRIX_KINDS) >= SMALL_FROM
    deepest = max(trial.architecture.depth for trial, _ in picks)
    lines = 2 + max(names.count(",") for _, names in picks)  # letter and names of a heading
    margin = {"l": 44, "r": 8, "t": 16 + 16 * lines, "b": 34}
    figure = new_figure(y="block", margin=margin)
    figure.update_layout(showlegend=False)
    for index, (trial, names) in enumerate(picks):
        axis, start = f"x{index + 1}" if index else "x", index * (width + GAP)
        found = mean_bits(trial.architecture)
        figure.add_heatmap(
            x=list(MATRIX_KINDS),
            y=list(range(len(found))),
            z=found,
            xaxis=axis,
            zmin=NARROW - 0.6,  # a shade for the least, to tell a cell from the page
            zmax=WIDE,
            colorscale=SHADES,
            showscale=False,
            xgap=2,
            ygap=2,
            text=[[f"{value:.1f}".removesuffix(".0") for value in row] for row in found],
            texttemplate="%{text}",
            textfont={"size": 10 if small else 12},
            name=f"{letter_of(index)} {names}",
            hovertemplate="block %{y}, %{x}: %{z:.2f} bits a weight",
            meta={"role": "pick", "trial": trial.number},
        )
        domain = [start, min(1.0, start + width)]
        style = {"domain": domain, "showgrid": False, "showline": False, "anchor": "y"}
        figure.update_layout(
            {f"xaxis{axis[1:]}": {**style, "tickangle": -45 if small else 0, "side": "bottom"}}
        )
        figure.add_annotation(
            x=start + width / 2,
            y=1,
            xref="paper",
            yref="paper",
            text=f"<b>{letter_of(index)}</b><br>{names.replace(', ', '<br>')}",
            showarrow=False,
            xanchor="center",
            yanchor="bottom",
            font={"size": 11 if small else 12, "color": color_of(index)},
        )
    figure.update_yaxes(
        range=[deepest - 0.5, -0.5], dtick=1, tick0=0, showgrid=False, showline=False
    )
    return figure


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
