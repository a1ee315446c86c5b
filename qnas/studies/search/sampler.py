"""NSGA-II whose every child depends only on (seed, generation, slot, attempt) and its parents.

Optuna's sampler keeps one random state for its lifetime, which a killed process loses, and reads
all trials at each ask. Here each slot of each generation has its own random state and is given its
parents. A resumed study therefore proposes exactly the trials of an uninterrupted one, a longer
study begins with the trials of a shorter one, and every generation takes the same time. Selection,
crossover and mutation are Optuna's own code.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIISampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from qnas.studies.optuna_internals import set_random_state

Distributions = dict[str, BaseDistribution]
Params = dict[str, Any]

GENERATION = "NSGAIISampler:generation"  # the attribute that Optuna's own sampler reads
SLOT = "qnas:slot"
EARLY_STOPPED = "dominated"  # by racing: the number of images, and lower bounds of the values


def is_ours(trial: FrozenTrial) -> bool:
    """Whether the search made `trial`, and not another program."""
    return SLOT in trial.system_attrs


def place_of(trial: FrozenTrial) -> tuple[int, int]:
    """Generation and slot of a trial of the search. They identify the trial: its number depends on
    the timing of the workers."""
    return int(trial.system_attrs[GENERATION]), int(trial.system_attrs[SLOT])


class PlacedSampler(NSGAIISampler):
    """Optuna's NSGA-II for trials of `generation` with given parents; `evolved` are the parameters
    of `distributions` that a child inherits."""

    def __init__(
        self,
        distributions: Distributions,
        *,
        parents: Sequence[FrozenTrial],
        generation: int,
        settings: Mapping[str, Any],
    ) -> None:
        super().__init__(**{**settings, "seed": 0})
        self._parents, self._generation = list(parents), generation
        self.evolved = {name: d for name, d in sorted(distributions.items()) if not d.single()}

    def begin(self, state: Sequence[int]) -> None:
        """Set the random state of one trial."""
        set_random_state(self, state)

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:
        return self._generation

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        return self._parents


class SlotSampler(PlacedSampler):
    """Proposes whole children, for slots of one generation, outside any trial."""

    def __init__(
        self,
        distributions: Distributions,
        *,
        parents: Sequence[FrozenTrial],
        generation: int,
        settings: Mapping[str, Any],
    ) -> None:
        super().__init__(distributions, parents=parents, generation=generation, settings=settings)
        self._distributions = distributions
        self._trial = create_trial(state=TrialState.RUNNING)

    def propose(self, study: optuna.Study, state: Sequence[int]) -> Params:
        """Parameters of one child, as `study.ask` would give, without a trial in the storage."""
        self.begin(state)
        params = self.sample_relative(study, self._trial, self.evolved)
        return {
            name: params[name]
            if name in params
            else self.sample_independent(study, self._trial, name, distribution)
            for name, distribution in self._distributions.items()
        }


class ParentSelection(NSGAIISampler):
    """Optuna's NSGA-II selection of parents among given trials."""

    def select(self, study: optuna.Study, pool: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """The survivors of `pool`, by position, at most the population.

        An early-stopped trial is ranked by its bound, which a rival dominates. Infeasible trials,
        which have no values, rank after those with values, the smallest violation first.
        """
        bounded = [_with_bound(t) if is_early_stopped(t) else t for t in pool]
        self._pool = [t for t in bounded if t.state == TrialState.COMPLETE]
        found = self.select_parent(study, 1) if self._pool else []
        infeasible = [t for t in bounded if t.state == TrialState.PRUNED]
        infeasible.sort(
            key=lambda t: (sum(max(v, 0.0) for v in t.constraints.values()), place_of(t))
        )
        found += infeasible[: max(0, (self.population_size or 0) - len(found))]
        return sorted(found, key=place_of)

    def get_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        return sorted(self._pool, key=place_of)

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        return []


def is_early_stopped(trial: FrozenTrial) -> bool:
    """Whether racing stopped the trial before every image was evaluated."""
    found = trial.user_attrs.get(EARLY_STOPPED)
    return isinstance(found, Mapping) and "bound" in found


def _with_bound(trial: FrozenTrial) -> FrozenTrial:
    """A copy of an early-stopped trial that is COMPLETE with its bound, for the selection only."""
    bounded = copy.copy(trial)
    bounded.values = trial.user_attrs[EARLY_STOPPED]["bound"]
    bounded.state = TrialState.COMPLETE
    return bounded
