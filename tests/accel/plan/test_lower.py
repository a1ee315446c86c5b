"""lower: a plan worked out by hand, addresses that never collide, refusals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from qnas._util.serialization import encode
from qnas._util.units import ceil_div
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan, Stage
from qnas.architecture import Architecture
from qnas.errors import CapacityError
from tests.accel.designs import architectures, foldings, tiny, zcu102

SMALL = Folding(tm=4, tt=2, tk=4, vl=2)


def test_tiny_plan_by_hand() -> None:
    plan = lower(tiny(), zcu102(), SMALL)
    assert [s.name for s in plan.stages] == [
        *("patches", "position", "stem", "block0.norm1", "block0.q", "block0.k"),
        *("block0.head0.scores", "block0.head0.softmax", "block0.v", "block0.head0.attend"),
        "block0.proj",
        *("block0.norm2", "block0.fc1", "block0.fc2", "norm", "head"),
    ]
    loops = {s.name: {x.name: (x.trips, x.entries) for x in s.loops} for s in plan.stages}
    # 4 patches of 4 pixels, 4 pixels a word; 5 tokens of 8 channels, 2 a word.
    assert loops["patches"] == {"load": (4, 1)}
    assert loops["position"] == {"load": (20, 1)}
    # 8 rows, all 8-bit: 16 slots, 4 row tiles of 2 rows. 4 tokens: 2 tiles. 4 inputs: 1 beat, so
    # that draining 2 rows takes longer: 2 * 2 steps. Of the last tile 1 step passes beside those, 1
    # is left. Loading: 2 parameters in 1 word, 1 beat of 16 nibbles in 1 word, and a step
    # until it is known that all have come.
    assert loops["stem"] == {"prefetch": (2 + 1, 1), "tiles": (4 * 4, 0), "flush": (1, 0)}
    # 8 channels: 4 vectors of 2 for each of 5 tokens, and once more for the pass behind; two
    # parameters a word after the first word.
    norm = {"parameters": (5, 1), "normalise": (24, 1)}
    assert loops["block0.norm1"] == norm
    hidden = {loop.name: loop.hidden for s in plan.stages for loop in s.loops if loop.hidden}
    assert hidden == {"softmax": 18}  # beside `v`, which takes 25
    # 4 rows, 2 of them 8-bit: 6 slots, 2 row tiles, with an 8-bit row each and both 4-bit rows in
    # the first; 3 token tiles of max(2 beats, 3 rows). 3 parameters in 2 words, 2 beats.
    assert loops["block0.q"] == {"prefetch": (2 + 2 + 1, 1), "tiles": (2 * 9, 0), "flush": (2, 0)}
    # 5 keys of two nibbles: 10 slots, 3 row tiles. A tile has 2 keys of 1 beat, drained in 2 steps.
    scores = {"prefetch": (3, 1), "tiles": (3 * 6, 0), "flush": (1, 0)}
    assert loops["block0.head0.scores"] == scores
    softmax = {"parameters": (1, 1), "softmax": (18, 0)}
    assert loops["block0.head0.softmax"] == softmax
    # 5 queries; 4 columns: 2 token tiles of max(2 beats, 2 pairs); 2 queries of 2 beats, which come
    # in a step more than the 4 of the products.
    attend = {"prefetch": (5, 1), "tiles": (2 * 5 + 4, 0), "flush": (2, 0)}
    assert loops["block0.head0.attend"] == attend
    # 12 rows, 6 of them 8-bit: 18 slots, 5 row tiles: the first with two 8-bit rows, the others
    # with one and two 4-bit rows; 256 table entries, 16 a word.
    fc1 = {"table": (16, 1), "prefetch": (5, 1), "tiles": (5 * 9, 0), "flush": (2, 0)}
    assert loops["block0.fc1"] == fc1
    # 3 rows, all 8-bit: 6 slots, 2 row tiles of 2 rows and 1, one token.
    head = {"prefetch": (4, 1), "tiles": (4 + 2, 0), "flush": (2, 0), "store": (3, 1)}
    assert loops["head"] == head
    words = {s.name: s.stream_words for s in plan.stages if s.stream_words}
    assert words == {
        **{"position": 20, "stem": 4 * 2, "block0.norm1": 5, "block0.norm2": 5, "norm": 5},
        **{"block0.q": 8, "block0.k": 8, "block0.v": 8, "block0.head0.softmax": 1},
        **{"block0.proj": 3 * 3, "block0.fc1": 16 + 5 * 4, "block0.fc2": 3 * 5, "head": 2 * 3},
    }
    assert [(p.name, p.words) for p in plan.ports] == [
        ("weights", sum(words.values())),
        ("image", 4),
        ("logits", 3),
    ]


def test_tiny_pass_of_three_images_by_hand() -> None:
    one, plan = lower(tiny(), zcu102(), SMALL), lower(tiny(), zcu102(), replace(SMALL, batch=3))
    loops = {s.name: {x.name: (x.trips, x.entries) for x in s.loops} for s in plan.stages}
    # Each image has its patches; each word of the position is written to three images.
    assert loops["patches"] == {"load": (3 * 4, 1)}
    assert loops["position"] == {"load": (3 * 20, 1)}
    # A row tile is loaded once and multiplied with the two token tiles of each image.
    assert loops["stem"] == {"prefetch": (2 + 1, 1), "tiles": (4 * 3 * 4, 0), "flush": (1, 0)}
    # Three times 5 tokens, and once more for the pass behind.
    assert loops["block0.norm1"] == {"parameters": (5, 1), "normalise": (16 * 4, 1)}
    # Three row tiles of keys of each image, one after the other.
    scores = {"prefetch": (3, 1), "tiles": (9 * 6, 0), "flush": (1, 0)}
    assert loops["block0.head0.scores"] == scores
    attend = {"prefetch": (5, 1), "tiles": (8 * 5 + 4, 0), "flush": (2, 0)}
    assert loops["block0.head0.attend"] == attend
    # 16 queries' vectors of three, beside `v`: 5 of loading, 2 row tiles of 27, 2 to flush.
    assert loops["block0.head0.softmax"] == {"parameters": (1, 1), "softmax": (48, 0)}
    head = {"prefetch": (4, 1), "tiles": (2 * 3 * 2, 0), "flush": (2, 0), "store": (3 * 3, 1)}
    assert loops["head"] == head
    same: dict[str, Any] = {"loops": ()}
    assert [replace(s, **same) for s in plan.stages] == [replace(s, **same) for s in one.stages]
    words = {p.name: p.words for p in plan.ports}
    assert words == {"weights": one.stream_words, "image": 3 * 4, "logits": 3 * 3}
    assert plan.image_words == one.image_words == 4
    before = {b.name: b.depth for b in one.buffers}
    deeper = {b.name for b in plan.buffers if b.depth == 3 * before[b.name]}
    assert deeper == {*("act", "key", "prob", "score", "query_scale", "residual", "logit")}
    assert {b.name for b in plan.buffers if b.depth != before[b.name]} == deeper


def test_tiny_memories_by_hand() -> None:
    plan = lower(tiny(), zcu102(), SMALL)
    shapes = {b.name: (b.bits, b.banks, b.depth) for b in plan.buffers}
    # Region A: 3 token groups of 2 rows (8 channels). Region B: 3 groups of 3 rows (12 hidden),
    # more than query (3 groups of 1) and value (2 groups of 2) together.
    assert shapes["act"] == (6, 8, 6 + 9)
    assert shapes["key"] == (8, 4, 5)  # a row a token
    assert shapes["prob"] == (8, 4, 5 * 2)
    assert shapes["score"] == (15, 2, 5 * 3)  # 119 * 31 * 4 < 2**14
    assert shapes["residual"] == (16, 2, 5 * 4)
    assert shapes["weight"] == (16, 4, 2 * 3)  # words of 4 nibbles; two halves of 12 inputs
    assert shapes["row_param"] == (64, 2, 4 * 2)
    assert shapes["accumulator"] == (13, 8, 1)  # 8 * 31 * 12 < 2**12
    assert shapes["score_delay"] == (15, 2, 4)  # three vectors; no memory is shallower
    assert shapes["residual_delay"] == (16, 2, 4)
    stages = {s.name: s for s in plan.stages}
    assert (stages["block0.v"].dst_base, stages["block0.v"].dst_stride) == (6 + 3, 2)
    assert (stages["block0.fc2"].src_base, stages["block0.fc2"].src_stride) == (6, 3)


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings())
def test_json_round_trip(arch: Architecture, folding: Folding) -> None:
    plan = lower(arch, zcu102(), folding)
    again = HardwarePlan.from_json(json.loads(json.dumps(encode(plan))))
    assert again == plan
    assert again.digest == plan.digest


@settings(deadline=None, max_examples=60)
@given(architectures(), foldings())
def test_elements_of_a_tensor_have_cells_of_their_own(arch: Architecture, folding: Folding) -> None:
    plan = lower(arch, zcu102(), folding)
    depth = {b.name: b.depth for b in plan.buffers}
    for stage in plan.stages:
        if stage.dst_stride:
            cells = list(_written_cells(stage, plan))
            assert len(set(cells)) == len(cells), stage.name
            memory = "key" if stage.dst == "key" else "act"
            assert max(row for *_, row in cells) < depth[memory] // folding.batch, stage.name


@settings(deadline=None, max_examples=60)
@given(architectures(), foldings())
def test_live_tensors_never_share_a_row(arch: Architecture, folding: Folding) -> None:
    """Every operand is read as it was written: no stage in between wrote to its rows."""
    plan = lower(arch, zcu102(), folding)
    owner: dict[int, tuple[str, int]] = {}
    for stage in plan.stages:
        if stage.kind == "gemm":
            for row in _read_rows(stage, folding):
                assert owner[row] == (stage.right, _head_of(stage.right, stage.head)), stage.name
        if stage.dst_stride and stage.dst != "key":
            for head, _, row in {(h, 0, r) for h, _, _, r in _cells_by_head(stage, plan)}:
                owner[row] = (stage.dst, _head_of(stage.dst, head))


def test_activations_in_block_ram_have_words_of_four_tokens() -> None:
    """Each byte has an enable, but a word one row: not where queries leave together."""
    wide = replace(SMALL, tk=8, tt=5, tm=8)
    shapes = {}
    for pairs in (1, 2):
        folding = replace(wide, drain_pairs=pairs, score_pairs=pairs)
        for storage in ("lutram", "bram"):
            plan = lower(tiny(), zcu102(), folding, placement={"act": storage})
            act = next(b for b in plan.buffers if b.name == "act")
            shapes[pairs, storage] = (act.bits, act.banks, plan.act_word)
    narrow = (6, 5 * 8, 1)
    assert shapes == {
        (1, "lutram"): narrow,
        (1, "bram"): (32, 2 * 8, 4),
        (2, "lutram"): narrow,
        (2, "bram"): narrow,
    }


@settings(deadline=None, max_examples=60)
@given(architectures(), foldings())
def test_residuals_and_scores_are_written_and_read_a_bank_each(
    arch: Architecture, folding: Folding
) -> None:
    """A channel of TT tokens, SCORE_PAIRS keys of TT queries, and VL neighbours of one token; what
    is read at once lies in one row."""
    f = folding
    for name, weight, together, width in (
        ("residual", 1, 1, arch.embed_dim),
        ("score", f.score_pairs, f.score_pairs, arch.num_tokens),
    ):
        (buffer,) = (b for b in lower(arch, zcu102(), f).buffers if b.name == name)
        banks, stride = buffer.banks, ceil_div(width, buffer.banks)
        for first in (0, 1, 5):
            for channel in (0, together, 3 * together):
                tokens = range(first, first + f.tt)
                written = {
                    (weight * t + channel + p) % banks for t in tokens for p in range(together)
                }
                assert len(written) == f.tt * together
            for vector in range(0, width, f.vl):
                read = [
                    ((weight * first + c) % banks, c // banks) for c in range(vector, vector + f.vl)
                ]
                assert (
                    len({bank for bank, _ in read}) == f.vl and len({row for _, row in read}) == 1
                )
        halves = f.batch * (f.head_buffers if name == "score" else 1)
        assert buffer.depth >= halves * arch.num_tokens * stride


@settings(deadline=None, max_examples=60)
@given(architectures(), foldings())
def test_keys_are_written_and_read_a_bank_each(arch: Architecture, folding: Folding) -> None:
    """A channel of TT keys, and TK channels of a key, lie in banks of their own; a head reads the
    rows that it wrote."""
    plan = lower(arch, zcu102(), folding)
    tk, k = folding.tk, arch.head_dim
    for stage in plan.stages:
        if stage.dst == "key":
            written = {(h, bank, row) for h, _, bank, row in _cells_by_head(stage, plan)}
            assert len(written) == stage.rows * stage.tokens
            by_cycle = Counter(
                (channel, token // folding.tt, (token + channel) % tk)
                for channel in range(k)
                for token in range(stage.tokens)
            )
            assert max(by_cycle.values()) == 1
        elif stage.left == "key":
            for token in range(stage.rows):
                for channel in range(k):
                    row = stage.left_base + token * stage.left_stride + channel // tk
                    assert (stage.head, (token + channel) % tk, row) in written


def _head_of(tensor: str, head: int) -> int:
    return head if tensor in ("query", "value") else 0


def _read_rows(stage: Stage, folding: Folding) -> Iterator[int]:
    for group in range(stage.token_tiles):
        for beat in range(stage.beats):
            yield stage.src_base + group * stage.src_stride + beat


def _written_cells(stage: Stage, plan: HardwarePlan) -> Iterator[tuple[int, int, int]]:
    for _, token_bank, channel_bank, row in _cells_by_head(stage, plan):
        yield token_bank, channel_bank, row


def _cells_by_head(stage: Stage, plan: HardwarePlan) -> Iterator[tuple[int, int, int, int]]:
    """(head, token bank, channel bank, row) of every element that a stage writes: PLAN.md."""
    f, head_dim = plan.folding, plan.architecture.head_dim
    for row in range(stage.rows):
        for token in range(stage.tokens):
            head, channel = 0, row
            if stage.dst in ("query", "key", "value"):
                head, channel = divmod(row, head_dim)
            to, at = token + stage.token_offset, channel
            if stage.dst == "value":
                to, at = channel, token
            elif stage.dst == "attended":
                to, at = row, stage.head * head_dim + token
            base = stage.dst_base + head * stage.dst_group_stride
            group = base + to // f.tt * stage.dst_stride
            if stage.dst == "key":  # a token's rows are its own, the banks turned
                stride = ceil_div(head_dim, f.tk)
                yield head, 0, (to + at) % f.tk, group + to % f.tt * stride + at // f.tk
            else:
                yield head, to % f.tt, at % f.tk, group + at // f.tk


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"embed_dim": 1024}, "embed_dim"),
        ({"image_size": 48}, "num_tokens"),
        ({"num_classes": 5000}, "rows of a matrix"),
    ],
)
def test_networks_that_the_formats_cannot_hold(change: dict[str, int], named: str) -> None:
    with pytest.raises(CapacityError, match=named):
        lower(replace(tiny(), **change), zcu102(), SMALL)
