"""Genome: an Optuna parameter set as a subnet and its share of the device's DSPs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qnas.architecture import Architecture
from qnas.space import SearchSpace

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DSP_SHARE = "dsp_share"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one trial proposes. Two parameter sets that differ in inactive genes are equal here."""

    architecture: Architecture
    dsp_share: float

    @property
    def key(self) -> str:
        """Names the proposal: subnet's key and the share."""
        return f"{self.architecture.key}:{self.dsp_share:g}"


@dataclass(frozen=True, slots=True)
class Genome:
    """Fixed-length superset of every proposal: the space's genes, then the hardware's one.

    Fixed because Optuna's NSGA-II crosses over only parameters that every trial has.
    """

    space: SearchSpace
    dsp_shares: tuple[float, ...]

    def distributions(self) -> dict[str, BaseDistribution]:
        from optuna.distributions import CategoricalDistribution

        genes = {gene.name: CategoricalDistribution(gene.choices) for gene in self.space.genes()}
        return {**genes, DSP_SHARE: CategoricalDistribution(self.dsp_shares)}

    def decode(self, params: Mapping[str, Any]) -> Proposal:
        """The proposal of `params`; ConfigError if they are not of this genome."""
        return Proposal(self.space.decode(params), float(params[DSP_SHARE]))
