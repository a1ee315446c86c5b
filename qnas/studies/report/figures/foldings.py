"""The picture of what one network costs at each speed: its foldings over DSPs and LUTs."""

from __future__ import annotations

import plotly.graph_objects as go

from qnas.accel.folding_search.tradeoffs import FoldingFront, FoldingPoint, folding_front
from qnas.studies.report.explanation import Explanation
from qnas.studies.report.picture import Picture
from qnas.studies.report.style import FAINT, FRONT, PICKED, new_figure, points_of

MOST_POINTS = 600  # drawn in each panel beside the steps; of more, an even selection
FASTER = (
    " It fits because some of its buffers lie elsewhere than the rule of depth puts them, by which"
    " the others are priced."
)
PANELS = (("dsp", "DSPs", [0.0, 0.44]), ("lut", "LUTs", [0.56, 1.0]))


def foldings_picture(found: Explanation) -> Picture | None:
    """The picture of `foldings`; None if nothing fits the device."""
    front = folding_front(found.plan.architecture, found.device)
    if not front.points:
        return None
    caption = (
        f"{len(front.points):,} foldings of this one network that are best in FPS, DSPs and LUTs"
        f" together, of {front.fitting:,} that fit {found.device.name} ({front.legal:,} priced)."
        " A line joins those that are best in the two amounts shown; the cross is the folding of"
        " this plan." + (FASTER if found.estimate.cycles < front.points[0].estimate.cycles else "")
    )
    figure = foldings(front, chosen=FoldingPoint(found.plan.folding, found.estimate))
    title = "FPS for DSPs and LUTs"
    return Picture("foldings", title, "modelled", figure, caption, wide=True)


def foldings(front: FoldingFront, *, chosen: FoldingPoint | None = None) -> go.Figure:
    """The plot of a folding front: FPS over DSPs, and over LUTs, with `chosen` marked."""
    figure = new_figure(y="FPS", margin={"l": 56, "r": 14, "t": 14, "b": 46})
    figure.update_layout(showlegend=False)
    step = -(-len(front.points) // MOST_POINTS)
    x, y = figure.layout.xaxis.to_plotly_json(), figure.layout.yaxis.to_plotly_json()
    for index, (name, title, domain) in enumerate(PANELS, start=1):
        number = "" if index == 1 else str(index)
        axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        best = _steps(front, name)
        figure.add_scatter(
            x=[_used(point, name) for point in best],
            y=[point.estimate.fps for point in best],
            mode="lines",
            line={"color": FRONT, "width": 1.5, "shape": "hv"},
            hoverinfo="skip",
            **axes,
        )
        for color, size, points in (
            (FAINT, 5, front.points[::step]),
            (FRONT, 7, best),
        ):
            figure.add_scatter(
                x=[_used(point, name) for point in points],
                y=[point.estimate.fps for point in points],
                mode="markers",
                marker=points_of(color, size),
                customdata=[_text(point) for point in points],
                hovertemplate="%{customdata}<extra></extra>",
                **axes,
            )
        if chosen:
            figure.add_scatter(
                x=[_used(chosen, name)],
                y=[chosen.estimate.fps],
                mode="markers",
                marker={"symbol": "x", "size": 12, "color": PICKED, "line": {"width": 0}},
                customdata=[_text(chosen)],
                hovertemplate="this plan<br>%{customdata}<extra></extra>",
                **axes,
            )
        figure.update_layout(
            {
                f"xaxis{number}": {
                    **x,
                    "title": {"text": title, "standoff": 8},
                    "domain": domain,
                    "anchor": f"y{number}",
                    "rangemode": "tozero",
                    "nticks": 5,
                },
                f"yaxis{number}": {**y, "anchor": f"x{number}", "rangemode": "tozero"},
            }
        )
    figure.update_layout(yaxis2={"title": {"text": ""}, "matches": "y", "showticklabels": False})
    return figure


def _steps(front: FoldingFront, name: str) -> list[FoldingPoint]:
    """The foldings that are best in FPS and one resource, by the resource."""
    ordered = sorted(front.points, key=lambda p: (_used(p, name), p.estimate.cycles))
    best: list[FoldingPoint] = []
    for point in ordered:
        if not best or point.estimate.cycles < best[-1].estimate.cycles:
            best.append(point)
    return best


def _used(point: FoldingPoint, name: str) -> int:
    return int(getattr(point.estimate.resources, name))


def _text(point: FoldingPoint) -> str:
    f, resources = point.folding, point.estimate.resources
    return (
        f"{point.estimate.fps:,.0f} FPS, {resources.dsp:,} DSPs, {resources.lut:,} LUTs"
        f"<br>{f.tm} x {f.tt} x {f.tk} products a cycle, {f.vl} vector lanes"
    )
