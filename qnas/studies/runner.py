"""The search: NSGA-II a generation at a time, resumable at any point with the same outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optuna import Study
from optuna.trial import Trial, TrialState

from qnas.errors import EvaluationError, problem
from qnas.studies.config import SearchConfig
from qnas.studies.evaluate import Evaluation, Failure
from qnas.studies.genome import Genome, Proposal
from qnas.studies.progress import Progress
from qnas.studies.records import KEY, complete_trials, read_evaluation, write_evaluation
from qnas.studies.sampler import SlotSampler
from qnas.studies.storage import REASON, fail_interrupted

MAX_FAILURES_IN_A_ROW = 20
SECONDS = "seconds"

Evaluate = Callable[[Sequence[Proposal]], list[Evaluation | Failure]]


@dataclass
class Runner:
    """Drives `study` to `search.trials` COMPLETE trials.

    Duplicates of an earlier trial, of this process or of the journal, are answered from memory.
    """

    study: Study
    genome: Genome
    search: SearchConfig
    seed: int
    evaluate: Evaluate
    progress: Progress

    def run(self) -> None:
        """Raises EvaluationError after MAX_FAILURES_IN_A_ROW failed trials."""
        fail_interrupted(self.study)
        self._distributions = self.genome.distributions()
        self._memory = {
            self.genome.decode(trial.params).key: read_evaluation(trial)
            for trial in complete_trials(self.study)
        }
        self._failures = 0
        while (missing := self.search.trials - self._complete()) > 0:
            start = time.perf_counter()
            self._generation(missing)
            self._add_seconds(time.perf_counter() - start)

    def _complete(self) -> int:
        return len(complete_trials(self.study))

    def _generation(self, missing: int) -> None:
        """Fill the current generation, or what is missing of it."""
        generation, slot, room = next_slots(self.study, self.search.population)
        asked = [self._ask(generation, slot + i) for i in range(min(room, missing))]
        proposals = [self.genome.decode(trial.params) for trial in asked]
        results = self._answers(proposals)
        # Told in slot order: whatever a kill leaves told is a prefix of the generation.
        for trial, proposal in zip(asked, proposals, strict=True):
            self._tell(trial, proposal.key, results[proposal.key])
        self.progress.advance(self._complete(), self.search.trials, f"generation {generation}")

    def _ask(self, generation: int, slot: int) -> Trial:
        self.study.sampler = SlotSampler(
            self._distributions,
            population=self.search.population,
            seed=self.seed,
            generation=generation,
            slot=slot,
        )
        return self.study.ask(self._distributions)

    def _answers(self, proposals: Sequence[Proposal]) -> dict[str, Evaluation | Failure]:
        """A result a key: from memory, else evaluated once."""
        fresh = {p.key: p for p in proposals if p.key not in self._memory}
        results = dict(zip(fresh, self.evaluate(list(fresh.values())), strict=True))
        self._memory |= {k: r for k, r in results.items() if isinstance(r, Evaluation)}
        return {p.key: self._memory.get(p.key) or results[p.key] for p in proposals}

    def _tell(self, trial: Trial, key: str, result: Evaluation | Failure) -> None:
        trial.set_user_attr(KEY, key)
        if isinstance(result, Evaluation):
            write_evaluation(trial, result)
            self.study.tell(trial, list(result.values))
            self._failures = 0
            return
        trial.set_user_attr(REASON, result.reason)
        self.study.tell(trial, state=TrialState.FAIL)
        self._failures += 1
        if self._failures >= MAX_FAILURES_IN_A_ROW:
            raise EvaluationError(
                problem(
                    "search",
                    f"stops after {self._failures} failed trials in a row",
                    result.reason,
                    "Correct the cause and run again.",
                )
            )

    def _add_seconds(self, seconds: float) -> None:
        total = self.study.user_attrs.get(SECONDS, 0.0) + seconds
        self.study.set_user_attr(SECONDS, round(total, 3))


def next_slots(study: Study, population: int) -> tuple[int, int, int]:
    """The generation to fill, its first unused slot, and how many COMPLETE trials it lacks.

    Counted as the sampler counts: a generation is over when it has `population` COMPLETE trials.
    A slot is used up by a trial that completed or failed of itself; an interrupted trial's slot
    is free again, and will propose the same.
    """
    used: dict[int, list[bool]] = {}
    for trial in study.get_trials(deepcopy=False):
        complete = trial.state == TrialState.COMPLETE
        if complete or (trial.state == TrialState.FAIL and REASON in trial.user_attrs):
            used.setdefault(SlotSampler.generation_of(trial), []).append(complete)
    generation = max((g for g, slots in used.items() if any(slots)), default=0)
    if sum(used.get(generation, ())) >= population:
        generation += 1
    slots = used.get(generation, [])
    return generation, len(slots), population - sum(slots)
