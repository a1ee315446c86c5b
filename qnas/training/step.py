"""One step of supernet training: gradients of some subnets on one batch, then the optimizer.

The subnets are a function of (seed, step): the same on every process.

A step does not wait for the device: it queues its work and returns the loss as a tensor on the
device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qnas.architecture import Architecture
from qnas.space import SearchSpace, Singleton
from qnas.supernet.cpu import native
from qnas.supernet.model import Supernet
from qnas.training.optimizing import Schedule, WeightAverage
from qnas.training.processes import Processes
from qnas.training.recipe import Recipe
from qnas.training.source import Batch, seeded_generator
from qnas.training.teacher import distillation

SPREAD = 0.5  # how far, as a share of its choices, a dimension may lie from the drawn size
W8 = "w8_"  # part of the names of genes that change no size
ALL_PATCHES = 0.2  # share of the floating-point phase, its last, that drops no patches


def step_subnets(
    space: SearchSpace | Singleton, seed: int, step: int, *, recipe: Recipe, done: float = 1.0
) -> list[Architecture]:
    """The distinct subnets of one step: with `recipe.sandwich` the largest and the smallest, then
    random ones. `done` is the share of the quantization-aware phase that is done, which progressive
    shrinking depends on."""
    rng, least = Random(f"{seed}/{step}"), 0.0
    if recipe.shrink_share:
        least = max(0.0, 1 - done / recipe.shrink_share)
    extremes = [space.largest(), space.smallest()] if recipe.sandwich else []
    drawn = (_sample(space, rng, recipe.sampling, least) for _ in range(recipe.random_subnets))
    return list(dict.fromkeys([*extremes, *drawn]))


def _sample(
    space: SearchSpace | Singleton, rng: Random, sampling: str, least: float
) -> Architecture:
    if sampling == "uniform" or isinstance(space, Singleton):
        return space.sample(rng)
    return spread_sample(space, rng, least=least)


def spread_sample(space: SearchSpace, rng: Random, *, least: float = 0.0) -> Architecture:
    """A random subnet of a random size: small and large ones are drawn as often as those between.

    With each dimension drawn alone nearly all subnets are of middling cost. Here a size between
    `least` and 1 is drawn first, then each dimension near it; shares of 8-bit rows are free.
    """
    size = rng.uniform(least, 1)
    params = {}
    for gene in space.genes():
        free = W8 in gene.name
        at = rng.random() if free else size + rng.uniform(-SPREAD, SPREAD)
        count = len(gene.choices)
        params[gene.name] = gene.choices[min(max(int(at * count), 0), count - 1)]
    return space.decode(params)


@dataclass(frozen=True, slots=True)
class Stepper:
    """Runs the steps of one phase.

    Attributes:
        supernet, optimizer, schedule, average: What the steps change. `schedule` counts the steps
            of the phase.
        quantize: Whether this is the quantization-aware phase.
        teacher: The recipe's timm model, which all subnets learn from.
        pretrained: The logits of the largest subnet as it was after the floating-point phase, if
            subnets learn from them.
        first, steps: Number of the phase's first step, and of its steps.
        images: Number of images of a whole step, over all parts and processes.
    """

    supernet: Supernet
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    average: WeightAverage | None
    quantize: bool
    teacher: nn.Module | None
    pretrained: Callable[[Tensor], Tensor] | None
    recipe: Recipe
    processes: Processes
    seed: int
    first: int
    steps: int
    images: int

    def step(self, step: int, parts: Sequence[Batch]) -> Tensor:
        """Train on this process's `parts` of step number `step`.

        Returns a scalar on the device: the contribution of `parts` to the mean loss of the first
        subnet on labels. The sum over all processes is the mean loss.
        """
        self.schedule(step - self.first)
        self.optimizer.zero_grad(set_to_none=True)
        subnets, patches = self.subnets(step), self.patches(step)
        losses = [self._part(subnets, patches, *self._moved(part)) for part in parts]
        self.processes.add_up(self._gradients())
        if self.recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.supernet.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        if self.average:
            self.average.update()
        return torch.stack(losses).sum()

    def subnets(self, step: int) -> list[Architecture]:
        """The subnets of step number `step`."""
        space = self.supernet.space
        if not self.quantize:
            return [space.largest()]
        done = (step - self.first) / self.steps
        return step_subnets(space, self.seed, step, recipe=self.recipe, done=done)

    def patches(self, step: int) -> Tensor | None:
        """The indices of the patches that step number `step` uses; None for all."""
        drop, done = self.recipe.patch_drop, (step - self.first) / self.steps
        if self.quantize or not drop or done >= 1 - ALL_PATCHES:
            return None
        patches = self.supernet.space.largest().num_tokens - 1
        kept = max(1, round(patches * (1 - drop)))
        order = torch.randperm(patches, generator=seeded_generator(self.seed, step))
        return order[:kept].sort().values.to(self.processes.device)

    def _part(
        self, subnets: list[Architecture], patches: Tensor | None, images: Tensor, targets: Tensor
    ) -> Tensor:
        """Add the gradients of one part, weighted by its share of the step's images."""
        share, first = len(images) / self.images, None
        soft, taught = (self._soft(model, images) for model in (self.pretrained, self.teacher))
        losses: list[Tensor] = []
        for arch in subnets:
            logits = self._logits(images, arch, patches)
            if first is not None and self.recipe.distill == "largest":
                loss = F.cross_entropy(logits, first.softmax(dim=-1))
            else:
                loss = self._on_targets(logits, targets)
            losses.append(loss.detach())
            self._backward(share * self._with_teachers(loss, logits, soft, taught))
            first = logits.detach() if first is None else first
        return share * losses[0]

    def _logits(self, images: Tensor, arch: Architecture, patches: Tensor | None) -> Tensor:
        with self._autocast():
            logits: Tensor = self.supernet(
                images,
                arch,
                quantize=self.quantize,
                checkpoint_activations=self.recipe.checkpoint_activations,
                patches=patches,
            )
        return logits.float()

    def _soft(self, model: Callable[[Tensor], Tensor] | None, images: Tensor) -> Tensor | None:
        """The logits of a model that is not trained."""
        if model is None:
            return None
        with torch.no_grad(), self._autocast():
            return model(images).float()

    def _with_teachers(
        self, loss: Tensor, logits: Tensor, soft: Tensor | None, taught: Tensor | None
    ) -> Tensor:
        recipe = self.recipe
        if soft is not None:
            share = recipe.distill_alpha
            loss = (1 - share) * loss + share * distillation(logits, soft, temperature=1.0)
        if taught is not None:
            share = recipe.teacher_alpha
            temperature = recipe.teacher_temperature
            loss = (1 - share) * loss + share * distillation(
                logits, taught, temperature=temperature
            )
        return loss

    def _on_targets(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(logits, targets, label_smoothing=self.recipe.label_smoothing)

    def _backward(self, loss: Tensor) -> None:
        torch.autograd.backward(loss)

    def _autocast(self) -> torch.autocast:
        device = self.processes.device.type
        enabled = self.recipe.amp and native.takes_bfloat16(device)
        return torch.autocast(device, torch.bfloat16, enabled=enabled)

    def _moved(self, batch: Batch) -> Batch:
        device = self.processes.device
        if device.type == "cpu":
            return batch
        images, targets = (t.pin_memory().to(device, non_blocking=True) for t in batch)
        return images, targets

    def _gradients(self) -> list[Tensor]:
        return [p.grad for p in self.supernet.parameters() if p.grad is not None]
