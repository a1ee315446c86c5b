"""The weight stream, taken apart again by an independent reading of its layout."""

from __future__ import annotations

import numpy as np
import pytest

from qnas.accel.plan.plan import Stage
from qnas.accel.plan.weight_stream import weight_files, weight_stream
from qnas.errors import ConfigError
from qnas.testing.random_network import random_network
from tests.accel.designs import tiny
from tests.accel.projects import Design, random_design, several_ports, small


def segment(design: Design, name: str) -> tuple[Stage, list[int]]:
    """The words of one stage, as integers."""
    bits = design.plan.stream_bits
    stream = weight_stream(design.network, design.plan)
    first = 0
    for stage in design.plan.stages:
        if stage.name == name:
            end = first + stage.stream_words
            size = bits // 8
            return stage, [
                int.from_bytes(stream[i * size : (i + 1) * size], "little")
                for i in range(first, end)
            ]
        first += stage.stream_words
    raise LookupError(name)


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


@pytest.mark.parametrize("seed", range(6))
def test_the_length_is_what_the_plan_reads(seed: int) -> None:
    design = random_design(seed)
    plan = design.plan
    assert len(weight_stream(design.network, plan)) == plan.stream_words * plan.stream_bits // 8


@pytest.mark.parametrize("design", [small(), several_ports(), *map(random_design, (1, 2, 4))])
def test_the_ports_bring_the_stream_together(design: Design) -> None:
    """Word by word, the first port the lowest bits; each port a file as long as the plan says."""
    ports = design.plan.weight_ports
    files = weight_files(design.network, design.plan)
    assert list(files) == [f"data/{port.name}.bin" for port in ports]
    size = ports[0].bits // 8
    assert {len(content) for content in files.values()} == {design.plan.stream_words * size}
    words = (
        content[size * word : size * (word + 1)]
        for word in range(design.plan.stream_words)
        for content in files.values()
    )
    assert b"".join(words) == weight_stream(design.network, design.plan)


@pytest.mark.parametrize("design", [small(), several_ports()])
def test_rows_come_back_from_nibbles_and_parameters(design: Design) -> None:
    stage, words = segment(design, "block0.fc2")
    params, f = design.network.weights[stage.name], design.plan.folding
    bits = design.plan.stream_bits
    param_words = -(-stage.drain_steps * 64 // bits)
    beat_words = -(-f.tm * f.tk * 4 // bits)
    rebuilt = np.zeros((stage.rows, stage.beats * f.tk), dtype=np.int64)
    order: tuple[list[int], list[int]] = ([], [])  # of 8-bit rows, of 4-bit ones
    for tile in range(stage.row_tiles):
        tile_words = words[tile * stage.load_steps : (tile + 1) * stage.load_steps]
        fields = _join(tile_words[:param_words], bits)
        beats = [
            _join(tile_words[at : at + beat_words], bits)
            for at in range(param_words, len(tile_words), beat_words)
        ]
        slots = [
            np.array(
                [signed(b >> (4 * (s * f.tk + k)) & 15, 4) for b in beats for k in range(f.tk)]
            )
            for s in range(f.tm)
        ]
        for step in range(stage.drain_steps):
            field = fields >> (64 * step) & ((1 << 64) - 1)
            kind, row = field >> 50 & 3, field >> 52
            if kind == 3:
                continue
            rebuilt[row] = slots.pop(0) * 16 + slots.pop(0) if kind == 1 else slots.pop(0)
            order[kind == 0].append(row)
            assert params.is_w8[row] == (kind == 1)
            assert signed(field & ((1 << 26) - 1), 26) == params.bias[row]
            assert signed(field >> 26 & ((1 << 18) - 1), 18) == params.mult[row]
            assert field >> 44 & 63 == params.shift[row]
        assert not np.any(slots)  # what is left is padding
    assert (rebuilt[:, : stage.inner] == params.weight).all()
    assert not rebuilt[:, stage.inner :].any()
    assert all(list(rows) == sorted(rows) for rows in order)
    assert len(order[0]) == params.is_w8.sum() and sum(map(len, order)) == stage.rows


def _join(words: list[int], bits: int) -> int:
    return sum(word << (bits * i) for i, word in enumerate(words))


@pytest.mark.parametrize("design", [small(), several_ports()])
def test_the_table_of_gelu_comes_first_a_ports_width_a_word(design: Design) -> None:
    stage, words = segment(design, "block1.fc1")
    table = design.network.gelus[stage.name]
    width = design.plan.ports[0].bits
    packed = _join(words[: 2048 // width], width)
    assert max(words[: 2048 // width]) < 1 << width
    assert [signed(packed >> (8 * i) & 255, 8) for i in range(256)] == table.tolist()


@pytest.mark.parametrize("design", [small(), several_ports()])
def test_norm_softmax_and_position(design: Design) -> None:
    bits, vl = design.plan.stream_bits, design.plan.folding.vl
    stage, words = segment(design, "block0.norm1")
    norm = design.network.norms[stage.name]
    assert (words[0] & 63, words[0] >> 8) == (norm.shift, norm.epsilon)
    fields = _join(words[1:], bits)
    for channel in range(stage.rows):
        field = fields >> (64 * channel)
        assert signed(field & (1 << 18) - 1, 18) == norm.gain[channel]
        assert signed(field >> 18 & (1 << 36) - 1, 36) == norm.bias[channel]

    stage, (word,) = segment(design, "block1.head0.softmax")
    scalars = design.network.softmaxes[stage.name]
    assert word == (
        scalars.mult | scalars.shift << 18 | scalars.out_mult << 24 | scalars.out_shift << 42
    )

    stage, words = segment(design, "position")
    vectors = -(-stage.rows // vl)
    for token, channel in ((0, 0), (3, 7), (stage.tokens - 1, stage.rows - 1)):
        word = words[token * vectors + channel // vl]
        value = signed(word >> (16 * (channel % vl)) & 0xFFFF, 16)
        assert value == design.network.position[token, channel]


def test_a_network_of_another_architecture_is_refused() -> None:
    with pytest.raises(ConfigError, match="architecture"):
        weight_stream(random_network(tiny(), 0), small().plan)
