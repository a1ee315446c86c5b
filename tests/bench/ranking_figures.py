"""The picture of a ranking."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from ranking_plan import SUPERNET


def scatter(name: str, data: dict[str, Any]) -> go.Figure:
    """Inherited over alone-trained accuracy (mean of seeds): a point a subnet, one series
    a way of training."""
    points = data["points"]
    alone = [100 * float(np.mean(p["alone"])) for p in points]
    text = [f"{p['key']}: {p['weights']} weights, {p['bits of weights']} bits" for p in points]
    figure = go.Figure()
    for series, found in {SUPERNET: data, **data["ablations"]}.items():
        main = series == SUPERNET
        figure.add_scatter(
            x=alone,
            y=[100 * p[series] for p in points],
            mode="markers",
            text=text,
            name=f"{series} (tau {found['kendall_tau']:.2f})",
            marker={"size": 11 if main else 7},
            visible=True if main else "legendonly",
        )
    low, high = min(alone), max(alone)
    figure.add_scatter(
        x=[low, high], y=[low, high], mode="lines", name="equal", line={"dash": "dot"}
    )
    interval = f"{data['ci_low']:.2f}, {data['ci_high']:.2f}"
    figure.update_layout(
        title=f"{name}: tau {data['kendall_tau']:.2f} [{interval}]",
        xaxis_title="trained alone: accuracy (%)",
        yaxis_title="inherited from the supernet: accuracy (%)",
        template="plotly_white",
        width=760,
        height=560,
    )
    return figure


def write_figure(figure: go.Figure, path: Path) -> None:
    """HTML at `path`, and a PNG beside it where kaleido and a browser are installed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(path, include_plotlyjs=True)
    try:
        figure.write_image(path.with_suffix(".png"), scale=2)
    except (ImportError, RuntimeError, ValueError) as error:
        print(f"No PNG of {path}: {str(error).splitlines()[0]}", file=sys.stderr)
