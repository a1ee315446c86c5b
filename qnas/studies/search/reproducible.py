"""NSGA-II for `study.optimize` whose proposals do not depend on the number of workers or on
interruptions."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.samplers.nsgaii import BaseCrossover, BaseMutation
from optuna.search_space import intersection_search_space
from optuna.trial import FrozenTrial, TrialState

from qnas.errors import EvaluationError, problem
from qnas.studies.optuna_internals import set_system_attrs
from qnas.studies.search.sampler import (
    GENERATION,
    SLOT,
    Distributions,
    Params,
    ParentSelection,
    PlacedSampler,
    is_ours,
    place_of,
)

WORKER = "qnas:worker"
PAUSE_S = 0.05
DONE = (TrialState.COMPLETE, TrialState.PRUNED)


class ReproducibleNSGAIISampler(BaseSampler):
    """NSGA-II whose proposals depend only on `seed` and the values of earlier generations.

        study = optuna.create_study(
            directions=["minimize", "maximize"], sampler=qnas.ReproducibleNSGAIISampler(seed=1)
        )
        study.optimize(objective, n_trials=500, n_jobs=4)

    Optuna's own sampler keeps one random state, which threads share and a killed process loses.
    Here each trial has a position, a slot in a generation of `population_size`, and its own random
    state, (seed, generation, slot, attempt). Its parents are selected when the previous generation
    is complete; the sampler waits for that. The parameters at each position are therefore the same
    for one process or many on a shared storage, for any `n_jobs`, and for a study that was killed
    and resumed. The numbers of the trials, and which trials are repeated, may differ.

    Selection, crossover and mutation are Optuna's. A trial that keeps its constraints
    (`trial.set_constraint`) ranks before one that does not. A trial of a killed process of this
    machine is proposed again; if another machine dies,
    `study.tell(number, state=TrialState.FAIL)` frees the slot. The objective must return the same
    values for the same parameters.

    Args:
        seed: Seed of every random choice.
        population_size: Trials per generation.
        mutation: The argument of `optuna.samplers.NSGAIISampler` of this name.
        mutation_prob: The argument of `optuna.samplers.NSGAIISampler` of this name.
        crossover: The argument of `optuna.samplers.NSGAIISampler` of this name.
        crossover_prob: The argument of `optuna.samplers.NSGAIISampler` of this name.
        swapping_prob: The argument of `optuna.samplers.NSGAIISampler` of this name.
        retries: How often a failed trial is proposed again with the same parameters, before its
            slot gets other parameters.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        population_size: int = 50,
        mutation: BaseMutation | None = None,
        mutation_prob: float | None = None,
        crossover: BaseCrossover | None = None,
        crossover_prob: float = 0.9,
        swapping_prob: float = 0.5,
        retries: int = 1,
    ) -> None:
        self._settings: dict[str, Any] = {
            "population_size": population_size,
            "mutation": mutation,
            "mutation_prob": mutation_prob,
            "crossover": crossover,
            "crossover_prob": crossover_prob,
            "swapping_prob": swapping_prob,
        }
        self._selection = ParentSelection(**self._settings)  # raises as Optuna for bad arguments
        self._seed, self._retries = seed, retries
        self._parents: list[list[FrozenTrial]] = [[]]  # by generation
        self._placed: dict[int, PlacedSampler] = {}  # by trial number, for trials running here
        self._asked_by: dict[int, int] = {}  # the thread of each trial
        self._lock = threading.RLock()
        self._worker = f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"

    def reseed_rng(self) -> None:
        """Do nothing: threads and processes share no random state."""

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Give the trial its position; wait while others evaluate the previous generation."""
        while not self._take_place(study, trial):
            time.sleep(PAUSE_S)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that all parents of the trial have in common."""
        return self._sampler_of(study, trial).evolved

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: Distributions
    ) -> Params:
        """A child of the trial's parents; nothing in the first generation."""
        return self._sampler_of(study, trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Sample at random: in the first generation, after a mutation, and for parameters that the
        parents lack."""
        sampler = self._sampler_of(study, trial)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Remove the finished trial from the running ones."""
        with self._lock:
            self._placed.pop(trial.number, None)
            self._asked_by.pop(trial.number, None)

    def _sampler_of(self, study: optuna.Study, trial: FrozenTrial) -> PlacedSampler:
        if trial.number not in self._placed:  # a trial that another sampler began
            (mine,) = (t for t in study.get_trials(deepcopy=False) if t.number == trial.number)
            generation, slot = place_of(mine)
            slots = self._generations(study)[generation]
            with self._lock:
                self._begin(study, mine, generation, slot, len(slots[slot].failed))
        return self._placed[trial.number]

    def _take_place(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Take the first free slot; False if the trial must wait for the generation."""
        with self._lock:
            generation, slots = self._open(study, trial)
            free = [slot for slot in range(self._size) if slots[slot].free]
            if not free:
                self._check_hope(slots)
                return False
            # The slot last: with it, the others see that the trial has a place.
            place = {WORKER: self._worker, GENERATION: generation, SLOT: free[0]}
            set_system_attrs(study, trial, place)
            # Two processes may have taken it at once: it is the earlier trial's.
            again = self._generations(study, but=trial.number)[generation][free[0]]
            if any(number < trial.number for number in again.running):
                return False
            self._asked_by[trial.number] = threading.get_ident()
            self._begin(study, trial, generation, free[0], len(slots[free[0]].failed))
            return True

    @property
    def _size(self) -> int:
        return int(self._settings["population_size"])

    def _open(self, study: optuna.Study, trial: FrozenTrial) -> tuple[int, dict[int, _Slot]]:
        """The first incomplete generation and its slots; selects the parents up to it."""
        generations = self._generations(study, but=trial.number)
        generation = 0
        while all(generations[generation][slot].done for slot in range(self._size)):
            generation += 1
        for last in range(len(self._parents) - 1, generation):
            pool = [generations[last][slot].done[0] for slot in range(self._size)]
            parents = self._selection.select(study, pool + self._parents[last])
            self._parents.append(parents)
        return generation, generations[generation]

    def _generations(
        self, study: optuna.Study, *, but: int = -1
    ) -> defaultdict[int, defaultdict[int, _Slot]]:
        """The current slots of every generation, without the trial of number `but`."""
        found: defaultdict[int, defaultdict[int, _Slot]] = defaultdict(lambda: defaultdict(_Slot))
        for trial in study.get_trials(deepcopy=False):
            if is_ours(trial) and trial.number != but:
                generation, slot = place_of(trial)
                found[generation][slot].add(trial)
        return found

    def _begin(
        self, study: optuna.Study, trial: FrozenTrial, generation: int, slot: int, failed: int
    ) -> None:
        parents = self._parents[generation]
        sampler = PlacedSampler(
            intersection_search_space(parents),
            parents=parents,
            generation=generation,
            settings=self._settings,
        )
        sampler.begin((self._seed, generation, slot, failed // (self._retries + 1)))
        self._placed[trial.number] = sampler

    def _check_hope(self, slots: dict[int, _Slot]) -> None:
        """Raise EvaluationError if this thread itself runs all trials that it would wait for."""
        me = threading.get_ident()
        waited = [n for slot in slots.values() if not slot.done for n in slot.running]
        if all(self._asked_by.get(number) == me for number in waited):
            rule = "must be told what its last generation came to before it is asked for the next"
            raise EvaluationError(
                problem("study", rule, f"{len(waited)} trials untold", "Tell them.")
            )


class _Slot:
    """The trials at one position: `done`, `failed`, and the numbers of those still running."""

    def __init__(self) -> None:
        self.done: list[FrozenTrial] = []
        self.failed: list[FrozenTrial] = []
        self.running: list[int] = []

    @property
    def free(self) -> bool:
        return not (self.done or self.running)

    def add(self, trial: FrozenTrial) -> None:
        if trial.state in DONE:
            self.done.append(trial)
        elif trial.state == TrialState.FAIL:
            self.failed.append(trial)
        elif _is_alive(trial.system_attrs[WORKER]):
            self.running.append(trial.number)


def _is_alive(worker: str) -> bool:
    """Whether a worker's process is alive; true for workers of other machines, which cannot be
    checked."""
    host, pid, started = worker.rsplit(":", 2)
    return host != socket.gethostname() or _started(int(pid)) == started


def _started(pid: int) -> str:
    """The start time of a process, in kernel ticks; "" without the process or without /proc."""
    try:
        # Behind the command, which is in parentheses and may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
