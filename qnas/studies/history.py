"""History: the trials of a search by generation, read from the study as they come."""

from __future__ import annotations

from collections import Counter, defaultdict

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from qnas.studies.sampler import generation_of

GIVE_UP_AFTER = 5  # generations


class History:
    """What `study` holds of the search. `update` reads on from where it left off."""

    def __init__(self, study: Study) -> None:
        self._study, self._seen = study, 0
        self._used: Counter[int] = Counter()  # slots of each generation, failed ones too
        self._decided: defaultdict[int, list[FrozenTrial]] = defaultdict(list)
        self.decided = self.feasible = self.failed = 0
        self.update()

    def update(self) -> list[FrozenTrial]:
        """Take in the trials that were added; returns the decided ones, by number."""
        trials = self._study.get_trials(deepcopy=False)[self._seen :]
        self._seen += len(trials)
        ours = [
            trial for trial in trials if trial.state.is_finished() and generation_of(trial) >= 0
        ]
        decided = [trial for trial in ours if trial.state != TrialState.FAIL]
        self._used.update(generation_of(trial) for trial in ours)
        for trial in decided:
            self._decided[generation_of(trial)].append(trial)
        self.decided += len(decided)
        self.failed += len(ours) - len(decided)
        self.feasible += sum(all(v <= 0 for v in t.constraints.values()) for t in decided)
        return decided

    @property
    def generations(self) -> int:
        """How many have been begun."""
        return max(self._decided, default=-1) + 1

    def generation(self, number: int) -> list[FrozenTrial]:
        """The decided trials of a generation, by number."""
        return list(self._decided.get(number, ()))

    def next_slots(self, population: int) -> tuple[int, int, int]:
        """The generation to fill, its first unused slot, and how many decided trials it lacks.

        A generation is over when it has `population` decided trials; one that failed uses up its
        slot, and another slot is opened.
        """
        generation = max(self._decided, default=0)
        if len(self.generation(generation)) >= population:
            generation += 1
        return generation, self._used[generation], population - len(self.generation(generation))


def hopeless(history: History) -> bool:
    """Whether GIVE_UP_AFTER generations went by without one candidate within the limits.

    The selection breeds from the least violations, so that by then they have been pressed.
    """
    nothing = history.feasible == history.failed == 0  # what fails was within the plan's limits
    return nothing and history.generations > GIVE_UP_AFTER
