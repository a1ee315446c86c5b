"""What a user may give a study, at the top level of a Python file, where workers find it."""

from __future__ import annotations

import numpy as np
from optuna.samplers import BaseSampler, RandomSampler

import qnas


def stream_kilobytes(candidate: qnas.Candidate) -> float:
    """What one image streams from memory."""
    return candidate.plan.stream_words * candidate.plan.stream_bits / 8e3


def images() -> qnas.ImageSet:
    """A third of the digits."""
    digits = qnas.load_data("digits")
    return qnas.ImageSet(
        name="a third",
        images=np.ascontiguousarray(digits.images[:600]),
        labels=digits.labels[:600],
        num_classes=10,
        input_step=digits.input_step,
    )


def make_sampler(seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


STREAM = qnas.FunctionObjective("stream", "kB", "minimize", stream_kilobytes)
