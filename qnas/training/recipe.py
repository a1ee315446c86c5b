"""Recipe: every number of a training run."""

from __future__ import annotations

from dataclasses import dataclass, fields

from qnas.errors import ConfigError, problem
from qnas.serial import Value


@dataclass(frozen=True, slots=True)
class Recipe(Value):
    """AdamW, cosine schedule with linear warm-up; sandwich sampling (arXiv:1903.05134).

    A step trains the largest subnet on labels, the smallest and `random_subnets` random ones on
    the largest one's outputs (in-place distillation). `augment` is the largest shift in pixels;
    rotation and scale go with it. Rows are ranked again every `rerank_epochs` until the share
    `rerank_until` of training (0: never). `threads` is torch's: one is fastest for tiny models.

    Three ideas may be left out: without `sandwich` a step's subnets, as many, are all random and
    learn from labels; without `distill` all of a sandwich do; without `layer_scaling` the scales
    behind attention and MLP stay at one.
    """

    epochs: int = 130
    batch_size: int = 64
    learning_rate: float = 3e-3
    step_learning_rate: float = 4e-3
    weight_decay: float = 0.05
    warmup_fraction: float = 0.1
    label_smoothing: float = 0.0
    random_subnets: int = 1
    augment: float = 0.5
    rerank_epochs: int = 5
    rerank_until: float = 0.6
    sandwich: bool = True
    distill: bool = True
    layer_scaling: bool = True
    checkpoint_epochs: int = 10
    threads: int = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = field.name in _AT_LEAST_ONE
            if value < (1 if whole else 0):
                rule = f"must be at least {1 if whole else 0}"
                raise ConfigError(problem(f"train.{field.name}", rule, value, "Raise it."))
            most = _AT_MOST.get(field.name)
            if most is not None and value > most:
                rule = f"must be at most {most}"
                raise ConfigError(problem(f"train.{field.name}", rule, value, "Lower it."))


# Beyond these a recipe is a slip of the pen, and some end in a traceback hours later.
_AT_MOST = {
    "learning_rate": 10,
    "step_learning_rate": 10,
    "weight_decay": 10,
    "warmup_fraction": 1,
    "label_smoothing": 0.99,
    "random_subnets": 64,
    "augment": 16,
    "rerank_until": 1,
    "threads": 256,
}
_AT_LEAST_ONE = ("epochs", "batch_size", "rerank_epochs", "checkpoint_epochs", "threads")
