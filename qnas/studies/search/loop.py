"""The search loop: a generation at a time, resumable at any point with the same outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from qnas.errors import EvaluationError, problem
from qnas.studies.progress import Progress
from qnas.studies.search.evaluation import Evaluate
from qnas.studies.search.genome import Genome
from qnas.studies.search.history import History, no_feasible_candidate
from qnas.studies.search.proposers import Proposer, make_proposer
from qnas.studies.search.sampler import Params, place_of
from qnas.studies.search.target_local_search import FpsTargets, TargetLocalSearch
from qnas.studies.search.trials import (
    KEY,
    REASON,
    TRACEBACK,
    TrialPosition,
    make_trial,
    periods,
    read_result,
)
from qnas.studies.sections import SearchConfig
from qnas.studies.storage.leases import Leases, SoleWorker
from qnas.studies.storage.stoppable import is_stopped

SECONDS = "seconds"
Callback = Callable[[optuna.Study, FrozenTrial], None]


@dataclass
class SearchLoop:
    """Runs `study` until it has `search.trials` decided trials.

    The proposals of a generation follow from the generations before it, so that several loops can
    fill a generation at once: `leases` assigns slots to loops. A loop evaluates and writes its
    leased slots as one batch; killing the loop loses at most this batch. A duplicate of an earlier
    trial gets that trial's result without an evaluation.

    Attributes:
        study: The Optuna study to add trials to.
        genome: Decodes parameters to proposals.
        search: Budget and sampler.
        seed: Seed of every random choice.
        evaluate: Evaluates proposals.
        progress: Listener to the progress.
        warm_start: Parameters for the first slots.
        leases: Assigns slots to loops.
        targets: FPS targets: every `search.focus_every`-th generation mutates the most accurate
            candidates that reach a target.
        race: Makes, from the decided trials of earlier generations, the racing evaluator that
            replaces `evaluate`.
        callbacks: Called with every finished trial of any worker; `study.stop()` ends the search.
        log: File to which the tracebacks of failed trials are appended.
    """

    study: optuna.Study
    genome: Genome
    search: SearchConfig
    seed: int
    evaluate: Evaluate
    progress: Progress
    warm_start: Sequence[Params] = ()
    leases: Leases = field(default_factory=SoleWorker)
    targets: FpsTargets | None = None
    race: Callable[[Sequence[FrozenTrial]], Evaluate] | None = None
    callbacks: Sequence[Callback] = ()
    log: Path | None = None

    def run(self) -> None:
        """Run the search. It ends early if the study is stopped, or if its history has
        `no_feasible_candidate`.

        Raises EvaluationError after `search.stop_after` failed trials in a row.
        """
        self._distributions = self.genome.distributions()
        self._proposer = self._make_proposer()
        self._history = History(self.study)
        self._memory: dict[str, FrozenTrial] = {}
        self._remember(self._history.update())
        self._failures = 0  # in a row, in this process: a resumed search may have been repaired
        before, start = self.study.user_attrs.get(SECONDS, 0.0), time.perf_counter()
        while self._step():
            seconds = before + time.perf_counter() - start
            self.study.set_user_attr(SECONDS, round(seconds, 3))

    def _step(self) -> bool:
        """Evaluate the slots of the current generation that this loop can lease; False when the
        search is done."""
        generation, slots = self._open()
        nothing = no_feasible_candidate(self._history, generation)
        if not slots or nothing or is_stopped(self.study):
            return False
        proposed = self._proposer.propose(self._history, generation, range(slots[-1] + 1))
        by_key: dict[str, list[int]] = {}
        for slot in slots:
            by_key.setdefault(self._key(proposed[slot]), []).append(slot)
        first = {same[0]: same for same in by_key.values()}
        acquired = self.leases.acquire(generation, list(first))
        self._take_in()
        now, still = self._open()
        mine = [s for slot in acquired for s in first[slot] if now == generation and s in still]
        if mine:
            self._fill(generation, {slot: proposed[slot] for slot in sorted(mine)})
            self._take_in()
        elif not acquired:
            self.leases.wait()
            self._take_in()
        return True

    def _make_proposer(self) -> Proposer:
        genes, search, seed = self._distributions, self.search, self.seed
        inner = make_proposer(
            self.study, genes, search, seed, identify=self._key, warm_start=self.warm_start
        )
        if not (self.targets and search.focus_every):
            return inner
        every = search.focus_every
        return TargetLocalSearch(inner, self.targets, every, genes, seed, identify=self._key)

    def _open(self) -> tuple[int, list[int]]:
        return self._history.open_slots(self.search.population, self.search.trials)

    def _fill(self, generation: int, proposed: dict[int, Params]) -> None:
        """Evaluate each new key once, and write a trial for every slot."""
        begun = datetime.now()
        proposals = {slot: self.genome.decode(params) for slot, params in proposed.items()}
        fresh = {p.key: p for p in proposals.values() if p.key not in self._memory}
        evaluate = self.evaluate
        if self.race and fresh:
            evaluate = self.race(self._history.before(generation))
        results = dict(zip(fresh, evaluate(list(fresh.values())), strict=True))
        known = {p.key for p in proposals.values()} - fresh.keys()
        results |= {key: read_result(self._memory[key]) for key in known}
        times = periods([p.key for p in proposals.values()], fresh.keys(), begun)
        self._record(
            [
                make_trial(
                    TrialPosition(generation, slot),
                    proposed[slot],
                    self._distributions,
                    key=proposal.key,
                    result=results[proposal.key],
                    period=period,
                )
                for (slot, proposal), period in zip(proposals.items(), times, strict=True)
            ]
        )

    def _key(self, params: Params) -> str:
        return self.genome.decode(params).key

    def _record(self, trials: Sequence[FrozenTrial]) -> None:
        """Add `trials` in slot order, up to the one after which the search must stop."""
        row = self._failures
        for count, trial in enumerate(trials, start=1):
            row = _row_after(row, trial)
            if row >= self.search.stop_after:
                trials = trials[:count]
                break
        self.study.add_trials(trials)
        if self.log is not None:
            add_failures(self.log, trials)

    def _take_in(self) -> None:
        """Read the new trials of all workers. Raises EvaluationError as `run`."""
        found = self._history.update()
        self._remember(found)
        for trial in found:
            for callback in self.callbacks:
                callback(self.study, trial)
            self._failures = _row_after(self._failures, trial)
            if self._failures >= self.search.stop_after:
                rule = f"stops after {self._failures} failed trials in a row"
                where = f" Tracebacks are in {self.log}." if self.log else ""
                remedy = f"Correct the cause and run again.{where}"
                raise EvaluationError(problem("search", rule, trial.user_attrs[REASON], remedy))
        if found:
            done = min(self._history.decided, self.search.trials)
            note = f"generation {place_of(found[-1])[0]}"
            self.progress.advance(done, self.search.trials, note)

    def _remember(self, trials: Sequence[FrozenTrial]) -> None:
        for trial in trials:
            if trial.state != TrialState.FAIL:
                self._memory.setdefault(trial.user_attrs[KEY], trial)


def _row_after(row: int, trial: FrozenTrial) -> int:
    """Failures in a row after `trial`; an infeasible trial neither adds to nor ends a row."""
    if trial.state == TrialState.PRUNED:
        return row
    return row + 1 if trial.state == TrialState.FAIL else 0


def add_failures(log: Path, trials: Sequence[FrozenTrial]) -> None:
    """Append the failures among `trials`, with tracebacks, to the file `log` in one write, since
    several workers append to it."""
    texts = [
        f"{trial.datetime_complete:%Y-%m-%d %H:%M:%S}  generation {place_of(trial)[0]},"
        f" slot {place_of(trial)[1]}, {trial.user_attrs[KEY]}: {trial.user_attrs[REASON]}\n"
        f"{trial.user_attrs.get(TRACEBACK, '')}\n"
        for trial in trials
        if trial.state == TrialState.FAIL
    ]
    if texts:
        with log.open("a", encoding="utf-8") as stream:
            stream.write("".join(texts))
