"""Recipe: all settings of a training."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from qnas._util.field_types import normalise_fields
from qnas._util.serialization import Value, encode
from qnas.errors import ConfigError, nearest, problem


@dataclass(frozen=True, slots=True)
class Recipe(Value):
    """The settings of a supernet's training, with defaults of AdamW and a cosine schedule with
    linear warm-up.

    The training has two phases, each with a schedule of its own. The first trains the largest
    subnet alone, in floating point. All steps are then calibrated, and the second phase trains
    subnets with their quantizers (quantization-aware), as `sandwich`, `random_subnets` and
    `distill` say. A space of one subnet is trained in the same phases.

    Attributes:
        epochs: Number of epochs of both phases.
        float_share: Share of the epochs, from the first on, that train in floating point; 0 for
            quantization-aware training from the start.
        batch_size: Images of a step, over all processes.
        float_learning_rate: Peak learning rate of the floating-point phase.
        learning_rate: Peak learning rate of the weights in the quantization-aware phase.
        step_learning_rate: Peak learning rate of the quantizers' step sizes.
        weight_decay: Weight decay of the matrices.
        warmup_fraction: Share of each phase with linear warm-up.
        label_smoothing: Smoothing of the labels, 0..1.
        random_subnets: Number of random subnets of a step.
        sandwich: Whether a step also trains the largest and the smallest subnet (sandwich rule,
            arXiv:1903.05134).
        sampling: "uniform" draws each dimension of a random subnet alone, so that most subnets are
            of middling size; "spread" draws a size first, and each dimension near it.
        shrink_share: Share of the quantization-aware phase over which the least size of random
            subnets falls from the largest to the smallest (progressive shrinking,
            arXiv:1908.09791); 0 for all sizes from the start. Needs sampling = "spread".
        distill: What subnets learn from beside labels: "none"; "pretrained", the largest subnet as
            it was after the floating-point phase; "largest", the largest subnet in training, in
            place of labels (needs `sandwich`).
        distill_alpha: Share of the pre-trained largest subnet in the loss.
        patch_drop: Share of the patches that a step of the floating-point phase leaves out, other
            ones in each step (PatchDropout, arXiv:2208.07220). The last fifth of the phase uses
            all patches.
        augment: Largest shift of images in memory, in pixels; rotation and scale go with it, and 0
            turns all three off.
        crop: Largest shift of images in memory, in whole pixels, without rotation and scale
            (random crop of the padded image); 0 turns it off.
        auto_augment: A policy of timm for images in files, such as "rand-m9-mstd0.5-inc1".
        min_crop: Smallest share of the area in a random crop of images in files.
        flip: Whether to mirror images at random.
        erasing: Probability of erasing a random rectangle of an image in a file.
        mixup: Alpha of Mixup; 0 turns it off.
        cutmix: Alpha of CutMix; 0 turns it off.
        workers: Processes that decode and augment images in files.
        rerank_epochs: The rows are ranked again every `rerank_epochs` epochs of the
            quantization-aware phase.
        rerank_until: Share of that phase after which the ranking stays fixed; 0 for no ranking
            after the first.
        layer_scaling: Whether to train the scales after attention and MLP; otherwise they stay 1.
        initial_scale: What these scales are at the start of a training from random weights
            (LayerScale, arXiv:2103.17239).
        optimizer: "adamw", or an optimizer of timm.
        schedule: "cosine", or a schedule of timm.
        clip_norm: Largest norm of the gradient; 0 for no limit.
        ema_decay: The weights at the end of each phase are averages over about 1 / (1 - decay)
            steps; 0 turns this off.
        accumulate: Number of parts into which each process divides its images of a step, to need
            less memory.
        device: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:1".
        amp: Whether to multiply matrices in bfloat16, where the device has instructions for it;
            quantizers and norms stay in float32.
        checkpoint_activations: Whether to recompute each block in the backward pass, to need less
            memory.
        teacher: A timm model that subnets also learn from; "" for none.
        teacher_file: The teacher's weights; "" for those that timm downloads.
        teacher_alpha: Share of the teacher in the loss.
        teacher_temperature: Temperature of the teacher's softened logits.
        checkpoint_epochs: Epochs between checkpoints.
        checkpoint_steps: Steps between further checkpoints; 0 for none.
        checkpoint_minutes: Minutes after which a further checkpoint is written; 0 for none. An
            interrupt (Ctrl-C, SIGTERM) writes one as well.
        log_steps: Steps between lines of the log, beside one per epoch; 0 for none.
        tensorboard: Whether to write a TensorBoard log as well.
        threads: Threads of torch; one is fastest for tiny models.
    """

    epochs: int = 130
    float_share: float = 0.4
    batch_size: int = 64
    float_learning_rate: float = 3e-3
    learning_rate: float = 3e-3
    step_learning_rate: float = 4e-3
    weight_decay: float = 0.05
    warmup_fraction: float = 0.1
    label_smoothing: float = 0.0
    random_subnets: int = 2
    sandwich: bool = False
    sampling: str = "spread"
    shrink_share: float = 0.0
    distill: str = "pretrained"
    distill_alpha: float = 0.5
    patch_drop: float = 0.0
    augment: float = 0.5
    crop: int = 0
    auto_augment: str = ""
    min_crop: float = 0.08
    flip: bool = False
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    workers: int = 0
    rerank_epochs: int = 5
    rerank_until: float = 0.6
    layer_scaling: bool = True
    initial_scale: float = 0.2
    optimizer: str = "adamw"
    schedule: str = "cosine"
    clip_norm: float = 0.0
    ema_decay: float = 0.0
    accumulate: int = 1
    device: str = "auto"
    amp: bool = False
    checkpoint_activations: bool = False
    teacher: str = ""
    teacher_file: str = ""
    teacher_alpha: float = 0.5
    teacher_temperature: float = 1.0
    checkpoint_epochs: int = 10
    checkpoint_steps: int = 0
    checkpoint_minutes: float = 2.0
    log_steps: int = 0
    tensorboard: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        normalise_fields(self, prefix="train.")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool | str):
                self._check_choice(field.name, value)
                continue
            whole = field.name in _AT_LEAST_ONE
            if value < (1 if whole else 0):
                rule = f"must be at least {1 if whole else 0}"
                raise ConfigError(problem(f"train.{field.name}", rule, value, "Raise it."))
            most = AT_MOST.get(field.name)
            if most is not None and value > most:
                rule = f"must be at most {most}"
                raise ConfigError(problem(f"train.{field.name}", rule, value, "Lower it."))
        if not DEVICE.fullmatch(self.device):
            rule, remedy = "must be auto, cpu, cuda, or cuda: and a number", "Choose one."
            raise ConfigError(problem("train.device", rule, repr(self.device), remedy))
        if self.teacher_file and not self.teacher:
            rule = "must come with `teacher`, the timm model that the weights are of"
            raise ConfigError(
                problem("train.teacher_file", rule, self.teacher_file, "Name the model.")
            )

        self._check_phases()

    def _check_choice(self, name: str, value: bool | str) -> None:
        choices = CHOICES.get(name, ())
        if choices and value not in choices:
            rule = f"must be one of {', '.join(choices)}"
            raise ConfigError(problem(f"train.{name}", rule, value, nearest(str(value), choices)))

    def _check_phases(self) -> None:
        for name, value, fine, rule, remedy in (
            (
                "distill",
                self.distill,
                self.distill != "largest" or self.sandwich,
                "must come with sandwich, which trains the largest subnet in every step",
                "Set sandwich = true, or distill = 'pretrained'.",
            ),
            (
                "random_subnets",
                self.random_subnets,
                self.random_subnets or self.sandwich,
                "must be at least 1 without sandwich",
                "Raise it.",
            ),
            (
                "shrink_share",
                self.shrink_share,
                not self.shrink_share or self.sampling == "spread",
                "must come with sampling = 'spread'",
                "Set sampling, or leave shrink_share out.",
            ),
        ):
            if not fine:
                raise ConfigError(problem(f"train.{name}", rule, value, remedy))

    @property
    def float_epochs(self) -> int:
        """The number of epochs in floating point."""
        return round(self.epochs * self.float_share)

    def determining(self) -> dict[str, Any]:
        """The settings that a checkpoint must have been made with, as plain data.

        The time between checkpoints is none of them: it changes no weight. The teacher's file
        counts by its content.
        """
        found = {k: v for k, v in encode(self).items() if k != "checkpoint_minutes"}
        file = Path(self.teacher_file)
        if file.is_file():
            found["teacher_file"] = hashlib.sha256(file.read_bytes()).hexdigest()
        return found

    def check_channels(self, channels: int) -> None:
        """Raise ConfigError for a timm policy on image files without three channels."""
        if self.auto_augment and channels != 3:
            rule = "must be empty for images that are not of three channels"
            value, remedy = self.auto_augment, "Leave it out."
            raise ConfigError(problem("train.auto_augment", rule, value, remedy))


CHOICES = {
    "sampling": ("uniform", "spread"),
    "distill": ("none", "pretrained", "largest"),
}
DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,3})?")
# Larger values are typing errors, and some of them would fail only hours later.
AT_MOST = {
    "epochs": 1_000_000,
    "batch_size": 1_000_000,
    "float_share": 1,
    "float_learning_rate": 10,
    "learning_rate": 10,
    "step_learning_rate": 10,
    "weight_decay": 10,
    "warmup_fraction": 1,
    "label_smoothing": 0.99,
    "random_subnets": 64,
    "shrink_share": 1,
    "distill_alpha": 1,
    "initial_scale": 10,
    "patch_drop": 0.9,
    "augment": 16,
    "crop": 16,
    "rerank_until": 1,
    "ema_decay": 0.999999,
    "accumulate": 4096,
    "min_crop": 1,
    "erasing": 1,
    "workers": 256,
    "teacher_alpha": 1,
    "teacher_temperature": 100,
    "threads": 256,
}
_AT_LEAST_ONE = (
    "epochs",
    "batch_size",
    "rerank_epochs",
    "checkpoint_epochs",
    "accumulate",
    "threads",
)
