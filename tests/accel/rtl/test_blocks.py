"""The RTL twin: exact against the integer reference, its cycles the plan's, its table remade."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from qnas._util.serialization import write_json
from qnas.accel.device import load_device
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.rtl import measure as measuring
from qnas.accel.rtl import synthesize as synthesizing
from qnas.accel.rtl.bits import concat, field, from_bytes, to_bytes
from qnas.accel.rtl.block import RtlBlock, folder, known
from qnas.accel.rtl.blocks_of_plan import blocks_of
from qnas.accel.rtl.grid import array, candidates, engine, grid
from qnas.accel.rtl.kinds import KINDS
from qnas.accel.rtl.measure import measure
from qnas.accel.rtl.simulate import prepare, simulate, simulate_each
from qnas.accel.rtl.synthesize import counted
from qnas.accel.rtl.table import NUMBERS, Row, read_table, write_table
from qnas.accel.rtl.vectors.engine import stages
from qnas.cli.main import cli
from qnas.errors import CheckpointError, ConfigError, DependencyError, VerificationError
from qnas.numerics import EXP_TABLE, RSQRT_TABLE
from tests.accel.designs import tiny

REMEASURED = (
    array(2, 1, 1),
    array(2, 1, 1, lut_slots=2),
)


def test_vectors_survive_the_file() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(-32, 32, (50, 7))
    bits = concat(field(values, 6), field(np.arange(50), 11))
    assert (from_bytes(to_bytes(bits), bits.shape[1]) == bits).all()
    assert field(np.array([[-1]]), 70).sum() == 70


def test_parameters_are_checked() -> None:
    with pytest.raises(ConfigError, match="must have the parameters"):
        KINDS["buffer"].check(RtlBlock.of("buffer", bits=6))
    with pytest.raises(ConfigError, match="known kind"):
        known(KINDS, "buffers")


def test_every_block_of_the_grid_is_well_formed_and_there_once() -> None:
    blocks = grid()
    assert len(set(blocks)) == len(blocks) >= 60
    for block in blocks:
        KINDS[block.kind].check(block)


def test_cells_are_counted_as_luts_and_halves_of_block_ram() -> None:
    cells = {"LUT6": 3, "INV": 1, "SRL16E": 2, "RAM64M8": 1, "FDRE": 5, "RAMB36E2": 1, "CARRY4": 9}
    found = counted({"num_cells_by_type": cells | {"DSP48E2": 2}, "estimated_num_lc": 3})
    assert (found.lut, found.lut_paired, found.ff) == (3 + 1 + 2 + 8, 3 + 2 + 8, 5)
    assert (found.dsp, found.bram18, found.uram) == (2, 2, 0)


def test_the_shipped_table_is_whole(tmp_path: Path) -> None:
    rows = read_table()
    assert {row.block for row in rows} <= set(grid())
    assert all(row.vectors >= 10_000 for row in rows)
    assert rows[0].measurement.lut == rows[0].lut
    write_table(tmp_path / "again.csv", reversed(rows))
    assert read_table(tmp_path / "again.csv") == rows
    (tmp_path / "again.csv").write_text("kind\nx\n")
    with pytest.raises(CheckpointError, match="whole table"):
        read_table(tmp_path / "again.csv")


def test_without_the_tools_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def absent() -> str:
        raise DependencyError("`pyosys` must be installed; got none. Install it.")

    monkeypatch.setattr(measuring, "yosys_version", absent)
    done = CliRunner().invoke(cli, ["measure", "--cache", str(tmp_path / "cache")])
    assert done.exit_code == 2 and "must be installed" in done.output
    assert not (tmp_path / "cache").exists()


def test_what_is_remembered_is_not_measured_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    block = array(2, 1, 1)
    key = measuring.block_digest(block, with_tools=measuring.tools(), vectors=10_000)
    row = replace(read_table()[0], block=block, digest=key)
    (tmp_path / f"{key}.json").write_text(json.dumps(_plain(row)))
    monkeypatch.setattr(measuring, "simulate", None)
    monkeypatch.setattr(synthesizing, "synthesize", None)
    assert measure(block, cache=tmp_path) == row


def _plain(row: Row) -> object:
    from qnas._util.serialization import encode

    return encode(row)


def test_a_plan_names_the_blocks_to_measure_next(tmp_path: Path) -> None:
    """Of its own kinds, none measured before; of a device of the 7 series those the twin has."""
    folding = Folding(tm=8, tt=4, tk=8, vl=4, drain_pairs=2, score_pairs=2)
    write_json(tmp_path / "p/plan.json", lower(tiny(), load_device("zcu102"), folding))
    arguments = ["measure", "--next", "3", "--plans", str(tmp_path), "--list"]
    done = CliRunner().invoke(cli, [*arguments, "--cache", str(tmp_path / "cache")])
    assert done.exit_code == 0, done.output
    proposed = done.output.split("\n")[:3]
    labels = {block.label: block for block in candidates()}
    assert len(set(proposed)) == 3 and set(proposed) <= set(labels)
    assert not {labels[label] for label in proposed} & {row.block for row in read_table()}
    blocks = blocks_of(lower(tiny(), load_device("pynq_z2"), folding))
    assert {block.kind for block in blocks} == {"array", "requantize", "buffer"}
    assert {block.family for block in blocks} == {"xc7"}
    for block in blocks:
        KINDS[block.kind].check(block)
    for wrong in (["--next", "2"], ["--next", "2", "--plans", str(tmp_path / "none")]):
        assert CliRunner().invoke(cli, ["measure", *wrong]).exit_code == 2


@pytest.mark.slow
def test_a_wrong_answer_and_a_wrong_cycle_are_seen(tmp_path: Path) -> None:
    block = engine(2, 1, 1)
    kind, rng = KINDS["engine"], np.random.default_rng(1)
    vectors = kind.vectors(block, rng, 500)
    library = prepare(tmp_path)
    library.write_bytes(library.read_bytes()[:1000])
    assert prepare(tmp_path) == library, "a damaged object is compiled again"
    found = simulate(block, kind, vectors, library=library)
    assert found.busy_cycles == vectors.busy_cycles
    wrong = vectors.expected.copy()
    wrong[7, 3] ^= 1
    with pytest.raises(VerificationError, match="integer reference"):
        simulate(block, kind, replace(vectors, expected=wrong), library=library)
    with pytest.raises(VerificationError, match="cycles"):
        late = replace(vectors, busy_cycles=vectors.busy_cycles + 1)  # type: ignore[operator]
        simulate(block, kind, late, library=library)


ENGINES = (engine(4, 3, 4), engine(8, 4, 4, pairs=4), engine(4, 2, 2, port=64, slots=2))


@pytest.mark.slow
@pytest.mark.parametrize(
    "block",
    [ENGINES[0], *(pytest.param(block, marks=pytest.mark.full) for block in ENGINES[1:])],
    ids=lambda block: block.label,
)
def test_cycles_and_sums_of_whole_gemms_are_the_plans(block: RtlBlock, tmp_path: Path) -> None:
    """Twelve shapes each, of weights and of attention, and each shape by itself: 36 in all."""
    runs = list(stages(block, np.random.default_rng(2), 0))
    starts = np.concatenate([run.inputs[run.inputs[:, 0] == 1] for run in runs])
    starts = starts[starts[:, 1] == 0]
    assert len(starts) == len(runs) == 12 and len(np.unique(starts, axis=0)) >= 11
    found = simulate_each(block, KINDS["engine"], runs, library=prepare(tmp_path))
    assert [each.busy_cycles for each in found] == [run.busy_cycles for run in runs]
    assert len({each.busy_cycles for each in found}) >= 11


@pytest.mark.slow
@pytest.mark.parametrize(
    "block",
    [
        RtlBlock.of("requantize", "xc7", lanes=1),
        RtlBlock.of("gelu", lanes=2, port=128),
        RtlBlock.of("norm_statistics", lanes=2),
        RtlBlock.of("normalise", lanes=1),
        RtlBlock.of("exponential", lanes=2, score=18),
        RtlBlock.of("row_scale", width=17),
    ],
    ids=lambda block: block.label,
)
def test_vector_units_are_exact(block: RtlBlock, tmp_path: Path) -> None:
    kind = KINDS[block.kind]
    vectors = kind.vectors(block, np.random.default_rng(3), 10_000)
    found = simulate(block, kind, vectors, library=prepare(tmp_path))
    assert found.answers == len(vectors.expected) >= 1_000 and len(vectors.inputs) >= 10_000


def test_constant_tables_are_those_of_the_reference() -> None:
    text = (folder("sv") / "tables.sv").read_text()
    for name, table in (("rsqrt", RSQRT_TABLE), ("exp", EXP_TABLE)):
        module = text[text.index(f"module {name}_table") :].split("endmodule")[0]
        entries = re.findall(r"memory\[(\d+)\] = (\d+);", module)
        assert {int(i): int(value) for i, value in entries} == dict(enumerate(table.tolist()))


@pytest.mark.slow
@pytest.mark.parametrize("block", REMEASURED, ids=lambda block: block.label)
def test_the_table_is_remade(block: RtlBlock, tmp_path: Path) -> None:
    shipped = {row.block: row for row in read_table()}[block]
    again = measure(block, cache=tmp_path)
    assert all(getattr(again, name) == getattr(shipped, name) for name in NUMBERS)
