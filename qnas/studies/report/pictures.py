"""The pictures of a report by its sections: those that its content suffices for; and all its
figures as PNG files, for papers and slides, which needs kaleido and a Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import plotly.graph_objects as go

from qnas.errors import DependencyError, ToolMissingError, problem
from qnas.studies.report.content import ReportContent
from qnas.studies.report.explanation import Explanation
from qnas.studies.report.figures import device, front, search
from qnas.studies.report.figures.bits import bits_picture, sensitivity_picture
from qnas.studies.report.figures.boards import boards_picture, foldings_picture
from qnas.studies.report.figures.certainty import certainty_picture, tuned_picture
from qnas.studies.report.figures.ladder import confusion_picture, ladder_picture
from qnas.studies.report.figures.refinement import refinement_pictures
from qnas.studies.report.figures.timeline import timeline_picture
from qnas.studies.report.figures.training import training_pictures
from qnas.studies.report.style import Picture
from qnas.studies.results.importance import importances

WIDTH_PX, HEIGHT_PX, SCALE = 900, 560, 2


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of a report, by section: of the picks' accuracies, of the picked networks, of
    the training, of refinement, and of one plan."""

    accuracy: list[Picture]
    networks: list[Picture]
    training: list[Picture]
    refinement: list[Picture]
    hardware: list[Picture]

    @classmethod
    def of(cls, content: ReportContent) -> Pictures:
        """Draw those that `content` suffices for."""
        return cls(
            accuracy=_present(
                ladder_picture(content),
                confusion_picture(content),
                tuned_picture(content),
                certainty_picture(content),
            ),
            networks=_present(bits_picture(content), sensitivity_picture(content.sensitivity)),
            training=training_pictures(content.curve) if content.curve else [],
            refinement=refinement_pictures(content),
            hardware=of_hardware(content.explained),
        )

    def __iter__(self) -> Iterator[Picture]:
        """All of them, in the report's order."""
        return chain(
            *(self.accuracy, self.networks, self.training), *(self.refinement, self.hardware)
        )


def of_hardware(explained: Explanation | None) -> list[Picture]:
    """The pictures of one plan; none without one."""
    if explained is None:
        return []
    return _present(
        timeline_picture(explained), foldings_picture(explained), boards_picture(explained)
    )


def _present(*found: Picture | None) -> list[Picture]:
    return [picture for picture in found if picture]


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
