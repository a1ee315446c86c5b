"""The size of a network: parameters, operations, bytes."""

from __future__ import annotations

from dataclasses import dataclass

from qnas.architecture import Architecture
from qnas.operations import Gemm, network_operations, weight_matrices

NARROW, WIDE = 4, 8  # bits of a row's weights


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """The size of a network.

    Attributes:
        parameters: Weights and biases of all matrices, LayerNorms, and the position embedding with
            the class token in it.
        macs: Multiplications of one image in all matrix products, those of attention included.
        weights: Weights of the matrices.
        wide: Those of them in 8-bit rows.
    """

    parameters: int
    macs: int
    weights: int
    wide: int

    @property
    def weight_bits(self) -> int:
        """Bits of the matrices' weights."""
        return WIDE * self.wide + NARROW * (self.weights - self.wide)

    @property
    def w8_share(self) -> float:
        """Share of the weights in 8-bit rows."""
        return self.wide / self.weights

    @property
    def weight_kilobytes(self) -> float:
        """Kilobytes (1,000 bytes) of the matrices' weights."""
        return self.weight_bits / 8e3

    @property
    def mean_bits(self) -> float:
        """Mean bits of a weight."""
        return self.weight_bits / self.weights


def network_size(architecture: Architecture) -> NetworkSize:
    """Count the parameters and operations of a network from its operations."""
    products = [op for op in network_operations(architecture) if isinstance(op, Gemm)]
    matrices = weight_matrices(architecture)
    weights = sum(m.rows * m.inner for m in matrices)
    norms = 2 * architecture.depth + 1  # a gain and an offset for each channel
    others = (2 * norms + architecture.num_tokens) * architecture.embed_dim
    return NetworkSize(
        parameters=weights + sum(m.rows for m in matrices) + others,
        macs=sum(op.rows * op.tokens * op.inner for op in products),
        weights=weights,
        wide=sum(m.w8_rows * m.inner for m in matrices),
    )
