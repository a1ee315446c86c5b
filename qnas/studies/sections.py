"""The tables [search], [tune] and [calibration] of a study's TOML."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qnas._util.extensions import reference_of
from qnas._util.field_types import normalise_fields
from qnas._util.serialization import Value
from qnas.accel.plan.folding import BATCH_RULE, is_batch
from qnas.errors import ConfigError, problem
from qnas.training.recipe import AT_MOST, Recipe

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    SamplerSource = str | type[BaseSampler] | Callable[..., BaseSampler]
else:
    SamplerSource = str

DEFAULT_SAMPLER = "NSGAIISampler"
REPRODUCIBLE = "ReproducibleNSGAIISampler"  # qnas's own sampler for plain Optuna studies
NO_CALIBRATION = "none"
MOST_TRIALS = 10_000_000


@dataclass(frozen=True, slots=True)
class SearchConfig(Value):
    """The budget and the sampler of a search.

    Attributes:
        trials: Number of decided trials that end the search.
        population: Trials per generation.
        dsp_shares: Shares of the device's DSPs, in (0, 1], that a candidate may use: the gene of
            the hardware, beside those of the search space.
        batch: Images that go through a kernel together, in one pass, from 1 to 64: more images per
            second of small networks, for more memory and a longer wait for each answer. FPS are
            those of a stream of passes; latency is the time of a pass.
        sampler: An Optuna sampler class or its name, or a function or class at the top level of a
            Python file (`mine.py:make`) that makes a sampler from `seed` and `settings`. A sampler
            object is refused: each generation makes its own sampler.
        settings: Further arguments of the sampler's constructor.
        seed_from: Directory of an earlier run whose front fills up to half of the first
            generation; "" for none.
        stop_after: Number of failed trials in a row that ends the search with an error.
        racing: Whether to stop evaluating a candidate as soon as it is certain to be dominated. By
            default this is so with NSGA-II if a plan determines every objective but the error: then
            it loses no member of the front, and saves images.
        focus_every: With FPS targets, every `focus_every`-th generation mutates the most accurate
            candidates that reach a target; 0 turns this off.
    """

    trials: int = 300
    population: int = 50
    dsp_shares: tuple[float, ...] = (0.0625, 0.125, 0.25, 0.5, 1.0)
    batch: int = 1
    sampler: SamplerSource = DEFAULT_SAMPLER
    settings: dict[str, int | float | bool | str] = field(default_factory=dict)
    seed_from: str = ""
    stop_after: int = 20
    racing: bool | None = None
    focus_every: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "sampler", _sampler_name(self.sampler))
        normalise_fields(self, prefix="search.")
        require(self.trials >= 1, "search.trials", "must be at least 1", self.trials)
        most = f"must be at most {MOST_TRIALS:,}"
        require(self.trials <= MOST_TRIALS, "search.trials", most, self.trials)
        require(self.population >= 2, "search.population", "must be at least 2", self.population)
        every = self.focus_every
        require(every != 1 and every >= 0, "search.focus_every", "must be 0, or 2 or more", every)
        require(self.stop_after >= 1, "search.stop_after", "must be at least 1", self.stop_after)
        require(
            not self.seed_from or self.sampler_name == DEFAULT_SAMPLER,
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
        require(is_batch(self.batch), "search.batch", BATCH_RULE, self.batch)
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

    @property
    def sampler_name(self) -> str:
        """The name of Optuna's sampler class, or a reference into a Python file."""
        return str(self.sampler)


def _sampler_name(sampler: Any) -> str:
    """The name that finds the sampler again: an Optuna class name, or a reference into a file."""
    if isinstance(sampler, str):
        name = sampler
    elif isinstance(sampler, type) and sampler.__module__.startswith("optuna."):
        name = sampler.__name__
    elif isinstance(sampler, type) and sampler.__name__ == REPRODUCIBLE:
        name = REPRODUCIBLE
    else:
        rule = "must be a class, or a function, that makes samplers"
        require(callable(sampler), "search.sampler", rule, type(sampler).__name__)
        name = reference_of(sampler, subject="search.sampler")
    return DEFAULT_SAMPLER if name == REPRODUCIBLE else name


@dataclass(frozen=True, slots=True)
class TuneConfig(Value):
    """The recipe with which `qnas tune` fine-tunes a pick's subnet.

    All other settings are those of [train]. With `picks`, `qnas run` also tunes every pick.
    """

    picks: bool = False
    epochs: int = 40
    learning_rate: float = 1e-3
    step_learning_rate: float = 1e-3
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        normalise_fields(self, prefix="tune.")
        most = AT_MOST["epochs"]
        require(1 <= self.epochs <= most, "tune.epochs", f"must lie in 1..{most:,}", self.epochs)
        for name, most in (
            ("learning_rate", 10),
            ("step_learning_rate", 10),
            ("label_smoothing", 0.99),
        ):
            rate = getattr(self, name)
            require(0 <= rate <= most, f"tune.{name}", f"must lie in 0..{most}", rate)

    def recipe(self, train: Recipe) -> Recipe:
        """The recipe for fine-tuning; the 8-bit rows are never ranked again, and so stay those of
        the search."""
        return dataclasses.replace(
            train,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            step_learning_rate=self.step_learning_rate,
            label_smoothing=self.label_smoothing,
            float_share=0.0,
            distill="none",
            rerank_until=0.0,
        )


@dataclass(frozen=True, slots=True)
class CalibrationConfig(Value):
    """The calibration that a search uses.

    Attributes:
        file: "": the table of RTL kernels that comes with qnas, if it has the device's family;
            "none": no calibration, the estimates of the C++ kernel; else a file that
            `qnas calibrate --reports` wrote, which predicts the C++ kernel instead, or a file of
            measured RTL kernels, which are added to the table.
    """

    file: str = ""

    def __post_init__(self) -> None:
        normalise_fields(self, prefix="calibration.")

    @property
    def path(self) -> str:
        """The path of the file; "" if none is named."""
        return "" if self.file == NO_CALIBRATION else self.file


def require(holds: bool, subject: str, rule: str, value: object) -> None:
    """Raise ConfigError, naming the study's key `subject`, unless its `value` keeps the rule."""
    if not holds:
        raise ConfigError(problem(subject, rule, value, "Correct the study."))
