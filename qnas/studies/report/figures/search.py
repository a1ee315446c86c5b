"""The plots of a search's progress."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from qnas.studies.report.columns import column_of
from qnas.studies.report.style import FRONT, INK, SHADES, new_figure
from qnas.studies.results.front import StudyRecords
from qnas.studies.results.importance import Importance


def best_error(records: StudyRecords) -> go.Figure:
    """The plot of the lowest error of a feasible candidate so far, over the evaluated trials."""
    best, xs, ys = float("inf"), [], []
    for index, trial in enumerate(records.trials):
        if trial.feasible:
            best = min(best, trial.values["error"])
        if best < float("inf"):
            xs.append(index + 1)
            ys.append(best)
    figure = new_figure(x="evaluated trials", y="lowest error so far (%)")
    figure.add_scatter(
        x=xs,
        y=ys,
        mode="lines",
        line={"color": FRONT, "shape": "hv"},
        hovertemplate="after %{x} trials: %{y:.2f} %<extra></extra>",
        meta={"role": "best error"},
    )
    figure.update_yaxes(rangemode="tozero")
    return figure


def hypervolumes(records: StudyRecords) -> go.Figure:
    """The plot of the hypervolume of the feasible trials up to each generation."""
    generations = sorted({trial.generation for trial in records.trials})
    figure = new_figure(x="generation", y="hypervolume")
    values = [records.hypervolume(generation=g) for g in generations]
    figure.add_scatter(
        x=generations,
        y=values,
        mode="lines+markers",
        line={"color": FRONT},
        hovertemplate="generation %{x}: %{y:.4f}<extra></extra>",
        meta={"role": "hypervolume"},
    )
    figure.update_xaxes(dtick=max(1, -(-len(generations) // 10)))
    figure.update_yaxes(rangemode="nonnegative")
    return figure


def gene_importance(records: StudyRecords, found: Sequence[Importance]) -> go.Figure:
    """The plot with one cell per kind of gene and objective: the share of the objective's variance
    that depends on the gene, in percent."""
    weights = {gene: max(i.share[gene] for i in found) for gene in found[0].share}
    genes = sorted(weights, key=lambda gene: weights[gene])
    shares = [[100 * i.share[gene] for i in found] for gene in genes]
    figure = new_figure(margin={"l": 52, "r": 10, "t": 52, "b": 10})
    figure.add_heatmap(
        x=[f"<b>{column_of(records, i.objective).label}</b>" for i in found],
        y=genes,
        z=shares,
        colorscale=SHADES,
        zmin=0,
        zmax=max(map(max, shares)),
        showscale=False,
        xgap=3,
        ygap=3,
        text=[["<1" if 0 < s < 1 else f"{s:.0f}" for s in row] for row in shares],
        texttemplate="%{text}",
        textfont={"size": 12},
        hovertemplate="%{y}: %{z:.1f} % of the variance of %{x}<extra></extra>",
    )
    figure.update_xaxes(side="top", showline=False, tickfont={"color": INK}, showgrid=False)
    figure.update_yaxes(showline=False, showgrid=False, ticklabelstandoff=4)
    return figure
