"""History: the trials of a search by generation, read incrementally from the study."""

from __future__ import annotations

from collections import defaultdict

import optuna
from optuna.trial import FrozenTrial, TrialState

from qnas.studies.search.sampler import is_ours, place_of

GIVE_UP_AFTER = 5  # generations


class History:
    """The search's trials in `study`; `update` reads the new ones.

    Each position (generation, slot) has one trial, the first that finished. A worker that was taken
    for dead may write a second one, which is ignored.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study, self._seen = study, 0
        self._places: defaultdict[int, dict[int, FrozenTrial]] = defaultdict(dict)
        self.decided = self.feasible = self.failed = 0

    def update(self) -> list[FrozenTrial]:
        """Read the trials added since the last call; return those that are not ignored, by
        number."""
        trials = self._study.get_trials(deepcopy=False)[self._seen :]
        self._seen += len(trials)
        return [trial for trial in trials if self._take_in(trial)]

    def _take_in(self, trial: FrozenTrial) -> bool:
        if not (is_ours(trial) and trial.state.is_finished()):
            return False
        generation, slot = place_of(trial)
        if slot in self._places[generation]:
            return False
        self._places[generation][slot] = trial
        failed = trial.state == TrialState.FAIL
        self.failed += failed
        self.decided += not failed
        self.feasible += not failed and all(v <= 0 for v in trial.constraints.values())
        return True

    def generation(self, number: int) -> list[FrozenTrial]:
        """The decided trials of a generation, by slot."""
        slots = sorted(self._places[number].items())
        return [trial for _, trial in slots if trial.state != TrialState.FAIL]

    def before(self, generation: int) -> list[FrozenTrial]:
        """The decided trials of the generations before `generation`, by position."""
        return [trial for earlier in range(generation) for trial in self.generation(earlier)]

    def open_slots(self, population: int, trials: int) -> tuple[int, list[int]]:
        """The generation to fill, and its slots without a trial; no slots if the search is done.

        A generation is complete when it has `population` decided trials, the last one when there
        are `trials` in all. A failed trial uses up its slot, and one more slot is opened. The
        result does not depend on which worker evaluates which slot, or in what order.
        """
        generation, left = 0, trials
        while left > 0:
            places = self._places[generation]
            slot, needed, open_slots = 0, min(population, left), list[int]()
            while needed > 0:
                if slot not in places:
                    open_slots.append(slot)
                needed -= slot not in places or places[slot].state != TrialState.FAIL
                slot += 1
            if open_slots:
                return generation, open_slots
            generation, left = generation + 1, left - population
        return generation, []


def no_feasible_candidate(history: History, generation: int) -> bool:
    """Whether GIVE_UP_AFTER complete generations before `generation` have no feasible candidate.

    The selection prefers the smallest violations, so that these generations have reduced them as
    far as they could.
    """
    nothing = history.feasible == history.failed == 0  # a failed trial's plan was within the limits
    return nothing and generation > GIVE_UP_AFTER
