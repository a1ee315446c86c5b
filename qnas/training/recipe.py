"""Recipe: every number of a training run."""

from __future__ import annotations

from dataclasses import dataclass, fields

from qnas._util.field_types import normalise_fields
from qnas._util.serialization import Value
from qnas.errors import ConfigError, problem


@dataclass(frozen=True, slots=True)
class Recipe(Value):
    """AdamW, cosine schedule with linear warm-up; sandwich sampling (arXiv:1903.05134).

    A step trains the largest subnet on labels, the smallest and `random_subnets` random ones on
    the largest one's outputs (in-place distillation). `augment` is the largest shift in pixels;
    rotation and scale go with it. Rows are ranked again every `rerank_epochs` until the share
    `rerank_until` of training (0: never). `threads` is torch's: one is fastest for tiny models.

    `augment` is for images in memory. Those in files are cut out at random, of the area `min_crop`
    or more, flipped, changed as timm's policy `auto_augment` says ("rand-m9-mstd0.5-inc1") and
    erased in part with the probability `erasing`, by as many processes as `workers`. `mixup` and
    `cutmix` are alphas, for both; 0 turns them off.

    Three ideas may be left out: without `sandwich` a step's subnets, as many, are all random and
    learn from labels; without `distill` all of a sandwich do; without `layer_scaling` the scales
    behind attention and MLP stay at one.

    `batch_size` counts the images of a step, over all processes; `accumulate` cuts each process's
    share into so many parts, for less memory. `optimizer` and `schedule` are "adamw" and "cosine",
    or names that timm knows. `ema_decay` averages the weights over about 1 / (1 - decay) steps and
    saves the average; `clip_norm` bounds the norm of the gradient; 0 turns either off.
    `device` is "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:1". `amp` multiplies
    matrices in bfloat16; quantizers and norms stay in float32. `checkpoint_activations` computes
    each block a second time on the way back rather than keep what it computed.

    `teacher` names a timm model (`teacher_file`: its weights) that the largest subnet learns from:
    `teacher_alpha` of its loss, at `teacher_temperature`.

    A checkpoint is written every `checkpoint_epochs`, and every `checkpoint_steps` if that is not
    0; a line of the log every epoch, and every `log_steps` likewise.
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
    auto_augment: str = ""
    min_crop: float = 0.08
    flip: bool = True
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    workers: int = 0
    rerank_epochs: int = 5
    rerank_until: float = 0.6
    sandwich: bool = True
    distill: bool = True
    layer_scaling: bool = True
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
    log_steps: int = 0
    tensorboard: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        normalise_fields(self, prefix="train.")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool | str):
                continue
            whole = field.name in _AT_LEAST_ONE
            if value < (1 if whole else 0):
                rule = f"must be at least {1 if whole else 0}"
                raise ConfigError(problem(f"train.{field.name}", rule, value, "Raise it."))
            most = AT_MOST.get(field.name)
            if most is not None and value > most:
                rule = f"must be at most {most}"
                raise ConfigError(problem(f"train.{field.name}", rule, value, "Lower it."))
        if self.teacher_file and not self.teacher:
            rule = "must come with `teacher`, the timm model that the weights are of"
            raise ConfigError(
                problem("train.teacher_file", rule, self.teacher_file, "Name the model.")
            )

    def check_channels(self, channels: int) -> None:
        """ConfigError for a policy of timm's on files of other than three channels."""
        if self.auto_augment and channels != 3:
            rule = "must be empty for images that are not of three channels"
            value, remedy = self.auto_augment, "Leave it out."
            raise ConfigError(problem("train.auto_augment", rule, value, remedy))


# Beyond these a recipe is a slip of the pen, and some end in a traceback hours later.
AT_MOST = {
    "epochs": 1_000_000,
    "batch_size": 1_000_000,
    "learning_rate": 10,
    "step_learning_rate": 10,
    "weight_decay": 10,
    "warmup_fraction": 1,
    "label_smoothing": 0.99,
    "random_subnets": 64,
    "augment": 16,
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
