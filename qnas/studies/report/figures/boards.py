"""The picture of the same network on all boards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from qnas.accel.cost.estimate import Estimate
from qnas.accel.device import RESOURCES, Device, device_names, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.architecture import Architecture
from qnas.studies.report.explanation import Explanation
from qnas.studies.report.picture import Picture
from qnas.studies.report.style import FRONT, SHADES, new_figure

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


def on_boards(arch: Architecture) -> list[OnBoard]:
    """The fastest plan of `arch` on every known board, the fastest board that it fits first."""
    boards = [load_device(name) for name in device_names()]
    found = [OnBoard(board, best_plan(arch, board)[1]) for board in boards]
    return sorted(found, key=lambda one: (not one.fits, -one.estimate.fps))


def boards_picture(explained: Explanation) -> Picture:
    """The picture of `boards`."""
    found = on_boards(explained.plan.architecture)
    fitting = sum(one.fits for one in found)
    caption = (
        f"The fastest plan of this one network for each of {len(found)} boards, at each board's"
        f" assumed clock: FPS, and % of what a plan may use. It fits {fitting} of them."
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
