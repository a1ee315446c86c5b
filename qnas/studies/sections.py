"""Tables of a study's TOML that are about the search itself: [search], [tune], [calibration]."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from qnas._util.serialization import Value
from qnas.errors import ConfigError, problem
from qnas.training.recipe import Recipe

DEFAULT_SAMPLER = "NSGAIISampler"


@dataclass(frozen=True, slots=True)
class SearchConfig(Value):
    """The budget, `trials` in generations of `population`, and who proposes them.

    `sampler` is the name of one of Optuna's, `settings` are its arguments. `dsp_shares` are the
    shares of the device's DSPs that a candidate may use: the hardware's own gene, beside those of
    the search space. The front of an earlier run, the folder `seed_from`, fills up to half of the
    first generation.

    `stop_after` failed trials in a row end the search. With `racing`, a candidate that is
    certain to be dominated is shown no more images. With FPS targets, every `focus_every`-th
    generation looks near the best that reach them (0: none does).
    """

    trials: int = 300
    population: int = 50
    dsp_shares: tuple[float, ...] = (0.0625, 0.125, 0.25, 0.5, 1.0)
    sampler: str = DEFAULT_SAMPLER
    settings: dict[str, int | float | bool | str] = field(default_factory=dict)
    seed_from: str = ""
    stop_after: int = 20
    racing: bool = False
    focus_every: int = 4

    def __post_init__(self) -> None:
        require(self.trials >= 1, "search.trials", "must be at least 1", self.trials)
        require(self.population >= 2, "search.population", "must be at least 2", self.population)
        every = self.focus_every
        require(every != 1 and every >= 0, "search.focus_every", "must be 0, or 2 or more", every)
        require(self.stop_after >= 1, "search.stop_after", "must be at least 1", self.stop_after)
        require(
            not self.seed_from or self.sampler == DEFAULT_SAMPLER,
            "search.seed_from",
            f"goes with the sampler {DEFAULT_SAMPLER}, whose parents they become",
            self.sampler,
        )
        require(
            self.trials < 1 or self.population <= self.trials,
            "search.population",
            f"must be at most search.trials ({self.trials}), a whole generation",
            self.population,
        )
        shares = self.dsp_shares
        require(
            bool(shares)
            and list(shares) == sorted(set(shares))
            and shares[0] > 0
            and shares[-1] <= 1,
            "search.dsp_shares",
            "must be ascending shares above 0 and at most 1, without repeats",
            list(shares),
        )


@dataclass(frozen=True, slots=True)
class TuneConfig(Value):
    """How `qnas tune` trains a pick's subnet on, alone. All that is not here is as in [train]."""

    epochs: int = 40
    learning_rate: float = 1e-3
    step_learning_rate: float = 1e-3
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        require(self.epochs >= 1, "tune.epochs", "must be at least 1", self.epochs)
        for name, most in (
            ("learning_rate", 10),
            ("step_learning_rate", 10),
            ("label_smoothing", 0.99),
        ):
            rate = getattr(self, name)
            require(0 <= rate <= most, f"tune.{name}", f"must lie in 0..{most}", rate)

    def recipe(self, train: Recipe) -> Recipe:
        """The rows that are 8-bit stay those of the search: never ranked again."""
        return dataclasses.replace(
            train,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            step_learning_rate=self.step_learning_rate,
            label_smoothing=self.label_smoothing,
            rerank_until=0.0,
        )


@dataclass(frozen=True, slots=True)
class CalibrationConfig(Value):
    """What `qnas calibrate --reports` wrote, to search with: `file`, and which end of its 90 %
    intervals must keep the device's limits, the predicted `value` or the `upper` end."""

    file: str = ""
    bound: Literal["value", "upper"] = "value"


def require(holds: bool, subject: str, rule: str, value: object) -> None:
    """ConfigError unless the rule `holds` of `value`, a study's `subject`."""
    if not holds:
        raise ConfigError(problem(subject, rule, value, "Correct the study's TOML."))
