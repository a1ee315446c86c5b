"""The pictures of one network on other hardware: foldings over DSPs and LUTs, and all boards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from qnas._util.units import in_passes
from qnas.accel.cost.estimate import Estimate
from qnas.accel.device import RESOURCES, Device, device_names, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.folding_search.tradeoffs import FoldingFront, FoldingPoint, folding_front
from qnas.architecture import Architecture
from qnas.studies.report.explanation import Explanation
from qnas.studies.report.style import FAINT, FRONT, PICKED, SHADES, Picture, new_figure, points_of

SPEEDS, SHARES = [0.0, 0.48], [0.54, 1.0]


@dataclass(frozen=True, slots=True)
class OnBoard:
    """The fastest plan of a network on a device."""

    device: Device
    estimate: Estimate

    @property
    def shares(self) -> dict[str, float | None]:
        """The share of each resource's limit that the plan uses; None where there is no limit."""
        limits, used = self.device.limits(), self.estimate.resources
        return {r: getattr(used, r) / limits[r] if limits[r] else None for r in RESOURCES}

    @property
    def fits(self) -> bool:
        limits, used = self.device.limits(), self.estimate.resources
        return all(getattr(used, r) <= limits[r] for r in RESOURCES)


def on_boards(arch: Architecture, *, batch: int = 1) -> list[OnBoard]:
    """The fastest plan of `arch` on every known board, in passes of `batch` images; the fastest
    board that it fits first."""
    boards = [load_device(name) for name in device_names()]
    found = [OnBoard(board, best_plan(arch, board, batch=batch)[1]) for board in boards]
    return sorted(found, key=lambda one: (not one.fits, -one.estimate.fps))


def boards_picture(explained: Explanation) -> Picture:
    """The picture of `boards`."""
    batch = explained.plan.folding.batch
    found = on_boards(explained.plan.architecture, batch=batch)
    fitting = sum(one.fits for one in found)
    caption = (
        f"The fastest plan of this one network for each of {len(found)} boards, at each board's"
        f" assumed clock: FPS{in_passes(batch)}, and % of what a plan may use. It fits {fitting} of"
        " them."
    )
    figure, title = boards(found), "The same network on all boards"
    return Picture("boards", title, "modelled", figure, caption, wide=True)


def boards(found: Sequence[OnBoard]) -> go.Figure:
    """The plot of FPS by board, with the shares of the board's resources beside it."""
    names = [one.device.name for one in found]
    figure = new_figure(margin={"l": 64, "r": 10, "t": 40, "b": 14})
    figure.add_bar(
        orientation="h",
        y=names,
        x=[one.estimate.fps if one.fits else 0 for one in found],
        marker={"color": FRONT},
        text=[f"{one.estimate.fps:,.0f}" if one.fits else "does not fit" for one in found],
        textposition=["auto" if one.fits else "outside" for one in found],
        cliponaxis=False,
        customdata=[f"{one.device.part}, {one.device.clock_mhz:g} MHz" for one in found],
        hovertemplate="%{y} (%{customdata}): %{x:,.0f} FPS<extra></extra>",
    )
    shares = [one.shares for one in found]
    percent = [[None if s is None else 100 * s for s in one.values()] for one in shares]
    figure.add_heatmap(
        x=[name.upper().replace("BRAM18", "BRAM") for name in RESOURCES],
        y=names,
        z=percent,
        xaxis="x2",
        yaxis="y2",
        zmin=0,
        zmax=100,
        colorscale=SHADES,
        showscale=False,
        xgap=2,
        ygap=2,
        text=[["" if s is None else f"{s:.0f}" for s in row] for row in percent],
        texttemplate="%{text}",
        textfont={"size": 11},
        hovertemplate="%{y}: %{z:.1f} % of its %{x}<extra></extra>",
    )
    x, y = figure.layout.xaxis.to_plotly_json(), figure.layout.yaxis.to_plotly_json()
    top = {**x, "side": "top", "showgrid": False, "showline": False, "tickfont": {"size": 11}}
    rows = {**y, "showline": False, "autorange": "reversed", "showgrid": False}
    figure.update_layout(
        showlegend=False,
        bargap=0.3,
        xaxis={**top, "domain": SPEEDS, "tickvals": [0], "ticktext": ["FPS"]},
        xaxis2={**top, "domain": SHARES, "anchor": "y2"},
        yaxis=rows,
        yaxis2={**rows, "anchor": "x2", "matches": "y", "showticklabels": False, "ticks": ""},
    )
    return figure


MOST_POINTS = 600  # drawn in each panel beside the steps; of more, an even selection
FASTER = (
    " It fits because some of its buffers lie elsewhere than the rule of depth puts them, by which"
    " the others are priced."
)
PANELS = (("dsp", "DSPs", [0.0, 0.44]), ("lut", "LUTs", [0.56, 1.0]))


def foldings_picture(found: Explanation) -> Picture | None:
    """The picture of `foldings`; None if nothing fits the device."""
    batch = found.plan.folding.batch
    front = folding_front(found.plan.architecture, found.device, batch=batch)
    if not front.points:
        return None
    caption = (
        f"{len(front.points):,} foldings of this one network that are best in FPS"
        f"{in_passes(batch)}, DSPs and LUTs together, of {front.fitting:,} that fit"
        f" {found.device.name} ({front.legal:,} priced)."
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
