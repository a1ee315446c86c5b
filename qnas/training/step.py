"""One step of supernet training: gradients of some subnets on one batch, then the optimizer.

The subnets of a step derive from (seed, step) and are the same on every process. A step does not
wait for the device: it queues its work and returns the loss as a tensor on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qnas.architecture import Architecture
from qnas.space import SearchSpace, Singleton
from qnas.supernet.model import Supernet
from qnas.training.optimizing import Schedule, WeightAverage
from qnas.training.processes import Processes
from qnas.training.recipe import Recipe
from qnas.training.source import Batch
from qnas.training.teacher import distillation


def step_subnets(
    space: SearchSpace | Singleton, seed: int, step: int, *, recipe: Recipe
) -> list[Architecture]:
    """The distinct subnets of one step: the largest, the smallest, then random ones."""
    rng, count = Random(f"{seed}/{step}"), recipe.random_subnets
    extremes = [space.largest(), space.smallest()] if recipe.sandwich else []
    chosen = [*extremes, *(space.sample(rng) for _ in range(count + 2 - len(extremes)))]
    return list(dict.fromkeys(chosen))


@dataclass(frozen=True, slots=True)
class Stepper:
    """Runs training steps. `images` is the number of images of a whole step, over all parts and
    processes."""

    supernet: Supernet
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    average: WeightAverage | None
    teacher: nn.Module | None
    recipe: Recipe
    processes: Processes
    seed: int
    images: int

    def step(self, step: int, parts: Sequence[Batch]) -> Tensor:
        """Train on this process's `parts` of step number `step`.

        Returns a scalar on the device: the contribution of `parts` to the mean loss of the first
        subnet. The sum over all processes is the mean loss.
        """
        self.schedule(step)
        self.optimizer.zero_grad(set_to_none=True)
        subnets = step_subnets(self.supernet.space, self.seed, step, recipe=self.recipe)
        losses = [self._part(subnets, *self._moved(part)) for part in parts]
        self.processes.add_up(self._gradients())
        if self.recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.supernet.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        if self.average:
            self.average.update()
        return torch.stack(losses).sum()

    def _part(self, subnets: list[Architecture], images: Tensor, targets: Tensor) -> Tensor:
        """Add the gradients of one part, weighted by its share of the step's images."""
        share, distilled = len(images) / self.images, self.recipe.sandwich and self.recipe.distill
        logits = self._logits(images, subnets[0])
        loss = self._on_targets(logits, targets)
        self._backward(share * self._with_teacher(loss, logits, images))
        soft = logits.detach().softmax(dim=-1) if distilled else targets
        for arch in subnets[1:]:
            logits = self._logits(images, arch)
            self._backward(
                share
                * (F.cross_entropy(logits, soft) if distilled else self._on_targets(logits, soft))
            )
        return share * loss.detach()

    def _logits(self, images: Tensor, arch: Architecture) -> Tensor:
        again = self.recipe.checkpoint_activations
        with self._autocast():
            logits: Tensor = self.supernet(images, arch, checkpoint_activations=again)
        return logits.float()

    def _with_teacher(self, loss: Tensor, logits: Tensor, images: Tensor) -> Tensor:
        if not self.teacher:
            return loss
        with torch.no_grad(), self._autocast():
            teacher_logits = self.teacher(images).float()
        alpha, temperature = self.recipe.teacher_alpha, self.recipe.teacher_temperature
        return (1 - alpha) * loss + alpha * distillation(
            logits, teacher_logits, temperature=temperature
        )

    def _on_targets(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(logits, targets, label_smoothing=self.recipe.label_smoothing)

    def _backward(self, loss: Tensor) -> None:
        torch.autograd.backward(loss)

    def _autocast(self) -> torch.autocast:
        device = self.processes.device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.recipe.amp)

    def _moved(self, batch: Batch) -> Batch:
        device = self.processes.device
        if device.type == "cpu":
            return batch
        images, targets = (t.pin_memory().to(device, non_blocking=True) for t in batch)
        return images, targets

    def _gradients(self) -> list[Tensor]:
        return [p.grad for p in self.supernet.parameters() if p.grad is not None]
