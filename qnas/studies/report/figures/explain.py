"""The plots of an explanation."""

from __future__ import annotations

from math import ceil, floor, log10

import plotly.graph_objects as go

from qnas.accel.cost.breakdown import Slice, by_block
from qnas.studies.report.explanation import Explanation
from qnas.studies.report.style import (
    FAINT,
    FRONT,
    INK,
    PICKED,
    SERIES,
    WITH_LEGEND,
    new_figure,
    points_of,
)

KIND_COLORS = {
    "start": "#adb5bd",
    "load": "#ced4da",
    "stem": "#5c7cfa",
    "norm": "#b08900",
    "qkv": "#2563a8",
    "scores": "#e64980",
    "softmax": "#862e9c",
    "attend": "#f59f00",
    "proj": "#0b7285",
    "fc1": "#2b8a3e",
    "fc2": "#82c91e",
    "head": "#495057",
}
FILL = "#a9c1de"
PART_COLORS = (*SERIES, "#5c7cfa", "#e64980", "#82c91e", "#495057")
MAIN_PARTS = len(PART_COLORS) - 1
RESERVE = 3.0  # factor by which a roofline extends below its lowest and above its highest point


def color_of(kind: str) -> str:
    return KIND_COLORS.get(kind, INK)


def cycles_by_block(found: Explanation) -> go.Figure:
    """The plot, stacked bars, of each block's cycles by kind of stage."""
    merged = by_block(found.slices)
    blocks = list(dict.fromkeys(part.block for part in merged))
    figure = new_figure(y="cycles", margin=WITH_LEGEND)
    for kind in (part.kind for part in found.kinds()):
        mine = {part.block: part for part in merged if part.kind == kind}
        held = [mine.get(block) for block in blocks]
        figure.add_bar(
            name=kind,
            x=[block.replace("block ", "") for block in blocks],
            y=[part.cycles if part else 0 for part in held],
            marker={"color": color_of(kind)},
            customdata=[_split(part) if part else "" for part in held],
            hovertemplate=f"{kind}, block %{{x}}: %{{y:,}} cycles %{{customdata}}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.25)
    figure.update_xaxes(type="category", title={"text": "block"})
    return figure


def cycles_by_kind(found: Explanation) -> go.Figure:
    """The plot, bars, of each kind's loop iterations and assumed pipeline fills."""
    kinds = found.kinds()[::-1]
    figure = new_figure(x="% of all cycles", margin={**WITH_LEGEND, "l": 70})
    whole = found.estimate.cycles
    for name, field, color in (("loops", "loop_cycles", FRONT), ("fills", "fill_cycles", FILL)):
        cycles = [getattr(part, field) for part in kinds]
        figure.add_bar(
            name=name,
            orientation="h",
            y=[part.kind for part in kinds],
            x=[100 * value / whole for value in cycles],
            marker={"color": color},
            customdata=cycles,
            hovertemplate="%{y}: %{customdata:,} cycles (%{x:.1f} %)",
        )
    figure.update_layout(barmode="stack", bargap=0.3, legend={"traceorder": "normal"})
    return figure


def roofline(found: Explanation) -> go.Figure:
    """The roofline plot: each GEMM's products per second over its products per streamed byte of
    weights, with the roofs of the array, the weight ports and the memory. GEMMs that stream nothing
    are at the right edge.
    """
    gemms = [part for part in found.slices if part.atoms]
    memory = found.device.dram_sustained_gbytes_per_s
    port = len(found.plan.weight_ports) * found.device.port_gbytes_per_s
    roof = found.compute_roof
    streamed = [_intensity(part) for part in gemms if part.stream_bits]
    low = min([*streamed, roof / (memory * 1e9)]) / RESERVE
    on_chip = max([*streamed, roof / (port * 1e9)]) * RESERVE
    high = on_chip * RESERVE**0.5
    figure = new_figure(x="products a byte of weights", y="products a second", margin=WITH_LEGEND)
    _roof(figure, f"memory, {memory:g} GB/s", [low, roof / (memory * 1e9)], memory, dash="dot")
    _roof(figure, f"weight ports, {port:g} GB/s", [low, roof / (port * 1e9)], port, dash="solid")
    _roof(figure, f"array, {roof / 1e9:,.0f} G/s", [low, high], 0.0, dash="solid", top=roof)
    for kind in dict.fromkeys(part.kind for part in gemms):
        mine = [part for part in gemms if part.kind == kind]
        figure.add_scatter(
            name=kind,
            x=[_intensity(part) if part.stream_bits else on_chip for part in mine],
            y=[_rate(part, found) for part in mine],
            mode="markers",
            marker=points_of(color_of(kind), 10),
            customdata=[_reach(part, found) for part in mine],
            hovertemplate="%{customdata}<extra></extra>",
        )
    figure.add_vrect(
        x0=on_chip / RESERVE**0.5, x1=high, fillcolor=FAINT, opacity=0.18, line_width=0
    )
    bottom = min(_rate(part, found) for part in gemms) / RESERVE
    figure.update_xaxes(**_decades(low, high))
    figure.update_yaxes(**_decades(bottom, roof * RESERVE))
    _note(figure, on_chip, bottom * RESERVE**0.5, "on chip")
    return figure


def _roof(
    figure: go.Figure, name: str, xs: list[float], gbytes: float, *, dash: str, top: float = 0.0
) -> None:
    """Add a named roof: level at `top`, or rising with a bandwidth of `gbytes` GB/s. The legend has
    its name: two roofs may lie too close for texts beside them."""
    style = {"color": INK if top else PICKED, "width": 1.5, "dash": dash}
    ys = [top or x * gbytes * 1e9 for x in xs]
    figure.add_scatter(x=xs, y=ys, mode="lines", line=style, name=name, hoverinfo="name")


def _note(figure: go.Figure, x: float, y: float, text: str) -> None:
    """Add text at a point on logarithmic axes."""
    figure.add_annotation(
        x=log10(x),
        y=log10(y),
        text=text,
        showarrow=False,
        font={"size": 11, "color": INK},
        bgcolor="rgba(255,255,255,0.85)",
    )


def resource_bars(found: Explanation) -> go.Figure:
    """The plot, stacked bars, of each unit's share of each resource's limit."""
    names = found.resources()
    shown = found.main_parts(MAIN_PARTS)
    figure = new_figure(x="% of what a plan may use", margin={**WITH_LEGEND, "l": 64, "t": 74})
    for index, part in enumerate(shown):
        others = index == MAIN_PARTS
        figure.add_bar(
            name=part.name.replace("_", " "),
            orientation="h",
            y=[name.upper() for name in names],
            x=[100 * found.share(part, name) for name in names],
            marker={"color": FAINT if others else PART_COLORS[index]},
            customdata=[f"{getattr(part, name):,}" for name in names],
            hovertemplate="%{y}: %{customdata} (%{x:.1f} %)",
        )
    figure.add_vline(x=100, line={"color": INK, "dash": "dash", "width": 1})
    legend = {"traceorder": "normal", "font": {"size": 11}}  # two columns on a narrow screen
    figure.update_layout(barmode="stack", bargap=0.35, legend=legend)
    figure.update_yaxes(autorange="reversed")
    return figure


def energy_bars(found: Explanation) -> go.Figure:
    """The plot of an image's energy by part, from the energy model."""
    e = found.energy
    values = {
        "leakage": e.static_mj,
        "DRAM": e.dram_mj,
        "memories": e.memory_mj,
        "vector units": e.vector_mj,
        "array": e.array_mj,
    }
    figure = new_figure(x="mJ an image, modelled")
    figure.add_bar(
        orientation="h",
        y=list(values),
        x=list(values.values()),
        marker={"color": FRONT},
        hovertemplate="%{y}: %{x:.4g} mJ<extra></extra>",
    )
    figure.update_layout(bargap=0.35)
    return figure


def _intensity(part: Slice) -> float:
    """Products per byte of the weight stream."""
    return part.atoms * 8 / part.stream_bits


def _rate(part: Slice, found: Explanation) -> float:
    """Products per second, over all cycles of a slice."""
    return part.atoms * found.plan.clock_mhz * 1e6 / part.cycles


def _reach(part: Slice, found: Explanation) -> str:
    use = part.utilisation(found.atoms_per_cycle)
    return (
        f"<b>{part.name}</b><br>{part.atoms:,} products in {part.cycles:,} cycles"
        f"<br>{use:.1%} of the array, {part.stream_bits // 8:,} bytes streamed"
    )


def _split(part: Slice) -> str:
    return f"({part.loop_cycles:,} loops, {part.fill_cycles:,} fills)"


def _decades(low: float, high: float) -> dict[str, object]:
    """Settings of a logarithmic axis from `low` to `high`: one tick per decade, SI prefixes."""
    exponents = range(floor(log10(low)), ceil(log10(high)) + 1)
    prefixes = ("", "k", "M", "G", "T", "P")
    ticks = [10.0**exponent for exponent in exponents]
    texts = [
        f"{10 ** (exponent % 3)}{prefixes[exponent // 3]}" if exponent >= 0 else f"{tick:g}"
        for exponent, tick in zip(exponents, ticks, strict=True)
    ]
    return {
        "type": "log",
        "tickvals": ticks,
        "ticktext": texts,
        "range": [log10(low), log10(high)],
    }
