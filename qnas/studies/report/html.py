"""HTML pages from the templates beside this file, with figures inside; they load nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from markupsafe import Markup

    from qnas.studies.report.style import Picture


def render_template(name: str, **content: Any) -> str:
    """Render a template; an undefined name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("qnas.studies.report", "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(**content, script=script_source)


def script_source(name: str) -> Markup:
    """The text of a JavaScript file of the templates, unescaped, for a <script> element."""
    from markupsafe import Markup

    folder = resources.files("qnas.studies.report").joinpath("templates")
    return Markup(folder.joinpath(name).read_text(encoding="utf-8"))


def script_json(value: Any) -> str:
    """`value` as JSON that is safe in a <script>: it cannot end the element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def legend_of(figure: go.Figure) -> list[tuple[str, str, str]]:
    """Name, colour and kind of mark ("dot", "line" or "dash") of every trace in a legend."""
    found: dict[str, tuple[str, str, str]] = {}
    for trace in figure.data:
        if not trace.name or trace.showlegend is False:
            continue
        lines = trace.type == "scatter" and trace.mode == "lines"
        mark = "dot" if not lines else "line" if trace.line.dash in (None, "solid") else "dash"
        color = trace.line.color if lines else trace.marker.color
        found.setdefault(trace.name, (trace.name, color, mark))
    return list(found.values())


def legend_html(entries: Sequence[tuple[str, str, str]]) -> Markup:
    """The legend of these entries as a paragraph."""
    from markupsafe import Markup

    items = (
        Markup('<span><i class="{}" style="color:{}"></i>{}</span>').format(mark, color, name)
        for name, color, mark in entries
    )
    return Markup('<p class="legend marks">{}</p>').format(Markup("").join(items))


class Plots:
    """Renders figures as numbered HTML elements; the first contains plotly.js."""

    def __init__(self) -> None:
        self._count = 0

    def html(self, figure: go.Figure, name: str = "", *, legend: bool = False) -> str:
        """Render a plot with the element id `plot-NAME`, or a numbered id. With `legend` the page
        has the plot's legend above it, where it wraps and hides nothing on a narrow screen."""
        from plotly.io import to_html

        if legend and figure.layout.showlegend:
            entries = legend_of(figure)
            figure = copy(figure).update_layout(showlegend=False, margin={"t": 14})
            return str(legend_html(entries)) + self.html(figure, name)
        self._count += 1
        text: str = to_html(
            figure,
            full_html=False,
            include_plotlyjs=self._count == 1,
            include_mathjax=False,
            div_id=f"plot-{name}" if name else f"plot{self._count}",
            default_height="100%",
            config={"responsive": True, "displaylogo": False, "displayModeBar": False},
        )
        return text

    def cards(self, pictures: Sequence[Picture]) -> list[tuple[Picture, str]]:
        """Each picture with its plot, for the macro `cards` of the templates."""
        return [(p, self.html(p.figure, p.name, legend=True)) for p in pictures]

    def later(self, figure: go.Figure, name: str) -> str:
        """Render a plot that the page's script draws in `plot-NAME` when it is first shown: a
        hidden plot has no size, and WebGL is slow to start."""
        data = script_json(json.loads(figure.to_json()))
        return (
            f'<div id="plot-{name}" class="plotly-graph-div"></div>'
            f'<script type="application/json" id="figure-{name}">{data}</script>'
        )
