"""NSGA-II whose every child depends on (seed, generation, slot) and its parents alone.

Optuna's sampler keeps one random state for its lifetime, which a killed process loses. Here each
slot of each generation has a state of its own, so that a resumed study proposes exactly what the
uninterrupted one would have, and a longer study begins with the shorter one's trials.
"""

from __future__ import annotations

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIISampler
from optuna.study import Study
from optuna.trial import FrozenTrial


class SlotSampler(NSGAIISampler):
    """Stock NSGA-II for one slot, told its search space.

    The stock sampler finds the space by intersecting those of all earlier trials, which is quick
    only if one sampler lives on; ours is fixed, and known.
    """

    def __init__(
        self,
        space: dict[str, BaseDistribution],
        *,
        population: int,
        seed: int,
        generation: int,
        slot: int,
    ) -> None:
        state = np.random.SeedSequence([seed, generation, slot]).generate_state(1)
        super().__init__(population_size=population, seed=int(state[0]))
        self._fixed_space = {
            name: distribution
            for name, distribution in sorted(space.items())
            if not distribution.single()
        }

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._fixed_space

    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        """The parents by number: the order in which every later slot reads them from storage,
        where the stock sampler gives its first slot another one."""
        return sorted(super().select_parent(study, generation), key=lambda trial: trial.number)

    @classmethod
    def generation_of(cls, trial: FrozenTrial) -> int:
        """The generation that `trial` was asked for; -1 if it was asked elsewhere."""
        return int(trial.system_attrs.get(cls._get_generation_key(), -1))
