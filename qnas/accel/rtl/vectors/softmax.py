"""Softmax: whole rows of scores through `qnas.numerics.exponentials` and `row_scale`."""

from __future__ import annotations

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.rtl.bits import Bits, concat, field, padded
from qnas.accel.rtl.block import RtlBlock, Vectors
from qnas.numerics import MULT_BITS, Ints, exponentials, row_scale

SET, GO = 0, 1
SHIFT_BITS, SUM_BITS, EXPONENTIAL_BITS = 6, 16, 8
STAGE_ROWS, MOST_STEPS = 16, 12


def maximum(block: RtlBlock, rng: np.random.Generator, count: int) -> Vectors:
    """An answer a vector: the largest of its row so far."""
    lanes, bits = block["lanes"], block["score"]
    stimuli: list[Bits] = []
    answers: list[Bits] = []
    while sum(map(len, answers)) < count:
        scores = _scores(rng, lanes, bits)
        rows, steps, _ = scores.shape
        first = np.tile(np.arange(steps) == 0, rows)
        stimuli.append(concat(field(scores.reshape(-1, lanes), bits), field(first, 1)))
        most = np.maximum.accumulate(scores.max(axis=2), axis=1)
        answers.append(field(most.reshape(-1, 1), bits))
    return Vectors(np.concatenate(stimuli), np.concatenate(answers))


def exponential(block: RtlBlock, rng: np.random.Generator, count: int) -> Vectors:
    """An answer a vector: its exponentials and the row's sum so far."""
    lanes, bits = block["lanes"], block["score"]
    width = (lanes + 1) * bits + 1
    stimuli: list[Bits] = []
    answers: list[Bits] = []
    while sum(map(len, answers)) < count:
        scores = _scores(rng, lanes, bits)
        rows, steps, _ = scores.shape
        mult = int(rng.integers(1 << MULT_BITS - 2, 1 << MULT_BITS - 1))
        shift = int(rng.integers(bits // 2, bits + 12))
        found = exponentials(scores.reshape(rows, -1), mult=mult, shift=shift)
        found = found.reshape(rows, steps, lanes)
        sums = np.cumsum(found.sum(axis=2), axis=1)
        most = np.repeat(scores.max(axis=(1, 2)), steps)
        first = np.tile(np.arange(steps) == 0, rows)
        going = concat(
            field(scores.reshape(-1, lanes), bits), field(most[:, None], bits), field(first, 1)
        )
        stimuli += [_vectors(SET, _setting(mult, shift), width), _vectors(GO, going, width)]
        exponents = field(found.reshape(-1, lanes), EXPONENTIAL_BITS)
        answers.append(concat(exponents, field(sums.reshape(-1, 1), SUM_BITS)))
    return Vectors(np.concatenate(stimuli), np.concatenate(answers))


def row_scales(block: RtlBlock, rng: np.random.Generator, count: int) -> Vectors:
    """Sums from 1 to 65535; an answer is the row's (mult, shift)."""
    width = MULT_BITS + SHIFT_BITS
    stimuli: list[Bits] = []
    answers: list[Bits] = []
    while sum(map(len, answers)) < count:
        totals = rng.integers(1, 1 << rng.integers(1, SUM_BITS + 1, 200))[:, None]
        mult = int(rng.integers(1 << MULT_BITS - 2, 1 << MULT_BITS - 1))
        shift = int(rng.integers(1, 48))
        found, down = row_scale(totals, mult=mult, shift=shift)
        going = field(totals, SUM_BITS)
        stimuli += [_vectors(SET, _setting(mult, shift), width), _vectors(GO, going, width)]
        answers.append(concat(field(found, block["width"]), field(down, SHIFT_BITS)))
    return Vectors(np.concatenate(stimuli), np.concatenate(answers))


def _scores(rng: np.random.Generator, lanes: int, bits: int) -> Ints:
    """(rows, steps, lanes): of small and of large spread, extremes among them."""
    shape = (STAGE_ROWS, int(rng.integers(1, ceil_div(MOST_STEPS, lanes) + 2)), lanes)
    span = 1 << rng.integers(1, bits + 1, (STAGE_ROWS, 1, 1))
    scores = rng.integers(-span // 2, span // 2, shape)
    half = 1 << bits - 1
    scores[0] = rng.choice([-half, half - 1], shape[1:])
    return np.asarray(scores, np.int64)


def _setting(mult: int, shift: int) -> Bits:
    return concat(field([[mult]], MULT_BITS), field([[shift]], SHIFT_BITS))


def _vectors(op: int, payload: Bits, width: int) -> Bits:
    return concat(field(np.full(len(payload), op), 1), padded(payload, width))
