"""The plots of the picks' resources: estimated, and predicted by the calibration."""

from __future__ import annotations

import plotly.graph_objects as go

from qnas.studies.report.content import ReportContent
from qnas.studies.report.style import INK, SOFT, color_of, error_bars, letter_of, new_figure

LANE = 0.8  # share of a resource's row that the picks' bars fill


def resources(content: ReportContent) -> go.Figure:
    """The plot of each pick's resources as a share of the device's limits."""
    names = [name for name, limit in content.limits.items() if limit]
    figure = new_figure(x="% of what a plan may use", margin={"l": 60, "r": 34, "t": 34, "b": 46})
    for index, (trial, label) in enumerate(content.labels().values()):
        used = [trial.amount(name) for name in names]
        limits = [content.limits[name] for name in names]
        shares = [100 * u / limit for u, limit in zip(used, limits, strict=True)]
        figure.add_bar(
            orientation="h",
            name=f"{letter_of(index)} {label}",
            y=[name.upper() for name in names],
            x=shares,
            marker={"color": color_of(index)},
            text=[f"{share:.0f}" if share >= 0.5 else f"{share:.1f}" for share in shares],
            textposition="outside",
            textfont={"size": 11},
            cliponaxis=False,
            customdata=[f"{u:,.0f} of {limit:,}" for u, limit in zip(used, limits, strict=True)],
            hovertemplate="%{y}: %{customdata} (%{x:.1f} %)",
            meta={"role": "pick", "trial": trial.number, "bars": True},
        )
    figure.add_vline(x=100, line={"color": INK, "dash": "dash", "width": 1})
    figure.update_layout(barmode="group", bargap=0.3, legend={"traceorder": "normal"})
    figure.update_xaxes(range=[0, 108])
    figure.update_yaxes(showgrid=False, autorange="reversed")
    return figure


def predictions(content: ReportContent) -> go.Figure | None:
    """The plot of each pick's predicted resources, with 90 % intervals, beside the cost model's
    estimates of the C++; None for a study that predicts by these."""
    if content.calibration is None:
        return None
    names = [name for name, limit in content.limits.items() if limit]
    picks = list(content.labels().values())
    figure = new_figure(x="% of what a plan may use", margin={"l": 60, "r": 20, "t": 34, "b": 46})
    for index, (trial, label) in enumerate(picks):
        estimates = [getattr(trial.estimate.resources, name) for name in names]
        found = [trial.predicted[name] for name in names]
        shares = [100 / content.limits[name] for name in names]
        offset = LANE * ((index + 0.5) / len(picks) - 0.5)
        values = [f.value * share for f, share in zip(found, shares, strict=True)]
        ends = [(f.low * share, f.high * share) for f, share in zip(found, shares, strict=True)]
        meta = {"role": "pick", "trial": trial.number, "bars": True}
        lane = {"y": [place + offset for place in range(len(names))], "mode": "markers"}
        figure.add_scatter(
            **lane,
            x=[e * share for e, share in zip(estimates, shares, strict=True)],
            name="estimate",
            legendgroup="estimate",
            showlegend=index == 0,
            marker={"symbol": "line-ns-open", "size": 12, "color": SOFT},
            customdata=[f"{e:,}" for e in estimates],
            hovertemplate="%{customdata} estimated",
            meta=meta,
        )
        figure.add_scatter(
            **lane,
            x=values,
            error_x=error_bars(values, ends, color=color_of(index), thickness=1.6, width=5),
            name=f"{letter_of(index)} {label}",
            marker={"color": color_of(index), "size": 9},
            customdata=[f"{f.value:,.0f} ({f.low:,.0f} to {f.high:,.0f})" for f in found],
            hovertemplate="%{customdata}",
            meta=meta,
        )
    figure.add_vline(x=100, line={"color": INK, "dash": "dash", "width": 1})
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[name.upper() for name in names],
        range=[len(names) - 0.5, -0.5],
        showgrid=False,
    )
    return figure
