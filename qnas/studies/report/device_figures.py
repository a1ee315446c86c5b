"""The plots of what picks need of the device."""

from __future__ import annotations

import plotly.graph_objects as go

from qnas.studies.report.content import ReportContent
from qnas.studies.report.style import INK, color_of, letter_of, new_figure


def resources(content: ReportContent) -> go.Figure:
    """Each pick's resources as a share of what the device lets a plan use."""
    names = [name for name, limit in content.limits.items() if limit]
    figure = new_figure(x="% of what a plan may use", margin={"l": 60, "r": 34, "t": 34, "b": 46})
    for index, (trial, label) in enumerate(content.labels().values()):
        used = [getattr(trial.estimate.resources, name) for name in names]
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
            customdata=[f"{u:,} of {limit:,}" for u, limit in zip(used, limits, strict=True)],
            hovertemplate="%{y}: %{customdata} (%{x:.1f} %)",
            meta={"role": "pick", "trial": trial.number, "bars": True},
        )
    figure.add_vline(x=100, line={"color": INK, "dash": "dash", "width": 1})
    figure.update_layout(barmode="group", bargap=0.3, legend={"traceorder": "normal"})
    figure.update_xaxes(range=[0, 108])
    figure.update_yaxes(showgrid=False, autorange="reversed")
    return figure
