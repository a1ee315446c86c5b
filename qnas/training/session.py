"""Session: a training that resumes from its last checkpoint, and writes log and checkpoints."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from qnas.errors import TrainingError, problem
from qnas.supernet.cpu import native
from qnas.supernet.model import Supernet
from qnas.supernet.storage import save_supernet
from qnas.training.checkpoint import (
    State,
    TrainingIdentity,
    TrainingProgress,
    load_checkpoint,
    load_pretrained_state,
    save_checkpoint,
    save_pretrained,
    stored_progress,
)
from qnas.training.interruption import Interruption
from qnas.training.logs import CHECKPOINT, Interval, OnInterval, TrainingLog
from qnas.training.optimizing import WeightAverage, make_optimizer, make_schedule
from qnas.training.processes import Processes
from qnas.training.recipe import Recipe
from qnas.training.source import Batch, BatchPlan, BatchSource, steps_per_epoch
from qnas.training.step import Stepper
from qnas.training.teacher import load_teacher

CALIBRATION_IMAGES = 512
AGREEMENT_STEPS = 8  # between two agreements of several processes on what is due
SILENT_S = 30.0  # the longest time between two calls of `on_interval`, give or take a step


class Session:
    """One process's part of a training, from the last checkpoint on."""

    def __init__(
        self,
        supernet: Supernet,
        source: BatchSource,
        *,
        recipe: Recipe,
        seed: int,
        processes: Processes,
        directory: Path,
        run: TrainingIdentity,
    ) -> None:
        self.supernet, self.source, self.recipe, self.seed = supernet, source, recipe, seed
        self.processes, self.directory, self.run = processes, directory, run
        self.per_epoch = steps_per_epoch(len(source), recipe.batch_size)
        self.steps = self.per_epoch * recipe.epochs
        self.float_steps = self.per_epoch * recipe.float_epochs
        self.calibration = source.calibration(CALIBRATION_IMAGES).to(processes.device)
        self.teacher = self.loaded_teacher()
        quantized = stored_progress(directory).quantized or not self.float_steps
        self.stepper = self.phase(quantized=quantized)
        self.place = self.noted(load_checkpoint(directory, self.state, run=run))
        self.interruption, self.saved = Interruption(), time.monotonic()
        self.clock = time.perf_counter()  # time of the last update of `place.seconds`
        self.told = time.monotonic()  # time of the last call of `on_interval`
        # Sum of losses not read back yet: exact in float64, wherever a checkpoint divides it.
        self.unread = torch.zeros((), dtype=torch.float64, device=processes.device)

    @property
    def state(self) -> State:
        """What a step of the current phase changes."""
        return State(self.supernet, self.stepper.optimizer, self.stepper.average)

    def phase(self, *, quantized: bool) -> Stepper:
        """The stepper of the floating-point or the quantization-aware phase, at its start."""
        recipe = self.recipe
        rate = recipe.learning_rate if quantized else recipe.float_learning_rate
        first, end = (self.float_steps, self.steps) if quantized else (0, self.float_steps)
        optimizer = make_optimizer(self.supernet, recipe, learning_rate=rate)
        average = WeightAverage(self.supernet, decay=recipe.ema_decay) if recipe.ema_decay else None
        return Stepper(
            supernet=self.supernet,
            optimizer=optimizer,
            schedule=make_schedule(optimizer, recipe, steps=end - first),
            average=average,
            quantize=quantized,
            teacher=self.teacher,
            pretrained=self.pretrained() if quantized else None,
            recipe=recipe,
            processes=self.processes,
            seed=self.seed,
            first=first,
            steps=end - first,
            images=min(recipe.batch_size, len(self.source)),
        )

    def pretrained(self) -> Callable[[Tensor], Tensor] | None:
        """The largest subnet as the floating-point phase left it; None if none learns from it."""
        if not self.float_steps or self.recipe.distill != "pretrained":
            return None
        frozen = copy.deepcopy(self.supernet)
        frozen.load_state_dict(load_pretrained_state(self.directory))
        frozen.requires_grad_(False)
        return partial(frozen, arch=frozen.space.largest(), quantize=False)

    def quantize(self) -> None:
        """End the floating-point phase: average the weights, and calibrate all steps."""
        if self.stepper.average:
            self.stepper.average.apply()
        self.supernet.calibrate(self.calibration)
        self.processes.same_as_first(self.supernet)
        if self.processes.writes:
            save_pretrained(self.directory, self.supernet)
        self.processes.wait()
        self.place = replace(self.place, quantized=True)
        if self.float_steps < self.steps:
            self.stepper = self.phase(quantized=True)

    def noted(self, place: TrainingProgress) -> TrainingProgress:
        """`place` with what computes the passes from now on; a change is reported."""
        device = self.processes.device.type
        found = place.computed_by(native.operators(device, bfloat16=self.recipe.amp))
        if place.passes not in ("", found.passes):
            logging.getLogger(__name__).warning(
                "This training ran on other operators when it began (%s): its "
                "weights will differ from those of an uninterrupted one.",
                found.passes,
            )
        return found

    def all_epochs(self, on_interval: OnInterval) -> None:
        log = TrainingLog(
            self.directory if self.processes.writes else None,
            tensorboard=self.recipe.tensorboard,
            done=self.place.step,
        )
        try:
            with self.interruption:
                for step, parts in self.batches():
                    self.unread += self.stepper.step(step, parts)
                    self.place = replace(
                        self.place, step=step + 1, loss_steps=self.place.loss_steps + 1
                    )
                    self.after_step(log, on_interval)
        finally:
            log.close()

    def batches(self) -> Iterator[tuple[int, list[Batch]]]:
        """Yield (step number, this process's parts of the step) from the last checkpoint on."""
        recipe, processes = self.recipe, self.processes
        mine = range(processes.rank * recipe.accumulate, (processes.rank + 1) * recipe.accumulate)
        first_epoch, first_step = divmod(self.place.step, self.per_epoch)
        for epoch in range(first_epoch, recipe.epochs):
            if self.float_steps and epoch * self.per_epoch == self.float_steps and not first_step:
                self.quantize()
            elif not first_step:
                self.rerank(epoch - recipe.float_epochs)
            plan = BatchPlan(
                seed=self.seed,
                epoch=epoch,
                batch_size=recipe.batch_size,
                parts=processes.count * recipe.accumulate,
                mine=mine,
                first_step=first_step,
            )
            stream = self.source.batches(plan)
            for step in range(first_step, self.per_epoch):
                yield epoch * self.per_epoch + step, list(islice(stream, recipe.accumulate))
            first_step = 0

    def rerank(self, epoch: int) -> None:
        """Rank the rows again if it is due at the start of an epoch of the quantization-aware
        phase; negative ones are of the phase before."""
        recipe = self.recipe
        due = epoch >= 0 and epoch % recipe.rerank_epochs == 0
        if due and epoch < recipe.rerank_until * (recipe.epochs - recipe.float_epochs):
            self.supernet.rerank(self.calibration)
            self.supernet.fit_residual(self.calibration)
            self.processes.same_as_first(self.supernet)

    def after_step(self, log: TrainingLog, on_interval: OnInterval) -> None:
        """Write a line of the log, and a checkpoint, if they are due; end if a signal came."""
        step, recipe = self.place.step, self.recipe
        epoch, within = divmod(step, self.per_epoch)
        due_log = not within or _every(step, recipe.log_steps)
        due_save = not within and _every(epoch, recipe.checkpoint_epochs)
        due_save = due_save or _every(step, recipe.checkpoint_steps)
        if due_log:
            self.read_losses()
            interval = self.interval()
            log.add(interval)
            self.place = replace(
                self.place, told_seconds=self.place.seconds, loss_total=0.0, loss_steps=0
            )
            self.tell(interval, on_interval)
        late, stopping, silent = self.agreed()
        if silent and not due_log:
            self.read_losses()
            self.tell(self.interval(), on_interval)
        if stopping or (step < self.steps and (due_save or late)):
            self.read_losses()
            self.save()
        if stopping:
            self.processes.wait()  # for the checkpoint: the end of one process is that of all
            self.interruption.deliver()

    def tell(self, interval: Interval, on_interval: OnInterval) -> None:
        self.told = time.monotonic()
        if self.processes.writes:
            on_interval(interval)

    def agreed(self) -> tuple[bool, bool, bool]:
        """Whether the last checkpoint is too long ago, whether a signal came to any process, and
        whether the last call of `on_interval` is too long ago; equal in all processes."""
        now, limit_s = time.monotonic(), 60 * self.recipe.checkpoint_minutes
        late, silent = 0 < limit_s <= now - self.saved, now - self.told >= SILENT_S
        stopping = self.interruption.received is not None
        if self.processes.count == 1:
            return late, stopping, silent
        if self.place.step % AGREEMENT_STEPS and self.place.step < self.steps:
            return False, False, False
        mine = [float(late), float(stopping), float(silent)]
        flags = torch.tensor(mine, device=self.processes.device)
        self.processes.add_up([flags])
        late, stopping, silent = (flag > 0 for flag in flags.tolist())
        return late, stopping, silent

    def read_losses(self) -> None:
        """Wait for the device and add the losses since the last call to the total."""
        self.processes.add_up([self.unread])
        total = self.place.loss_total + self.unread.item()
        self.unread.zero_()
        if not (math.isfinite(total) and self.state.finite()):
            raise TrainingError(
                problem(
                    "loss",
                    f"must stay finite (step {self.place.step} of {self.steps})",
                    total,
                    "Lower train.learning_rate and train.step_learning_rate, or set "
                    "train.clip_norm (1 is usual); the last good checkpoint stays.",
                )
            )
        now, before = time.perf_counter(), self.clock
        seconds = self.place.seconds + now - before
        self.clock, self.place = now, replace(self.place, loss_total=total, seconds=seconds)

    def interval(self) -> Interval:
        """The log line of the steps since the last line."""
        place, group = self.place, self.stepper.optimizer.param_groups[0]
        images = place.loss_steps * self.stepper.images
        return Interval(
            epoch=math.ceil(place.step / self.per_epoch),
            epochs=self.recipe.epochs,
            step=place.step,
            steps=self.steps,
            phase="quantized" if place.step > self.float_steps else "float",
            loss=place.loss_total / place.loss_steps,
            learning_rate=group["lr"],
            images_per_s=round(images / (place.seconds - place.told_seconds), 1),
            seconds=round(place.seconds, 2),
        )

    def loaded_teacher(self) -> nn.Module | None:
        found = load_teacher(
            self.recipe,
            num_classes=self.source.num_classes,
            image_shape=self.source.image_shape,
        )
        return found.to(self.processes.device) if found else None

    def save(self) -> None:
        if self.processes.writes:
            save_checkpoint(self.directory, self.state, place=self.place, run=self.run)
        self.saved = time.monotonic()

    def finish(self, training: dict[str, object]) -> None:
        """Replace the weights by their average, fit the residual grid, and save everything."""
        if self.float_steps and not self.place.quantized:
            self.quantize()
        elif self.stepper.average:
            self.stepper.average.apply()
        self.supernet.fit_residual(self.calibration)
        self.processes.same_as_first(self.supernet)
        if self.processes.writes:
            told = training | {"passes": self.place.passes}
            save_supernet(self.supernet, self.directory, training=told)
            (self.directory / CHECKPOINT).unlink(missing_ok=True)
        self.processes.wait()


def _every(count: int, period: int) -> bool:
    """Whether `count` is a multiple of `period`; false for a period of 0."""
    return period > 0 and count % period == 0
