"""The search: a generation at a time, resumable at any point with the same outcome."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from qnas.errors import EvaluationError, problem
from qnas.studies.config import SearchConfig
from qnas.studies.evaluate import Evaluate, Failure, Result
from qnas.studies.genome import Genome, Proposal
from qnas.studies.history import History, hopeless
from qnas.studies.progress import Progress
from qnas.studies.proposing import make_proposer
from qnas.studies.records import REASON, Place, decided_trials, make_trial, read_result
from qnas.studies.sampler import Params

MAX_FAILURES_IN_A_ROW = 20
SECONDS = "seconds"


@dataclass
class Runner:
    """Drives `study` to `search.trials` decided trials.

    A generation is proposed, evaluated and written as a whole: a kill loses at most one. Duplicates
    of an earlier trial, of this process or of the journal, are answered from memory.
    """

    study: Study
    genome: Genome
    search: SearchConfig
    seed: int
    evaluate: Evaluate
    progress: Progress
    seeds: Sequence[Params] = ()

    def run(self) -> None:
        """Ends early if the history is `hopeless`.

        Raises EvaluationError after MAX_FAILURES_IN_A_ROW failed trials.
        """
        self._space = self.genome.distributions()
        self._proposer = make_proposer(
            self.study, self._space, self.search, self.seed, identify=self._key, seeds=self.seeds
        )
        self._history = History(self.study)
        decided = decided_trials(self.study)
        self._memory: dict[str, Result] = {
            self._key(trial.params): read_result(trial) for trial in decided
        }
        self._failures = 0
        while (missing := self.search.trials - self._history.decided) > 0:
            if hopeless(self._history):
                return
            start = time.perf_counter()
            self._generation(missing)
            self._add_seconds(time.perf_counter() - start)

    def _generation(self, missing: int) -> None:
        """Fill the current generation, or what is missing of it."""
        generation, slot, room = self._history.next_slots(self.search.population)
        slots = range(slot, slot + min(room, missing))
        params = self._proposer.propose(self._history, generation, slots)
        results = self._answers([self.genome.decode(p) for p in params])
        trials = [
            make_trial(Place(generation, slot), p, self._space, key=key, result=result)
            for slot, p, (key, result) in zip(slots, params, results, strict=True)
        ]
        self._record(trials)
        self._history.update()
        done = min(self._history.decided, self.search.trials)
        self.progress.advance(done, self.search.trials, f"generation {generation}")

    def _key(self, params: Params) -> str:
        return self.genome.decode(params).key

    def _answers(self, proposals: Sequence[Proposal]) -> list[tuple[str, Result]]:
        """Key and result of each: from memory, else evaluated once."""
        keys = [proposal.key for proposal in proposals]
        fresh = {k: p for k, p in zip(keys, proposals, strict=True) if k not in self._memory}
        results = dict(zip(fresh, self.evaluate(list(fresh.values())), strict=True))
        self._memory |= {k: r for k, r in results.items() if not isinstance(r, Failure)}
        return [(key, self._memory.get(key) or results[key]) for key in keys]

    def _record(self, trials: Sequence[FrozenTrial]) -> None:
        """In slot order: whatever a kill leaves written is a prefix of the generation."""
        for count, trial in enumerate(trials, start=1):
            if trial.state != TrialState.PRUNED:  # a refusal tells nothing of the evaluation
                self._failures = self._failures + 1 if trial.state == TrialState.FAIL else 0
            if self._failures >= MAX_FAILURES_IN_A_ROW:
                self.study.add_trials(trials[:count])
                rule = f"stops after {self._failures} failed trials in a row"
                reason, remedy = trial.user_attrs[REASON], "Correct the cause and run again."
                raise EvaluationError(problem("search", rule, reason, remedy))
        self.study.add_trials(trials)

    def _add_seconds(self, seconds: float) -> None:
        total = self.study.user_attrs.get(SECONDS, 0.0) + seconds
        self.study.set_user_attr(SECONDS, round(total, 3))
