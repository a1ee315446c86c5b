"""Genome: the mapping from Optuna parameters to a subnet and its share of the device's DSPs."""

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
    """A subnet and its share of the DSPs. Parameter sets that differ only in inactive genes give
    equal proposals."""

    architecture: Architecture
    dsp_share: float

    @property
    def key(self) -> str:
        """The proposal's identifier: the subnet's key and the share."""
        return f"{self.architecture.key}:{self.dsp_share:g}"


@dataclass(frozen=True, slots=True)
class Genome:
    """The parameters of all proposals: the space's genes, then the gene of the share of DSPs.

    The length is fixed because Optuna's NSGA-II crosses over only parameters that every trial has.
    """

    space: SearchSpace
    dsp_shares: tuple[float, ...]

    def distributions(self) -> dict[str, BaseDistribution]:
        from optuna.distributions import CategoricalDistribution

        genes = {gene.name: CategoricalDistribution(gene.choices) for gene in self.space.genes()}
        return {**genes, DSP_SHARE: CategoricalDistribution(self.dsp_shares)}

    def decode(self, params: Mapping[str, Any]) -> Proposal:
        """Decode `params`; ConfigError if they are not parameters of this genome."""
        return Proposal(self.space.decode(params), float(params[DSP_SHARE]))
