"""The figures of a report as PNG files, for papers and slides. Needs kaleido and a Chromium."""

from __future__ import annotations

from pathlib import Path

import plotly.graph_objects as go

from qnas.errors import DependencyError, ToolMissingError, problem
from qnas.studies.report.content import ReportContent
from qnas.studies.report.figures import device, front, search
from qnas.studies.report.pictures import Pictures
from qnas.studies.results.importance import importances

WIDTH_PX, HEIGHT_PX, SCALE = 900, 560, 2


def figures_of(content: ReportContent, drawn: Pictures) -> dict[str, go.Figure]:
    """Every figure of the report and its pictures, by the name of its PNG file."""
    records = content.records
    names = records.objectives
    found = {
        f"front_{y}_{x}": front.pair(content, x=x, y=y)
        for place, y in enumerate(names)
        for x in names[place + 1 :]
    }
    if len(names) > 2:
        found["front_3d"] = front.front_3d(content)
    found["front_all"] = front.parallel(content)
    found["search_error"] = search.best_error(records)
    found["search_hypervolume"] = search.hypervolumes(records)
    if genes := importances(names, records.distinct()):
        found["genes"] = search.gene_importance(records, genes)
    found["resources"] = device.resources(content)
    if predictions := device.predictions(content):
        found["predictions"] = predictions
    return found | {picture.name: picture.figure for picture in drawn}


def write_images(content: ReportContent, drawn: Pictures, folder: Path) -> list[Path]:
    """Write every figure to `folder`, on a white background; return the files.

    Raises DependencyError without kaleido, ToolMissingError if kaleido finds no working Chromium.
    """
    _need_kaleido()
    from plotly import io

    found = figures_of(content, drawn)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.png" for name in found]
    for figure in found.values():
        figure.update_layout(paper_bgcolor="white", margin={"r": 30})
    try:
        io.write_images(
            fig=list(found.values()), file=files, width=WIDTH_PX, height=HEIGHT_PX, scale=SCALE
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise ToolMissingError(
            problem(
                "--png",
                "needs a Chromium or Chrome",
                str(error).strip().split("\n")[0],
                "Install chromium, or set BROWSER_PATH to one.",
            )
        ) from error
    return files


def _need_kaleido() -> None:
    try:
        import kaleido  # noqa: F401
    except ImportError as error:
        remedy = "pip install 'qnas-fpga[png]'"
        rule = "needs the package kaleido"
        raise DependencyError(problem("--png", rule, error, remedy)) from error
