"""The pictures of a report by its sections: those that its content suffices for."""

from __future__ import annotations

from qnas.studies.report.content import ReportContent
from qnas.studies.report.explanation import Explanation
from qnas.studies.report.figures.bits import bits_picture
from qnas.studies.report.figures.boards import boards_picture
from qnas.studies.report.figures.certainty import certainty_picture
from qnas.studies.report.figures.confusion import confusion_picture
from qnas.studies.report.figures.foldings import foldings_picture
from qnas.studies.report.figures.ladder import ladder_picture
from qnas.studies.report.figures.sensitivity import sensitivity_picture
from qnas.studies.report.figures.timeline import timeline_picture
from qnas.studies.report.figures.training import training_pictures
from qnas.studies.report.figures.tuned import tuned_picture
from qnas.studies.report.picture import Picture


def of_accuracy(content: ReportContent) -> list[Picture]:
    """The pictures of the picks' accuracies."""
    return _present(
        ladder_picture(content),
        confusion_picture(content),
        tuned_picture(content),
        certainty_picture(content),
    )


def of_networks(content: ReportContent) -> list[Picture]:
    """The pictures of the picked networks."""
    return _present(bits_picture(content), sensitivity_picture(content.sensitivity))


def of_training(content: ReportContent) -> list[Picture]:
    """The pictures of the training."""
    return training_pictures(content.curve) if content.curve else []


def of_hardware(explained: Explanation | None) -> list[Picture]:
    """The pictures of one plan; none without one."""
    if explained is None:
        return []
    return _present(
        timeline_picture(explained), foldings_picture(explained), boards_picture(explained)
    )


def every_picture(content: ReportContent) -> list[Picture]:
    """All of them, in the report's order."""
    return [
        *of_accuracy(content),
        *of_networks(content),
        *of_training(content),
        *of_hardware(content.explained),
    ]


def _present(*found: Picture | None) -> list[Picture]:
    return [picture for picture in found if picture]
