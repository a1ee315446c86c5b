"""PostTraining: the settings of the calibration of a pretrained ViT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qnas._util.field_types import normalise_fields
from qnas._util.serialization import Value
from qnas.errors import ConfigError, problem

MOST_IMAGES = 1 << 20
StepRule = Literal["minmax", "percentile", "mse", "output"]


@dataclass(frozen=True, slots=True)
class PostTraining(Value):
    """The calibration that a study has in place of a training.

    Attributes:
        images: Number of training images whose activations determine all steps; 0 for a training
            instead.
        steps: The rule of the activations' steps: the largest magnitude ("minmax"), the 99.9th
            percentile of magnitudes ("percentile"), the least squared error of the tensor ("mse"),
            or of the products that it enters ("output").
        rows: Whether the steps of the weights' rows minimise the squared error of the row's output;
            otherwise they follow from the row's deviation, as in a training.
        equalise: Whether channels of unlike range are scaled alike, where this lessens the error:
            LayerNorm's gains against the matrices behind them, and queries against keys. It pays
            for channels of very unlike range.
        correct_bias: Whether the biases make up for the mean error of each row's output.
        guided: Whether the search starts from shares that follow from the measured sensitivity of
            each matrix.
    """

    images: int = 0
    steps: StepRule = "output"
    rows: bool = True
    equalise: bool = False
    correct_bias: bool = True
    guided: bool = True

    def __post_init__(self) -> None:
        normalise_fields(self, prefix="post_training.")
        if not 0 <= self.images <= MOST_IMAGES:
            rule = f"must lie in 0..{MOST_IMAGES:,}"
            raise ConfigError(problem("post_training.images", rule, self.images, "Choose 512."))

    def __bool__(self) -> bool:
        """Whether a study calibrates in place of training."""
        return self.images > 0
