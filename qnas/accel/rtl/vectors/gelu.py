"""GELU: tables are written, then read at random."""

from __future__ import annotations

import numpy as np

from qnas.accel.rtl.bits import Bits, concat, field, padded
from qnas.accel.rtl.block import RtlBlock, Vectors
from qnas.numerics import act_max, pre_gelu_bounds

WRITE, READ = 0, 1
ACTIVATION_BITS, INDEX_BITS, ENTRY_BITS = 6, 8, 8
READS = 600  # of a table, before the next


def gelu(block: RtlBlock, rng: np.random.Generator, count: int) -> Vectors:
    """An answer a read: what the table holds for each lane's index."""
    lanes, banks = block["lanes"], block["port"] // ENTRY_BITS
    low, high = pre_gelu_bounds(ACTIVATION_BITS)
    entries = high - low + 1
    row_bits = (entries // banks - 1).bit_length()
    width = max(block["port"] + row_bits, lanes * INDEX_BITS)
    most = act_max(ACTIVATION_BITS)
    stimuli: list[Bits] = []
    answers: list[Bits] = []
    while sum(map(len, answers)) < count:
        table = rng.integers(-most, most + 1, entries)
        words = table.reshape(-1, banks)
        writes = concat(field(words, ENTRY_BITS), field(np.arange(len(words)), row_bits))
        index = rng.integers(low, high + 1, (READS, lanes))
        index[0], index[1] = low, high
        for op, payload in ((WRITE, writes), (READ, field(index, INDEX_BITS))):
            stimuli.append(concat(field(np.full(len(payload), op), 1), padded(payload, width)))
        answers.append(field(table[index - low], ACTIVATION_BITS))
    return Vectors(np.concatenate(stimuli), np.concatenate(answers))
