"""LayerNorm: whole tokens through `qnas.numerics.layer_norm`, and through its parts."""

from __future__ import annotations

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.rtl.bits import Bits, concat, field, padded
from qnas.accel.rtl.block import RtlBlock, Vectors
from qnas.numerics import RESIDUAL_MAX, RESIDUAL_MIN, Ints, act_max, layer_norm, reciprocal_sqrt

SET, GO = 0, 1  # what a vector does
FEW_CHANNELS, MOST_CHANNELS = (2, 24), 1023
STAGE_TOKENS = 16
VALUE_BITS, TOTAL_BITS, R_BITS, SHIFT_BITS, CHANNEL_BITS, EPSILON_BITS = 16, 27, 18, 6, 11, 32
GAIN_BITS, BIAS_BITS = 18, 36
ACTIVATION_BITS = 6


def norm_statistics(block: RtlBlock, rng: np.random.Generator, count: int) -> Vectors:
    """Tokens of random length, STAGE_TOKENS of each, `count` / 10 at least; an answer is the sum
    and the scale of one."""
    lanes = block["lanes"]
    width = max(lanes * VALUE_BITS + 2, CHANNEL_BITS + EPSILON_BITS)
    stimuli: list[Bits] = []
    answers: list[Bits] = []
    while sum(map(len, stimuli)) < count or len(answers) * STAGE_TOKENS < count // 10:
        channels = _channels(rng, len(answers))
        epsilon = int(rng.integers(1, 1 << int(rng.integers(1, 32))))
        values = _tokens(rng, channels)
        setting = concat(field([[channels]], CHANNEL_BITS), field([[epsilon]], EPSILON_BITS))
        stimuli += [_vectors(SET, setting, width), _vectors(GO, _sums_of(values, lanes), width)]
        total, r, shift = _scale(values, epsilon)
        scale = concat(field(total, TOTAL_BITS), field(r, R_BITS), field(shift, SHIFT_BITS))
        answers.append(scale)
    return Vectors(np.concatenate(stimuli), np.concatenate(answers))


def normalise(block: RtlBlock, rng: np.random.Generator, count: int) -> Vectors:
    """Tokens as above; an answer is `lanes` channels of one."""
    lanes = block["lanes"]
    width = lanes * (VALUE_BITS + GAIN_BITS + BIAS_BITS) + TOTAL_BITS + R_BITS + SHIFT_BITS
    stimuli: list[Bits] = []
    answers: list[Bits] = []
    most = act_max(ACTIVATION_BITS)
    while sum(map(len, answers)) < count:
        channels = ceil_div(_channels(rng, len(answers)), lanes) * lanes % MOST_CHANNELS or lanes
        values, epsilon = _tokens(rng, channels), int(rng.integers(1, 1 << 31))
        shift = int(rng.integers(1, 36))
        gain = rng.integers(-(1 << GAIN_BITS - 1), 1 << GAIN_BITS - 1, channels)
        gain >>= rng.integers(0, GAIN_BITS, channels)
        bias = rng.integers(-(1 << BIAS_BITS - 1), 1 << BIAS_BITS - 1, channels)
        bias >>= rng.integers(0, BIAS_BITS, channels)
        found = layer_norm(values, gain=gain, bias=bias, shift=shift, epsilon=epsilon, limit=most)
        steps = channels // lanes
        each = [np.broadcast_to(x, values.shape) for x in (values, gain, bias)]
        # (tokens * steps, lanes, fields): value, gain, bias of each lane side by side.
        parts = [
            field(x.reshape(-1, lanes), bits).reshape(len(values) * steps, lanes, bits)
            for x, bits in zip(each, (VALUE_BITS, GAIN_BITS, BIAS_BITS), strict=True)
        ]
        inside = np.concatenate(parts, axis=2).reshape(len(values) * steps, -1)
        total, r, down = (np.repeat(x, steps, axis=0) for x in _scale(values, epsilon))
        token = (field(total, TOTAL_BITS), field(r, R_BITS), field(down, SHIFT_BITS))
        setting = concat(field([[channels]], CHANNEL_BITS), field([[shift]], SHIFT_BITS))
        stimuli += [_vectors(SET, setting, width), _vectors(GO, concat(inside, *token), width)]
        answers.append(field(found.reshape(-1, lanes), ACTIVATION_BITS))
    return Vectors(np.concatenate(stimuli), np.concatenate(answers))


def _channels(rng: np.random.Generator, stage: int) -> int:
    """Few mostly, up to the most now and then."""
    most = MOST_CHANNELS if stage % 32 == 31 else FEW_CHANNELS[1]
    return int(rng.integers(FEW_CHANNELS[0], most + 1))


def _tokens(rng: np.random.Generator, channels: int) -> Ints:
    """Of small, large and largest values; some of one value alone, whose variance is epsilon."""
    span = 1 << rng.integers(1, VALUE_BITS + 1, (STAGE_TOKENS, 1))
    values = rng.integers(-span // 2, span // 2, (STAGE_TOKENS, channels))
    values[0] = rng.choice([RESIDUAL_MIN, RESIDUAL_MAX], channels)
    values[1] = values[1, :1]
    return np.asarray(values, np.int64)


def _scale(values: Ints, epsilon: int) -> tuple[Ints, Ints, Ints]:
    """(tokens, 1) each: sum, and r and shift of what deviates from its mean."""
    total = values.sum(axis=1, keepdims=True)
    squares = (values * values).sum(axis=1, keepdims=True)
    r, e = reciprocal_sqrt(values.shape[1] * squares - total * total + epsilon)
    return total, r, 16 + e


def _sums_of(values: Ints, lanes: int) -> Bits:
    tokens, channels = values.shape
    steps = ceil_div(channels, lanes)
    whole = np.pad(values, ((0, 0), (0, steps * lanes - channels))).reshape(-1, lanes)
    step = np.tile(np.arange(steps), tokens)
    return concat(field(whole, VALUE_BITS), field(step == 0, 1), field(step == steps - 1, 1))


def _vectors(op: int, payload: Bits, width: int) -> Bits:
    return concat(field(np.full(len(payload), op), 1), padded(payload, width))
