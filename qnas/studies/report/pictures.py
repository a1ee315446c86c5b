"""The pictures of a report by its sections: those that its content suffices for."""

from __future__ import annotations

from qnas.studies.report.content import ReportContent
from qnas.studies.report.figures.bits import bits_picture
from qnas.studies.report.figures.confusion import confusion_picture
from qnas.studies.report.figures.ladder import ladder_picture
from qnas.studies.report.picture import Picture


def of_accuracy(content: ReportContent) -> list[Picture]:
    """The pictures of the picks' accuracies."""
    return _present(ladder_picture(content), confusion_picture(content))


def of_networks(content: ReportContent) -> list[Picture]:
    """The pictures of the picked networks."""
    return [bits_picture(content)]


def every_picture(content: ReportContent) -> list[Picture]:
    """All of them, in the report's order."""
    return [*of_accuracy(content), *of_networks(content)]


def _present(*found: Picture | None) -> list[Picture]:
    return [picture for picture in found if picture]
