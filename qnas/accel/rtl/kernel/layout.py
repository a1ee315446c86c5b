"""Where the values of a stage's result lie in the kernel's memories, in the canonical order of the
integer reference (PLAN.md, section 4): what the test bench reads and compares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.plan.loops import patch_lanes
from qnas.accel.plan.plan import HardwarePlan, Stage
from qnas.accel.rtl.kernel.package import buffers_of
from qnas.numerics import Ints

# Memories with a write port that the test bench watches, in its order.
MEMORIES = ("act", "residual", "key", "score", "prob", "query_scale", "logit")


@dataclass(frozen=True, eq=False)
class Segment:
    """Values of one memory: `width` bits from bit `shift` on of the words at `words`, and
    `image_words` further on of the next image of a pass."""

    memory: str
    words: Ints  # (values,): row * banks + bank
    width: int
    shift: int = 0
    signed: bool = True
    image_words: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """A memory as the test bench keeps it: words of `width` bits, `rows` x `banks`, and how many
    rows its banks are written at in a clock."""

    width: int
    banks: int
    rows: int
    write_rows: int


def shapes(plan: HardwarePlan) -> dict[str, Shape]:
    """Of every memory in `MEMORIES`."""
    f, buffers = plan.folding, buffers_of(plan)
    write_rows = {
        "act": f.tt * f.tk,
        "residual": buffers["residual"].banks,
        "key": f.tk,
        "score": buffers["score"].banks // f.score_pairs,
    }
    # Activation memory's users see its banks as if no word held more than one token.
    users = replace(buffers["act"], bits=plan.activation_bits, banks=f.tt * f.tk)
    return {
        name: Shape(b.bits, b.banks, b.depth, write_rows.get(name, 1))
        for name, b in ((name, {**buffers, "act": users}[name]) for name in MEMORIES)
    }


def segments(plan: HardwarePlan, stage: Stage, strides: dict[str, int]) -> tuple[Segment, ...]:
    """The result of `stage` of a pass's first image; `strides` are constants of the package."""
    return tuple(_Layout(plan, strides).of(stage))


class _Layout:
    def __init__(self, plan: HardwarePlan, strides: dict[str, int]) -> None:
        self._plan, self._strides, self._shapes = plan, strides, shapes(plan)
        self._f, self._head_dim = plan.folding, plan.architecture.head_dim

    def of(self, stage: Stage) -> Iterator[Segment]:
        match stage.dst:
            case "residual":
                yield self._residual(stage)
            case "query":
                yield self._heads(stage, stage.tokens, self._head_dim)
            case "value":
                yield self._heads(stage, self._head_dim, stage.tokens)
            case "key":
                yield self._keys(stage)
            case "scores":
                yield self._scores(stage)
            case "probs":
                yield from self._probabilities(stage)
            case "attended":
                first = stage.head * self._head_dim
                yield self._act(stage, _grid(stage.rows), first + _grid(stage.tokens))
            case "logits":
                yield self._segment("logit", 0, _grid(stage.rows), 0)
            case _:  # patches, normed, hidden
                yield self._act(stage, _grid(stage.tokens), _grid(stage.rows))

    def _segment(
        self, memory: str, half: int, row: Ints | int, bank: Ints | int, **field: int | bool
    ) -> Segment:
        shape = self._shapes[memory]
        words = (half * (shape.rows // 2) + np.asarray(row)) * shape.banks + np.asarray(bank)
        width = int(field.get("width", shape.width))
        signed = bool(field.get("signed", True))
        apart = self._strides[f"{memory.upper()}_IMAGE_ROWS"] * shape.banks
        return Segment(memory, words.ravel(), width, int(field.get("shift", 0)), signed, apart)

    def _act(self, stage: Stage, tokens: Ints, channels: Ints, offset: Ints | int = 0) -> Segment:
        """(..., tokens, channels) of a tensor in activation memory."""
        f, token, channel = self._f, tokens[:, None], channels[None]
        row = stage.dst_base + offset + token // f.tt * stage.dst_stride + channel // f.tk
        return self._segment("act", 0, row, token % f.tt * f.tk + channel % f.tk)

    def _heads(self, stage: Stage, tokens: int, channels: int) -> Segment:
        """(heads, tokens, channels)."""
        return self._act(stage, _grid(tokens), _grid(channels), self._head_rows(stage))

    def _head_rows(self, stage: Stage) -> Ints:
        heads = _grid(stage.rows // self._head_dim)
        return heads[:, None, None] * stage.dst_group_stride

    def _keys(self, stage: Stage) -> Segment:
        f, token, channel = self._f, _grid(stage.tokens)[:, None], _grid(self._head_dim)[None]
        row = token * self._strides["KEY_STRIDE"] + channel // f.tk
        row = stage.dst_base + self._head_rows(stage) + row
        return self._segment("key", 0, row, np.broadcast_to((token + channel) % f.tk, row.shape))

    def _residual(self, stage: Stage) -> Segment:
        stride, banks = (self._strides[f"RESIDUAL_{name}"] for name in ("STRIDE", "BANKS"))
        token = _grid(self._plan.architecture.num_tokens)[:, None]
        channel = _grid(stage.rows)[None]
        row = token * stride + channel // banks
        return self._segment("residual", 0, row, (token + channel) % banks)

    def _scores(self, stage: Stage) -> Segment:
        stride, banks = (self._strides[f"SCORE_{name}"] for name in ("STRIDE", "BANKS"))
        key, query = _grid(stage.rows)[:, None], _grid(stage.tokens)[None]
        row = query * stride + key // banks
        bank = (self._f.score_pairs * query + key) % banks
        return self._segment("score", stage.half, row, bank)

    def _probabilities(self, stage: Stage) -> Iterator[Segment]:
        """(queries, keys), then the scale of each query: its multiplier, its shift."""
        f, pairs = self._f, self._f.drain_pairs
        query, key = _grid(stage.tokens)[:, None], _grid(stage.inner)[None]
        row = query // f.load_pairs * self._strides["PROB_STRIDE"] + key // f.tk
        bank = query % f.load_pairs * f.tk + key % f.tk
        yield self._segment("prob", stage.half, row, bank)
        row, bank = query // pairs, query % pairs
        yield self._segment("query_scale", stage.half, row, bank, width=18)
        yield self._segment("query_scale", stage.half, row, bank, width=6, shift=18, signed=False)


def _grid(count: int) -> Ints:
    return np.arange(count, dtype=np.int64)


def words_of_image(plan: HardwarePlan, patches: Ints) -> bytes:
    """(B, patches, pixels) activations as the image port brings them: each patch starts a word."""
    lanes, word = int(patch_lanes(plan.folding, plan.image_port.bits)), plan.image_port.bits // 8
    batch, count, pixels = patches.shape
    groups = ceil_div(pixels, lanes)
    padded = np.zeros((batch, count, groups * lanes), dtype=np.uint8)
    padded[:, :, :pixels] = patches.astype(np.int8).view(np.uint8)
    words = np.zeros((batch * count * groups, word), dtype=np.uint8)
    words[:, :lanes] = padded.reshape(-1, lanes)
    assert len(words) == batch * plan.image_words
    return words.tobytes()
