"""Optimizer, learning-rate schedule and weight average that a recipe names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from qnas._util.timm_support import import_timm
from qnas.errors import ConfigError, nearest, problem
from qnas.training.recipe import Recipe

Schedule = Callable[[int], None]  # sets the learning rates for a step, given its number


def make_optimizer(
    module: nn.Module, recipe: Recipe, *, learning_rate: float | None = None
) -> torch.optim.Optimizer:
    """Make the recipe's optimizer over `parameter_groups`; ConfigError for an unknown name.

    `learning_rate` replaces that of the recipe.
    """
    rate = recipe.learning_rate if learning_rate is None else learning_rate
    groups = parameter_groups(module, recipe, rate)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, fused=True)
    timm_optim = import_timm("timm.optim")
    known = timm_optim.list_optimizers()
    if recipe.optimizer not in known:
        rule = "must be an optimizer that timm knows"
        raise ConfigError(
            problem("train.optimizer", rule, recipe.optimizer, nearest(recipe.optimizer, known))
        )
    optimizer: torch.optim.Optimizer = timm_optim.create_optimizer_v2(
        groups, opt=recipe.optimizer, lr=rate, weight_decay=recipe.weight_decay
    )
    return optimizer


def check_optimizing(recipe: Recipe) -> None:
    """Raise ConfigError for an optimizer or a schedule of an unknown name."""
    make_schedule(make_optimizer(nn.Linear(1, 1), recipe), recipe, steps=100)


def parameter_groups(module: nn.Module, recipe: Recipe, rate: float) -> list[dict[str, Any]]:
    """Parameter groups: weight decay only on matrices, and step sizes at their own rate."""
    named = [
        (name, p)
        for name, p in module.named_parameters()
        if recipe.layer_scaling or not name.endswith("_scale")
    ]
    steps = [p for name, p in named if "log_step" in name]
    matrices = [p for name, p in named if name.endswith(".weight")]
    known = {id(p) for p in steps + matrices}
    vectors = [p for _, p in named if id(p) not in known]
    groups = (
        (matrices, rate, recipe.weight_decay),
        (vectors, rate, 0.0),
        (steps, recipe.step_learning_rate, 0.0),
    )
    return [{"params": p, "lr": peak, "weight_decay": decay} for p, peak, decay in groups]


def make_schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, *, steps: int) -> Schedule:
    """Make the recipe's schedule over `steps` steps; the ratios of the groups' rates are kept."""
    if recipe.schedule == "cosine":
        return _cosine(optimizer, steps, recipe.warmup_fraction)
    warmup = max(1, round(steps * recipe.warmup_fraction))
    try:
        scheduler, _ = import_timm("timm.scheduler").create_scheduler_v2(
            optimizer,
            sched=recipe.schedule,
            num_epochs=steps,
            warmup_epochs=warmup,
            decay_epochs=max(1, steps // 3),
            decay_milestones=(steps // 2, steps * 3 // 4),
            updates_per_epoch=1,
            step_on_epochs=False,
        )
    except (ValueError, AssertionError, UnboundLocalError):
        scheduler = None
    if scheduler is None:
        rule = "must be a schedule that timm knows"
        raise ConfigError(problem("train.schedule", rule, recipe.schedule, "Try 'cosine'."))
    set_rates: Schedule = scheduler.step_update
    return set_rates


def _cosine(optimizer: torch.optim.Optimizer, steps: int, warmup_fraction: float) -> Schedule:
    """Linear warm-up, then half a cosine down to zero."""
    peaks, warmup = [group["lr"] for group in optimizer.param_groups], steps * warmup_fraction
    warmup = max(1, round(warmup))

    def set_rates(step: int) -> None:
        share = (step - warmup) / max(1, steps - warmup)
        factor = (step + 1) / warmup if step < warmup else 0.5 * (1 + math.cos(math.pi * share))
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * factor

    return set_rates


class WeightAverage:
    """Exponential moving average of a module's parameters.

    The decay grows to its final value with the number of updates, as in timm's warm-up, so that the
    average of a short training does not contain its random initial weights.
    """

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self._current = [p.detach() for p in module.parameters()]
        self.mean = [p.clone() for p in self._current]

    def update(self) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        average: Any = get_ema_multi_avg_fn  # torch does not type it
        average(decay)(self.mean, self._current, None)

    def apply(self) -> None:
        """Replace the parameters by their average."""
        torch._foreach_copy_(self._current, self.mean)

    def load(self, mean: list[Tensor], updates: int) -> None:
        torch._foreach_copy_(self.mean, mean)
        self.updates = updates
