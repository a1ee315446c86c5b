"""The pictures of a report by its sections: those that its content suffices for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from qnas.studies.report.content import ReportContent
from qnas.studies.report.explanation import Explanation
from qnas.studies.report.figures.bits import bits_picture, sensitivity_picture
from qnas.studies.report.figures.boards import boards_picture, foldings_picture
from qnas.studies.report.figures.certainty import certainty_picture, tuned_picture
from qnas.studies.report.figures.ladder import confusion_picture, ladder_picture
from qnas.studies.report.figures.refinement import refinement_pictures
from qnas.studies.report.figures.timeline import timeline_picture
from qnas.studies.report.figures.training import training_pictures
from qnas.studies.report.style import Picture


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
