"""The picture of the mean bits of a weight, by block and matrix, of all picks side by side."""

from __future__ import annotations

import plotly.graph_objects as go

from qnas._util.units import counted
from qnas.accel.cost.breakdown import kind_of
from qnas.architecture import Architecture
from qnas.operations import weight_matrices
from qnas.space import MATRIX_KINDS
from qnas.studies.report.content import ReportContent
from qnas.studies.report.picture import Picture
from qnas.studies.report.style import SHADES, color_of, letter_of, new_figure

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
