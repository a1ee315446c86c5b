"""Proposers: they compute the parameters of a generation's slots from the earlier trials."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from qnas.studies.samplers import make_sampler
from qnas.studies.search.history import History
from qnas.studies.search.sampler import (
    Distributions,
    Params,
    ParentSelection,
    SlotSampler,
    place_of,
)
from qnas.studies.search.trials import KEY
from qnas.studies.sections import DEFAULT_SAMPLER, SearchConfig

ATTEMPTS = 20
Identify = Callable[[Params], str]


class Proposer(Protocol):
    """Proposes parameters by generation and slot, from the decided trials of earlier
    generations only."""

    def propose(self, history: History, generation: int, slots: range) -> list[Params]:
        """Parameters of `slots`, the same in every call and in every process."""
        ...


class Evolution:
    """Proposes by NSGA-II. `identify` maps parameters to the key of their proposal.

    A child whose key an earlier generation or slot has is bred again, up to ATTEMPTS times; after
    that the duplicate is kept and gets the earlier result. `warm_start` fills the first slots.
    """

    def __init__(
        self,
        study: optuna.Study,
        distributions: Distributions,
        search: SearchConfig,
        seed: int,
        *,
        identify: Identify,
        warm_start: Sequence[Params] = (),
    ) -> None:
        self._study, self._distributions = study, distributions
        self._seed, self._identify = seed, identify
        self._settings: dict[str, Any] = {**search.settings, "population_size": search.population}
        self._selection = ParentSelection(**self._settings)
        self._warm_start = list(warm_start)
        self._parents: list[list[FrozenTrial]] = [[]]  # by generation
        self._known: set[str] = set()  # keys of the generations before the last of `_parents`
        self._current: list[Params] = []  # parameters proposed so far for that generation

    def propose(self, history: History, generation: int, slots: range) -> list[Params]:
        if generation != len(self._parents) - 1 or not self._current:
            self._advance(history, generation)
        while len(self._current) < slots.stop:
            self._current.append(self._child(generation, len(self._current)))
        return self._current[slots.start : slots.stop]

    def _advance(self, history: History, generation: int) -> None:
        """Select the parents of every generation up to this one, and collect the known keys."""
        for last in range(len(self._parents) - 1, generation):
            pool = history.generation(last)
            self._known.update(trial.user_attrs[KEY] for trial in pool)
            parents = self._selection.select(self._study, pool + self._parents[last])
            self._parents.append(parents)
        self._sampler = SlotSampler(
            self._distributions,
            parents=self._parents[generation],
            generation=generation,
            settings=self._settings,
        )
        self._current = []
        self._taken = set(self._known)

    def _child(self, generation: int, slot: int) -> Params:
        if generation == 0 and slot < len(self._warm_start):
            child = self._warm_start[slot]
        else:
            for attempt in range(ATTEMPTS):
                state = (self._seed, generation, slot, attempt)
                child = self._sampler.propose(self._study, state)
                if self._identify(child) not in self._taken:
                    break
        self._taken.add(self._identify(child))
        return child


class Sampling:
    """Proposes by any other sampler of Optuna, a batch of `population` at a time.

    Each generation gets a new sampler, seeded by (seed, generation), on an in-memory copy of the
    earlier trials. This is slower than one persistent sampler, but gives the same proposals after
    an interruption.
    """

    def __init__(
        self, study: optuna.Study, distributions: Distributions, search: SearchConfig, seed: int
    ) -> None:
        self._directions = study.directions
        self._distributions, self._search, self._seed = distributions, search, seed
        self._generation, self._asked = -1, list[Params]()

    def propose(self, history: History, generation: int, slots: range) -> list[Params]:
        if generation != self._generation:
            self._copy = self._begin(history, generation)
            self._generation, self._asked = generation, []
        while len(self._asked) < slots.stop:
            self._asked.append(self._copy.ask(self._distributions).params)
        return self._asked[slots.start : slots.stop]

    def _begin(self, history: History, generation: int) -> optuna.Study:
        state = np.random.SeedSequence([self._seed, generation]).generate_state(1)
        sampler = make_sampler(self._search, seed=int(state[0]))
        study = optuna.create_study(directions=self._directions, sampler=sampler)
        for earlier in range(generation):
            study.add_trials(self._marked(trial) for trial in history.generation(earlier))
        return study

    def _marked(self, trial: FrozenTrial) -> FrozenTrial:
        """`trial` with its generation in the attribute that Optuna's genetic samplers read."""
        marked = copy.copy(trial)
        key = f"{self._search.sampler_name}:generation"
        marked.system_attrs = {**trial.system_attrs, key: place_of(trial)[0]}
        return marked


def make_proposer(
    study: optuna.Study,
    distributions: Distributions,
    search: SearchConfig,
    seed: int,
    *,
    identify: Identify,
    warm_start: Sequence[Params] = (),
) -> Proposer:
    """Make the proposer for the sampler that `search` names."""
    if search.sampler_name == DEFAULT_SAMPLER:
        return Evolution(
            study, distributions, search, seed, identify=identify, warm_start=warm_start
        )
    return Sampling(study, distributions, search, seed)
