"""An objective that runs the subnet itself: its error on noisy images.

    objectives = ["error", "latency", "objectives/noise_error.py:NOISE_ERROR"]

Copy it for your own: a candidate gives its trained `subnet()` and the `search_split()`.
"""

from __future__ import annotations

import numpy as np
import torch

from qnas.objectives.base import Candidate, FunctionObjective

SIGMA, SEED, BATCH = 0.2, 0, 512


@torch.no_grad()
def noise_error(candidate: Candidate) -> float:
    """Top-1 error in percent with Gaussian noise of SIGMA on the normalised images, the same noise
    for every candidate."""
    images, labels = candidate.search_split()
    subnet, noise, wrong = candidate.subnet(), np.random.default_rng(SEED), 0
    for first in range(0, len(labels), BATCH):
        clean = images[first : first + BATCH]
        noisy = clean + SIGMA * noise.standard_normal(clean.shape, dtype=np.float32)
        predicted = subnet(torch.from_numpy(noisy)).argmax(dim=1).numpy()
        wrong += int((predicted != labels[first : first + BATCH]).sum())
    return 100 * wrong / len(labels)


NOISE_ERROR = FunctionObjective("noise_error", "%", "minimize", noise_error)
