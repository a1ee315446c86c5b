"""HTML pages from the templates beside this file, with figures inside; they load nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from markupsafe import Markup

    from qnas.studies.report.picture import Picture


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


class Plots:
    """Renders figures as numbered HTML elements; the first contains plotly.js."""

    def __init__(self) -> None:
        self._count = 0

    def html(self, figure: go.Figure, name: str = "") -> str:
        """Render a plot with the element id `plot-NAME`, or a numbered id."""
        from plotly.io import to_html

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
        return [(picture, self.html(picture.figure, picture.name)) for picture in pictures]

    def later(self, figure: go.Figure, name: str) -> str:
        """Render a plot that the page's script draws in `plot-NAME` when it is first shown: a
        hidden plot has no size, and WebGL is slow to start."""
        data = script_json(json.loads(figure.to_json()))
        return (
            f'<div id="plot-{name}" class="plotly-graph-div"></div>'
            f'<script type="application/json" id="figure-{name}">{data}</script>'
        )
