"""NSGA-II whose every child depends on (seed, generation, slot, attempt) and its parents alone.

Optuna's sampler keeps one random state for its lifetime, which a killed process loses, and looks
through all trials at each ask. Here each slot of each generation has a state of its own and is
told its parents, so that a resumed study proposes exactly what the uninterrupted one would have, a
longer study begins with the shorter one's trials, and the hundredth generation costs what the
first does. How parents are selected, crossed over and mutated is Optuna's own code.
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

GENERATION = "NSGAIISampler:generation"  # where the stock sampler looks for it too
SLOT = "qnas:slot"
EARLY_STOPPED = (
    "dominated"  # of a race: after how many images, and the least that the values can be
)


def is_ours(trial: FrozenTrial) -> bool:
    """Whether `trial` belongs to the search, rather than being made elsewhere."""
    return SLOT in trial.system_attrs


def place_of(trial: FrozenTrial) -> tuple[int, int]:
    """Generation and slot of one of ours: what counts, since numbers depend on who was first."""
    return int(trial.system_attrs[GENERATION]), int(trial.system_attrs[SLOT])


class PlacedSampler(NSGAIISampler):
    """Stock NSGA-II for trials of `generation`, told its parents; `evolved` are the parameters of
    `distributions` that a child has of them."""

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
        """Take up the random state of one trial."""
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
        """Parameters of one child: what `study.ask` would do, without a trial in the storage."""
        self.begin(state)
        params = self.sample_relative(study, self._trial, self.evolved)
        return {
            name: params[name]
            if name in params
            else self.sample_independent(study, self._trial, name, distribution)
            for name, distribution in self._distributions.items()
        }


class ParentSelection(NSGAIISampler):
    """Stock NSGA-II's selection of parents among trials that it is given."""

    def select(self, study: optuna.Study, pool: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """The survivors of `pool`, by place, at most the population.

        What was dropped from a race counts by its bound, which a rival dominates. Trials without
        values, refused for a limit, follow those with, the least violation first.
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
    """Whether a race ended before the trial had seen every image."""
    found = trial.user_attrs.get(EARLY_STOPPED)
    return isinstance(found, Mapping) and "bound" in found


def _with_bound(trial: FrozenTrial) -> FrozenTrial:
    """A copy of a dropped trial that is COMPLETE with its bound, for the selection alone."""
    bounded = copy.copy(trial)
    bounded.values = trial.user_attrs[EARLY_STOPPED]["bound"]
    bounded.state = TrialState.COMPLETE
    return bounded
