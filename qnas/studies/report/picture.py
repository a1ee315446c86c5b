"""Picture: a figure with what a page says about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go


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
