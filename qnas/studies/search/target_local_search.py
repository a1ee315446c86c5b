"""Target local search: every few generations, mutants of the best candidates of each target."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from qnas.studies.search.history import History
from qnas.studies.search.proposers import Identify, Proposer
from qnas.studies.search.sampler import Distributions, Params, place_of
from qnas.studies.search.trials import KEY, predicted_of

PARENTS = 5  # per target
ATTEMPTS = 30
MUTATIONS = 2.0  # mean number of mutated genes of a child; at least one
NEAR = 0.5  # probability that a mutated gene moves to a neighbouring choice, not to a random one

# Images per second of a proposal whose plan keeps every limit, else None.
Speed = Callable[[Params], float | None]


@dataclass(frozen=True, slots=True)
class FpsTargets:
    """Images per second to reach, the function that computes a proposal's speed, the index of the
    error among a trial's values, and the confidence with which targets are to be reached. `raised`
    gives a proposal the 8-bit rows that cost it no time."""

    fps: tuple[int, ...]
    speed: Speed
    error: int
    confidence: float = 0.0
    raised: Callable[[Params], Params] | None = None


@dataclass
class TargetLocalSearch:
    """Fills every `every`-th generation with mutants of the most accurate candidates that reach a
    target; `inner` proposes the other generations.

    The slots alternate between the targets. A child depends only on the seed, its position and the
    earlier generations. A mutant that misses the target or is known is drawn again, up to ATTEMPTS
    times, without evaluating images. One that reaches it gets the 8-bit rows that cost no time.
    While no candidate reaches a target, the fastest candidates are the parents. `inner` selects its
    parents from these generations as from its own.
    """

    inner: Proposer
    targets: FpsTargets
    every: int
    distributions: Distributions
    seed: int
    identify: Identify

    def __post_init__(self) -> None:
        self._generation = -1  # generation of the fields below
        self._taken: set[str] = set()
        self._breeders: list[list[Params]] = []
        self._children: list[Params] = []

    def propose(self, history: History, generation: int, slots: range) -> list[Params]:
        if (generation + 1) % self.every:
            return self.inner.propose(history, generation, slots)
        if generation != self._generation:
            self._advance(history, generation)
        if not all(self._breeders):  # no candidate fits so far: there are no parents
            return self.inner.propose(history, generation, slots)
        while len(self._children) < slots.stop:
            self._children.append(self._child(len(self._children)))
            self._taken.add(self.identify(self._children[-1]))
        return self._children[slots.start : slots.stop]

    def _advance(self, history: History, generation: int) -> None:
        earlier = history.before(generation)
        self._generation, self._children = generation, []
        self._taken = {trial.user_attrs[KEY] for trial in earlier}
        self._breeders = [self._parents(earlier, target) for target in self.targets.fps]

    def _parents(self, trials: Sequence[FrozenTrial], target: int) -> list[Params]:
        """The most accurate candidates that reach `target` within every limit; else the fastest."""
        fit = [
            trial
            for trial in trials
            if trial.state == TrialState.COMPLETE and max(trial.constraints.values()) <= 0
        ]
        level = self.targets.confidence
        speeds = {trial.number: predicted_of(trial)["fps"].least(level) for trial in fit}
        reaching = [trial for trial in fit if speeds[trial.number] >= target]
        if reaching:
            best = sorted(reaching, key=lambda t: (t.values[self.targets.error], place_of(t)))
        else:
            best = sorted(fit, key=lambda t: (-speeds[t.number], place_of(t)))
        return [trial.params for trial in best[:PARENTS]]

    def _child(self, slot: int) -> Params:
        """The first new mutant that reaches the target, or else the fastest new one."""
        which = slot % len(self.targets.fps)
        parents, target = self._breeders[which], self.targets.fps[which]
        random = Random(f"{self.seed} {self._generation} {slot}")
        fastest, most = random.choice(parents), -math.inf
        for _ in range(ATTEMPTS):
            child = self._mutant(random.choice(parents), random)
            fps = None if self.identify(child) in self._taken else self.targets.speed(child)
            if fps is not None and fps >= target:
                return self._raised(child, target)
            if fps is not None and fps > most:
                fastest, most = child, fps
        return fastest

    def _raised(self, child: Params, target: int) -> Params:
        """`child` with its free 8-bit rows, if that is new and reaches the target as well."""
        if self.targets.raised is None:
            return child
        better = self.targets.raised(child)
        if self.identify(better) in self._taken:
            return child
        fps = self.targets.speed(better)
        return better if fps is not None and fps >= target else child

    def _mutant(self, parent: Params, random: Random) -> Params:
        names = list(self.distributions)
        changed = {name for name in names if random.random() < MUTATIONS / len(names)}
        changed = changed or {random.choice(names)}
        return {
            name: self._moved(name, value, random) if name in changed else value
            for name, value in parent.items()
        }

    def _moved(self, name: str, value: object, random: Random) -> object:
        distribution = self.distributions[name]
        assert isinstance(distribution, CategoricalDistribution)
        choices = distribution.choices
        index = choices.index(value)
        if random.random() < NEAR:
            index += random.choice((-1, 1))
            return choices[min(max(index, 0), len(choices) - 1)]
        return random.choice(choices)
