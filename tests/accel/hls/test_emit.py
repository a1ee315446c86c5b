"""emit_project: deterministic, complete, safe; the text against the plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnas.accel.hls.emit.project import ProjectFiles
from qnas.accel.hls.emit.writer import Writer
from qnas.accel.plan.plan import HardwarePlan
from qnas.errors import ConfigError
from tests.accel.projects import random_design, small


def test_equal_arguments_give_equal_bytes() -> None:
    assert small().files().digest == small().files().digest
    assert dict(small().files()) == dict(small().files())
    assert small().files("other").digest != small().files().digest


def test_every_file_is_there() -> None:
    files = set(small().files())
    assert files >= {
        *("src/qnas_top.cpp", "src/qnas_top.hpp", "src/plan.hpp", "src/stages.hpp"),
        *("src/tables.hpp", "src/gemm.hpp", "sim/ap_int.h", "sim/hls_stream.h"),
        *("tb/tb.cpp", "tb/taps.hpp", "tb/project.hpp", "data/weights.bin", "data/vectors.bin"),
        *("Makefile", "build.tcl", "plan.json", "README.md"),
    }


def test_the_plan_travels_with_the_project() -> None:
    design = small()
    plan = HardwarePlan.from_json(json.loads(design.files()["plan.json"]))
    assert plan == design.plan


def test_the_stage_table_has_one_line_a_stage_in_order() -> None:
    design = random_design(3)
    text = design.files()["src/stages.hpp"].decode()
    lines = [line for line in text.splitlines() if line.startswith("    /* ")]
    assert [line.split()[1] for line in lines] == [s.name for s in design.plan.stages]
    assert len({len(line) for line in lines}) == 1, "the columns are aligned"
    for line, stage in zip(lines, design.plan.stages, strict=True):
        fields = [field.strip() for field in line.split("{")[1].split("}")[0].split(",")]
        assert fields[0] == stage.kind.upper()
        assert [int(v) for v in fields[5:17]] == [
            *(stage.rows, stage.slots, stage.tokens, stage.inner, stage.head, stage.half),
            stage.token_offset,
            *(stage.row_tiles, stage.token_tiles, stage.beats, stage.drain_steps),
            stage.tile_steps,
        ]


def test_every_memory_of_the_plan_is_declared_with_its_sizes() -> None:
    design = random_design(5)
    top = design.files()["src/qnas_top.cpp"].decode()
    elsewhere = {"exp", "rsqrt", "accumulator", "drain"}
    fifos = {"stream": "words", "pixels": "pixels", "answers": "answers"}
    assert design.plan.folding.head_buffers == 2
    for buffer in design.plan.buffers:
        name, shape = buffer.name, f"{buffer.banks} x {buffer.depth} x {buffer.bits} bits"
        if name in fifos:
            stream = fifos[name]
            assert f"STREAM variable={stream} depth={buffer.depth}\n" in top
            assert f"variable={stream} type=fifo impl={buffer.storage}\n" in top
            assert f"    QNAS_DEPTH({stream}, {buffer.depth});\n" in top
        elif name not in elsewhere:
            assert f" {name};  // {shape}" in top
            assert f"variable={name} type=ram_s2p impl={buffer.storage}" in top


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a b", "-x", "x\n", "a" * 65])
def test_names_that_are_no_plain_file_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        small().files(name)


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "a//b", "./a"])
def test_no_file_leaves_the_project(path: str) -> None:
    with pytest.raises(ConfigError, match="inside the project"):
        ProjectFiles({path: b""})


def test_writing_replaces_a_project_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "project"
    ProjectFiles({"old/file": b"1"}).write(target)
    files = ProjectFiles({"a": b"2", "src/b": b"3"})
    files.write(target)
    found = {str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()}
    assert found == set(files)
    assert [p.name for p in target.parent.iterdir()] == ["project"]


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "project"
    with pytest.raises(OSError):
        ProjectFiles({"a": b"", "a/b": b""}).write(target)
    assert list(tmp_path.iterdir()) == []


def test_the_writer_owns_indentation() -> None:
    out = Writer()
    with out.block("for (;;)"):
        out.pragma("PIPELINE II=1")
        out.line("x;\ny;")
    assert out.text() == "for (;;) {\n#pragma HLS PIPELINE II=1\n    x;\n    y;\n}\n"
