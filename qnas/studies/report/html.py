"""Pages: templates beside this file, and figures inside them. Nothing is loaded from a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go


def render_template(name: str, **content: Any) -> str:
    """The page of a template; a name that it lacks is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("qnas.studies", "report"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(**content)


class Plots:
    """Figures as HTML, numbered, plotly.js with the first."""

    def __init__(self) -> None:
        self._count = 0

    def html(self, figure: go.Figure) -> str:
        from plotly.io import to_html

        self._count += 1
        text: str = to_html(
            figure,
            full_html=False,
            include_plotlyjs=self._count == 1,
            include_mathjax=False,
            div_id=f"plot{self._count}",
            default_height="100%",
            config={"responsive": True, "displaylogo": False, "displayModeBar": False},
        )
        return text
