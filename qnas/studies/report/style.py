"""What the plots of all pages have in common: colours, fonts, an empty figure."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

INK, FAINT, GRID = "#1d2733", "#b9c4d0", "#e8ecf1"
FRONT, PICKED, MISFIT = "#2563a8", "#d9480f", "#e3b5b5"
SERIES = ("#d9480f", "#2563a8", "#2b8a3e", "#862e9c", "#b08900", "#0b7285")


def points_of(color: str, size: int) -> dict[str, Any]:
    """Markers of a scatter, with a thin white rim."""
    return {"color": color, "size": size, "line": {"width": 0.5, "color": "white"}}


def new_figure(*, x: str = "", y: str = "", margin: dict[str, int] | None = None) -> go.Figure:
    """An empty plot in the pages' style; `x`, `y` title its axes. `margin` shows the legend."""
    figure = go.Figure()
    axis = {"gridcolor": GRID, "linecolor": FAINT, "zeroline": False, "automargin": True}
    figure.update_layout(
        template="none",
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        margin=margin or {"l": 52, "r": 14, "t": 14, "b": 46},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=margin is not None,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        xaxis={**axis, "title": {"text": x}},
        yaxis={**axis, "title": {"text": y}},
        hoverlabel={"align": "left", "bgcolor": "white", "font": {"color": INK}},
    )
    return figure
