"""Networks and images at the ends of every format: all lowest, all highest, in turn, all zero."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qnas import numerics as num
from qnas.architecture import Architecture
from qnas.integer.parameters import MatrixParams, NormParams
from qnas.numerics import Ints
from tests.accel.projects import Design

Corner = Literal["low", "high", "alternating", "zero"]
CORNERS: tuple[Corner, ...] = ("low", "high", "alternating", "zero")


def at_corner(design: Design, corner: Corner) -> Design:
    """`design` with weights, biases, gains, tables and positions at a corner; four images, one at
    each corner. Scales stay random, or everything would only saturate."""
    network = design.network
    limit = num.act_max(network.architecture.activation_bits)
    changed = replace(
        network,
        position=_filled(network.position, corner, num.RESIDUAL_MIN, num.RESIDUAL_MAX),
        weights={name: _matrix(m, corner) for name, m in network.weights.items()},
        norms={name: _norm(n, corner) for name, n in network.norms.items()},
        gelus={name: _filled(t, corner, -limit, limit) for name, t in network.gelus.items()},
    )
    images = np.concatenate([_image(network.architecture, c) for c in CORNERS])
    labels = np.zeros(len(images), dtype=np.int64)
    return replace(design, network=changed, images=images, labels=labels)


def _filled(values: Ints, corner: Corner, low: int, high: int) -> Ints:
    indices = np.indices(values.shape).sum(axis=0)
    found = {
        "low": np.full(values.shape, low),
        "high": np.full(values.shape, high),
        "alternating": np.where(indices % 2, low, high),
        "zero": np.zeros(values.shape),
    }
    return found[corner].astype(np.int64)


def _matrix(matrix: MatrixParams, corner: Corner) -> MatrixParams:
    wide = _filled(matrix.weight, corner, -num.NIBBLE_MAX, num.NIBBLE_MAX)
    narrow = _filled(matrix.weight, corner, num.W4_MIN, num.W4_MAX)
    bound = 1 << (num.BIAS_BITS - 1)
    return replace(
        matrix,
        weight=np.where(matrix.is_w8[:, None], wide, narrow),
        bias=_filled(matrix.bias, corner, -bound, bound - 1),
    )


def _norm(norm: NormParams, corner: Corner) -> NormParams:
    gain, bias = 1 << (num.GAIN_BITS - 1), 1 << (num.NORM_BIAS_BITS - 1)
    return replace(
        norm,
        gain=_filled(norm.gain, corner, -gain, gain - 1),
        bias=_filled(norm.bias, corner, -bias, bias - 1),
        epsilon=1,
    )


def _image(arch: Architecture, corner: Corner) -> NDArray[np.float32]:
    shape = (1, arch.in_channels, arch.image_size, arch.image_size)
    return _filled(np.zeros(shape, dtype=np.int64), corner, -1, 1).astype(np.float32)
