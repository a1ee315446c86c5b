"""History: the trials of a search by generation, read from the study as they come."""

from __future__ import annotations

from collections import defaultdict

import optuna
from optuna.trial import FrozenTrial, TrialState

from qnas.studies.search.sampler import is_ours, place_of

GIVE_UP_AFTER = 5  # generations


class History:
    """What `study` holds of the search. `update` reads on from where it left off.

    A place (generation, slot) has one trial: the first that was finished. A worker that was taken
    for dead may write another, which is of no account.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study, self._seen = study, 0
        self._places: defaultdict[int, dict[int, FrozenTrial]] = defaultdict(dict)
        self.decided = self.feasible = self.failed = 0

    def update(self) -> list[FrozenTrial]:
        """Take in the trials that were added; returns those that count, by number."""
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
        """The decided trials of the generations before one, by place."""
        return [trial for earlier in range(generation) for trial in self.generation(earlier)]

    def open_slots(self, population: int, trials: int) -> tuple[int, list[int]]:
        """The generation to fill, and its slots that have no trial yet; none if all is done.

        A generation is over when it has `population` decided trials, the last one when there are
        `trials` in all. A failed trial uses up its slot, and another slot is opened. Who evaluates
        which slot, and in what order, makes no difference.
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
    """Whether GIVE_UP_AFTER generations before the last went by, of which `generation` would be
    the next, without one candidate within the limits.

    The selection breeds from the least violations, so that by then they have been pressed.
    """
    nothing = history.feasible == history.failed == 0  # what fails was within the plan's limits
    return nothing and generation > GIVE_UP_AFTER
