"""Everything that qnas takes from inside Optuna: what a release may change without notice.

A test holds that no other module does so; `optuna>=5,<6` in pyproject.toml keeps it true.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.samplers import NSGAIISampler
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial


def set_random_state(sampler: NSGAIISampler, state: Sequence[int]) -> None:
    """As `reseed_rng`, but to a state that is known: of its generator, and that of its independent
    samples."""
    seeds = np.random.SeedSequence(list(state)).generate_state(2)
    sampler._rng.rng.seed(seeds[0])
    sampler._random_sampler._rng.rng.seed(seeds[1])


def set_system_attrs(study: optuna.Study, trial: FrozenTrial, attrs: dict[str, Any]) -> None:
    """Write system attributes of a running trial, as Optuna's own samplers do."""
    for key, value in attrs.items():
        study._storage.set_trial_system_attr(trial._trial_id, key, value)


def live_trial(study: optuna.Study, trial: FrozenTrial) -> optuna.Trial:
    """The trial of `study` that `trial` was read from, for programs that write to it."""
    return optuna.Trial(study, trial._trial_id)


def entries_read(backend: JournalFileBackend) -> int:
    """How many entries of its file a journal has read."""
    return len(backend._log_number_offset) - 1
