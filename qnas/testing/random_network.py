"""Random integer networks, for tests, that exercise the full range of every format."""

from __future__ import annotations

import numpy as np

from qnas import numerics as num
from qnas.architecture import Architecture
from qnas.integer.network import IntegerNetwork
from qnas.integer.parameters import MatrixParams, NormParams, SoftmaxParams
from qnas.numerics import fixed_row
from qnas.operations import Epilogue, Gemm, LayerNorm, Softmax, network_operations, weight_matrices


def _target(epilogue: Epilogue, bits: int) -> int:
    """Largest result that an epilogue can store, for activations of `bits` bits.

    The scale is drawn so that results reach and exceed this value.
    """
    targets = {
        Epilogue.ACTIVATION: num.act_max(bits),
        Epilogue.NIBBLES: num.NIBBLE_MAX,
        Epilogue.GELU: num.pre_gelu_bounds(bits)[1],
        Epilogue.RESIDUAL: num.RESIDUAL_MAX // 8,
        Epilogue.LOGITS: 1 << 16,
    }
    return targets[epilogue]


def random_network(arch: Architecture, seed: int) -> IntegerNetwork:
    """Make a network of valid random parameters, which are equal for equal (arch, seed)."""
    rng = np.random.default_rng(seed)
    operations = network_operations(arch)
    matrices = {op.name: _matrix(op, arch.activation_bits, rng) for op in weight_matrices(arch)}
    fc1 = [op for op in operations if isinstance(op, Gemm) and op.epilogue is Epilogue.GELU]
    limit = num.act_max(arch.activation_bits)
    shape = (arch.num_tokens, arch.embed_dim)
    return IntegerNetwork(
        architecture=arch,
        input_step=1 / limit,
        position=rng.integers(num.RESIDUAL_MIN // 4, num.RESIDUAL_MAX // 4, shape),
        weights=matrices,
        norms={op.name: _norm(op, limit, rng) for op in operations if isinstance(op, LayerNorm)},
        softmaxes={op.name: _softmax(arch, rng) for op in operations if isinstance(op, Softmax)},
        gelus={op.name: rng.integers(-limit, limit + 1, op.table) for op in fc1},
    )


def _spread(bits: int) -> float:
    """Standard deviation of uniformly distributed activations."""
    return num.act_max(bits) / 3**0.5


def _matrix(op: Gemm, bits: int, rng: np.random.Generator) -> MatrixParams:
    is_w8 = np.zeros(op.rows, dtype=np.bool_)
    is_w8[rng.permutation(op.rows)[: op.w8_rows]] = True
    wide = rng.integers(-num.NIBBLE_MAX, num.NIBBLE_MAX + 1, (op.rows, op.inner))
    narrow = rng.integers(num.W4_MIN, num.W4_MAX + 1, (op.rows, op.inner))
    spread = np.where(is_w8, 70.0, 4.5) * _spread(bits) * np.sqrt(op.inner)
    target = _target(op.epilogue, bits)
    ratio = target / (2.0 * spread) * rng.choice([-1.0, 1.0, 1.5], op.rows)
    fixed = [fixed_row(float(r), subject=op.name) for r in ratio]
    return MatrixParams(
        weight=np.where(is_w8[:, None], wide, narrow),
        is_w8=is_w8,
        bias=np.rint(rng.normal(size=op.rows) * target * 2**6).astype(np.int64),
        mult=np.array([m for m, _ in fixed], dtype=np.int64),
        shift=np.array([s for _, s in fixed], dtype=np.int64),
    )


def _norm(op: LayerNorm, limit: int, rng: np.random.Generator) -> NormParams:
    shift = 24
    gain = rng.normal(0.4, 0.2, op.channels) * limit * 2 ** (shift - num.NORM_FRACTION)
    bias = rng.normal(0.0, 0.2, op.channels) * limit * 2**shift
    return NormParams(
        gain=np.rint(gain).astype(np.int64),
        bias=np.rint(bias).astype(np.int64),
        shift=shift,
        epsilon=int(rng.integers(1, 1000)),
    )


def _softmax(arch: Architecture, rng: np.random.Generator) -> SoftmaxParams:
    deviation = 70.0 * _spread(arch.activation_bits) * np.sqrt(arch.head_dim)
    mult, shift = num.fixed_point(
        float(2**num.EXP_FRACTION * rng.uniform(0.5, 3.0) / deviation), subject="softmax"
    )
    out_mult, out_shift = num.fixed_point(float(rng.uniform(0.8, 3.0)), subject="softmax")
    return SoftmaxParams(mult, shift, out_mult, out_shift)
