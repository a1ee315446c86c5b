"""Kendall's tau with its interval, and the picture of a ranking."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from scipy import stats

RESAMPLES, SEED = 9999, 0
Floats = NDArray[np.float64]


def ranking(alone: Sequence[float], inherited: Sequence[float]) -> dict[str, float]:
    """Kendall's tau-b and its 95 % percentile bootstrap interval over subnets, drawn in pairs."""
    pairs = np.array([alone, inherited])
    drawn = np.random.default_rng(SEED).integers(len(alone), size=(RESAMPLES, len(alone)))
    # Few subnets, all the same one in a resample: it has no ranking, and is left out.
    low, high = np.nanpercentile(_taus(*pairs[:, drawn]), (2.5, 97.5))
    return {
        "kendall_tau": round(float(stats.kendalltau(alone, inherited).statistic), 4),
        "ci_low": round(float(low), 4),
        "ci_high": round(float(high), 4),
        "mean_inherited": round(float(np.mean(inherited)), 4),
    }


def _taus(a: Floats, b: Floats) -> Floats:
    """Tau-b of each row of a and b (resamples, subnets); nan where one of them is constant."""
    orders = [np.sign(x[:, :, None] - x[:, None, :]) for x in (a, b)]
    agreed = (orders[0] * orders[1]).sum(axis=(1, 2))
    possible = np.sqrt(np.prod([np.abs(order).sum(axis=(1, 2)) for order in orders], axis=0))
    return np.divide(agreed, possible, out=np.full(len(a), np.nan), where=possible > 0)


def scatter(name: str, found: dict[str, Any]) -> go.Figure:
    """Inherited over alone-trained accuracy: a point a subnet, one series a way of training."""
    points = found["points"]
    alone = [100 * p["alone"] for p in points]
    size = [f"{p['key']}: {p['kilobytes']:.1f} kB of weights" for p in points]
    figure = go.Figure()
    for series in ("inherited", *found["ablations"]):
        tau = (found["ablations"].get(series) or found)["kendall_tau"]
        figure.add_scatter(
            x=alone,
            y=[100 * p[series] for p in points],
            mode="markers",
            text=size,
            name=f"{'everything' if series == 'inherited' else series} (tau {tau:.2f})",
            marker={"size": 11 if series == "inherited" else 7},
            visible=True if series == "inherited" else "legendonly",
        )
    low, high = min(alone), max(alone)
    figure.add_scatter(
        x=[low, high], y=[low, high], mode="lines", name="equal", line={"dash": "dot"}
    )
    title = (
        f"{name}: tau {found['kendall_tau']:.2f} [{found['ci_low']:.2f}, {found['ci_high']:.2f}]"
    )
    figure.update_layout(
        title=title,
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
    figure.write_html(path, include_plotlyjs="cdn")
    try:
        figure.write_image(path.with_suffix(".png"), scale=2)
    except (ImportError, RuntimeError, ValueError) as error:
        print(f"No PNG of {path}: {str(error).splitlines()[0]}", file=sys.stderr)
