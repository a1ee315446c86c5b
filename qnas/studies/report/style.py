"""The common style of the plots of all pages: colours, fonts, an empty figure.

People with red-green colour blindness can distinguish the colours (after Okabe and Ito 2008, "Color
universal design", darkened so that white letters are legible on them); no meaning depends on colour
alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

INK, SOFT, FAINT, GRID = "#1b2430", "#5a6675", "#b4bfcb", "#e8ecf1"
FRONT, PICKED, MISFIT = "#1f6fb2", "#c44e00", "#d9b8ae"
SERIES = ("#c44e00", "#007a5c", "#a8467f", "#8a6a00", "#4a4e9e", "#5f6b7a")
SHADES = [[0.0, "#ffffff"], [0.5, "#a9cbe8"], [1.0, FRONT]]
WITH_LEGEND = {"l": 52, "r": 14, "t": 34, "b": 46}  # a margin with room for a line of names
DASH = "\N{EM DASH}"  # in place of a number that is not known
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


def color_of(index: int) -> str:
    """The colour of a pick or a study, the same in every figure of a page."""
    return SERIES[index % len(SERIES)]


def letter_of(index: int) -> str:
    """The letter in a pick's marker: A, B, ... Z, A1, B1, ..."""
    turn, place = divmod(index, 26)
    return chr(ord("A") + place) + (str(turn) if turn else "")


def points_of(color: str, size: int) -> dict[str, Any]:
    """Scatter markers with a thin white rim."""
    return {"color": color, "size": size, "line": {"width": 0.5, "color": "white"}}


def error_bars(
    values: Sequence[float], ends: Sequence[tuple[float, float]], **look: Any
) -> dict[str, Any]:
    """Bars from the low to the high end of each value's interval, for `error_x` or `error_y`;
    `look` has further settings of plotly's."""
    return {
        "type": "data",
        "array": [high - value for value, (_, high) in zip(values, ends, strict=True)],
        "arrayminus": [value - low for value, (low, _) in zip(values, ends, strict=True)],
        **look,
    }


def new_figure(*, x: str = "", y: str = "", margin: dict[str, int] | None = None) -> go.Figure:
    """Make an empty plot in the pages' style; `x` and `y` are the axis titles, and `margin` leaves
    room for a legend, which is then shown."""
    figure = go.Figure()
    axis = {"gridcolor": GRID, "linecolor": FAINT, "zeroline": False, "automargin": True}
    figure.update_layout(
        template="none",
        font={"family": FONT, "size": 12, "color": INK},
        margin=margin or {"l": 52, "r": 14, "t": 14, "b": 46},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=margin is not None,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        xaxis={**axis, "title": {"text": x, "standoff": 8}},
        yaxis={**axis, "title": {"text": y, "standoff": 8}},
        hoverlabel={"align": "left", "bgcolor": "white", "font": {"color": INK}},
    )
    return figure


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of a page.

    Attributes:
        name: Name of its element (`plot-NAME`) and of its PNG file.
        title: Heading.
        kind: Kind of its numbers, as "measured"; "" for none.
        figure: The plot.
        caption: What is seen, and of how many.
        height: Class of the plot's height in the page's style.
        wide: Whether it takes a whole row of the page.
    """

    name: str
    title: str
    kind: str
    figure: go.Figure
    caption: str
    height: Literal["low", "plot", "big"] = "plot"
    wide: bool = False
