"""Every use of Optuna's private names, which a release may change without notice.

A test checks that no other module uses them; pyproject.toml requires `optuna>=5,<6`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import optuna
from optuna.samplers import NSGAIISampler
from optuna.storages import GrpcStorageProxy
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._storage import JournalOperation
from optuna.trial import FrozenTrial

CREATE_TRIAL = JournalOperation.CREATE_TRIAL.value  # `op_code` of a journal's entry


def set_random_state(sampler: NSGAIISampler, state: Sequence[int]) -> None:
    """Seed the sampler's generator, and that of its independent samples, with a known `state`,
    where Optuna's `reseed_rng` uses a random one."""
    seeds = np.random.SeedSequence(list(state)).generate_state(2)
    sampler._rng.rng.seed(seeds[0])
    sampler._random_sampler._rng.rng.seed(seeds[1])


def set_system_attrs(study: optuna.Study, trial: FrozenTrial, attrs: dict[str, Any]) -> None:
    """Write system attributes of a running trial, as Optuna's own samplers do."""
    for key, value in attrs.items():
        study._storage.set_trial_system_attr(trial._trial_id, key, value)


def live_trial(study: optuna.Study, trial: FrozenTrial) -> optuna.Trial:
    """The writable trial of `study` that `trial` is a frozen copy of."""
    return optuna.Trial(study, trial._trial_id)


def attach_to_finished(study: optuna.Study, trial: FrozenTrial, artifact_id: str) -> None:
    """Show an artifact of `study` on a finished trial too, whose own attributes cannot change: the
    dashboard also reads artifacts of trials from the study."""
    storage = study._storage
    kept = storage.get_study_system_attrs(study._study_id)
    meta = kept[f"artifacts:{artifact_id}"]
    key = f"dashboard:artifacts:{trial._trial_id}:{artifact_id}"
    storage.set_study_system_attr(study._study_id, key, meta)


def bound_calls(proxy: GrpcStorageProxy, seconds: float) -> None:
    """Let every call of `proxy` fail after `seconds` without an answer, where Optuna's wait for
    ever: a server may be frozen. Its cache calls through the same stub."""
    for name, call in vars(proxy._stub).items():
        setattr(proxy._stub, name, partial(call, timeout=seconds))


def entries_read(backend: JournalFileBackend) -> int:
    """The number of journal entries that `backend` has read from its file."""
    return len(backend._log_number_offset) - 1
