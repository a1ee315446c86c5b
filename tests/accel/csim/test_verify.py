"""verify_project: what it compares, and that it catches what it must."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from qnas.accel.csim.toolchain import Toolchain
from qnas.accel.csim.verify import Verification, verify_project
from qnas.accel.hls.emit.bench import stage_values
from qnas.accel.hls.emit.project import emitted_files
from qnas.errors import CheckpointError, CompileError, ToolMissingError, VerificationError
from qnas.testing.random_network import random_network
from tests.accel.projects import QUICK, Design, change, several_ports, small


def run(project: Path, design: Design, **options: object) -> Verification:
    (found,) = verify_project(
        project,
        [design.network],
        design.images,
        design.labels,
        **{"toolchain": QUICK, **options},  # type: ignore[arg-type]
    )
    return found


def test_everything_is_compared(tmp_path: Path) -> None:
    design = small()
    found = run(design.write(tmp_path / "project"), design)
    processes = min(os.cpu_count() or 1, len(design.images))
    assert found.passed and found.mismatches == 0 and found.first_mismatch is None
    assert found.images == len(design.images)
    assert found.stages == len(design.plan.stages)
    assert found.values == len(design.images) * sum(stage_values(design.plan))
    assert found.loops_checked == processes * sum(len(s.loops) for s in design.plan.stages)
    assert found.accuracy == (design.network.predict(design.images) == design.labels).mean()
    assert "g++" in found.compiler


@pytest.mark.parametrize(
    ("file", "before", "after", "stage"),
    [
        ("src/layer_norm.hpp", "16 + e", "17 + e", "block0.norm1"),
        pytest.param(
            "src/softmax.hpp",
            "shift_t(8 + octave)",
            "shift_t(7 + octave)",
            "block0.head0.softmax",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "src/epilogue.hpp",
            "scaled[k], -119, 119",
            "scaled[k], -118, 118",
            "block0.k",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_broken_stage_is_named(
    tmp_path: Path, file: str, before: str, after: str, stage: str
) -> None:
    design = small()
    project = design.write(tmp_path / "project")
    change(project, file, before, after)
    found = run(project, design)
    first = found.first_mismatch
    assert not found.passed and found.mismatches > 0 and first is not None
    assert first.stage == stage and first.image == 0 and first.expected != first.got
    *_, expected = (t for name, t in _trace(design) if name == stage)
    assert expected.reshape(-1)[first.index] == first.expected


def _trace(design: Design):  # type: ignore[no-untyped-def]
    patches = design.network.quantize_images(design.images[:1])
    return design.network.trace(patches)


def test_a_wrong_logit_is_counted_once(tmp_path: Path) -> None:
    """It is seen in the last stage and again on the port."""
    design = small()
    project = design.write(tmp_path / "project")
    change(project, "src/epilogue.hpp", "+ row] = saturate", "+ row] = 1 + saturate")
    found = run(project, design)
    logits = len(design.images) * design.network.architecture.num_classes
    assert found.first_mismatch is not None and found.first_mismatch.stage == "head"
    assert found.mismatches == logits


def test_a_loop_that_iterates_once_more_is_a_mismatch(tmp_path: Path) -> None:
    design = small()
    project = design.write(tmp_path / "project")
    change(project, "src/layer_norm.hpp", "i < stage.steps;", "i < stage.steps + 1;")
    found = run(project, design)
    assert found.first_mismatch is not None
    assert found.first_mismatch.stage == "block0.norm1, loop normalise"
    (norm,) = (stage for stage in design.plan.stages if stage.name == "block0.norm1")
    trips = norm.loops[-1].trips
    assert (found.first_mismatch.expected, found.first_mismatch.got) == (trips, trips + 1)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("i < count;", "i < count - 1;", "reading empty"),
        (
            "words.write(word);",
            "words.write(word); if (i + 1 == count) words.write(word);",
            "1 words left behind in stream 'words'",
        ),
    ],
)
def test_a_stream_too_short_or_too_long_is_a_fault(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    design = small()
    project = design.write(tmp_path / "project")
    change(project, "src/qnas_top.cpp", before, after)
    with pytest.raises(VerificationError, match=message):
        run(project, design)


def test_sources_that_do_not_compile_say_why(tmp_path: Path) -> None:
    design = small()
    project = design.write(tmp_path / "project")
    change(project, "src/schedule.hpp", "at.drained = stage.drain_steps;", "at.drained = zero;")
    with pytest.raises(CompileError, match=r"zero\W+ was not declared"):
        run(project, design)


def test_objects_are_compiled_once_for_equal_content(tmp_path: Path) -> None:
    """With other weights, elsewhere, the kernel comes from the cache; another kernel does not."""
    toolchain = Toolchain(flags=("-O0",), cache=tmp_path / "cache")

    def objects() -> set[str]:
        return {path.name for path in (tmp_path / "cache" / "csim").glob("*.o")}

    design = small()
    assert run(design.write(tmp_path / "a"), design, toolchain=toolchain).passed
    first = objects()
    other = replace(design, network=random_network(design.network.architecture, 99))
    assert run(other.write(tmp_path / "b"), other, toolchain=toolchain).passed
    second = objects()
    assert len(first) == 2 and len(second - first) == 1, "the test bench knows the weights' CRC-32"
    project = design.write(tmp_path / "c")
    change(project, "src/layer_norm.hpp", "16 + e", "17 + e")
    assert not run(project, design, toolchain=toolchain).passed
    assert len(objects() - second) == 1


@pytest.mark.parametrize("damage", ["cut short", "empty", "something else"])
def test_a_damaged_object_is_compiled_again(tmp_path: Path, damage: str) -> None:
    toolchain, design = Toolchain(flags=("-O0",), cache=tmp_path / "cache"), small()
    assert run(design.write(tmp_path / "a"), design, toolchain=toolchain).passed
    kept = list((tmp_path / "cache" / "csim").glob("*.o"))
    for path in kept:
        whole = path.read_bytes()
        contents = {"cut short": whole[:1000], "empty": b"", "something else": b"!<arch>\n"}
        path.write_bytes(contents[damage])
    assert len(kept) == 2
    assert run(design.write(tmp_path / "b"), design, toolchain=toolchain).passed


def test_products_are_packed_for_as_many_images_as_asked(tmp_path: Path) -> None:
    design = small()
    project = design.write(tmp_path / "project")
    processes = min(os.cpu_count() or 1, len(design.images))
    for asked, packed in ((0, 0), (1, processes), (None, 3)):
        found = run(project, design, packed_images=asked)
        assert found.passed and found.packed_images == packed


def test_a_memory_that_is_not_the_plans_does_not_compile(tmp_path: Path) -> None:
    design = small()
    project = design.write(tmp_path / "project")
    rows = next(b.depth for b in design.plan.buffers if b.name == "key")
    change(project, "src/plan.hpp", f"KEY_ROWS = {rows};", f"KEY_ROWS = {rows + 1};")
    with pytest.raises(CompileError, match=r"static assertion failed: key"):
        run(project, design)


def test_a_missing_compiler_is_named_with_its_package(tmp_path: Path) -> None:
    design = small()
    project = design.write(tmp_path / "project")
    with pytest.raises(ToolMissingError, match=r"no-such-compiler.*apt install"):
        run(project, design, toolchain=Toolchain(command="no-such-compiler"))


def test_a_project_of_other_weights_is_refused(tmp_path: Path) -> None:
    design = small()
    project = design.write(tmp_path / "project")
    network = design.network
    other = replace(design, network=random_network(network.architecture, 99))
    with pytest.raises(CheckpointError, match="project of this network"):
        run(project, other)
    (project / "data" / "weights.bin").write_bytes(b"\0")
    with pytest.raises(CheckpointError, match="project of this network"):
        run(project, design)


def test_swapped_ports_are_mismatches(tmp_path: Path) -> None:
    """Each port has its place in a word: what the second brings is not what the first does."""
    design = several_ports()
    project = design.write(tmp_path / "project")
    change(project, "src/qnas_top.cpp", "place<1>(weights_1[i]", "place<1>(weights_2[i]")
    assert not run(project, design).passed


def test_a_project_of_another_plan_is_refused(tmp_path: Path) -> None:
    design = small()
    project = design.write(tmp_path / "project")
    other = replace(design.plan, clock_mhz=design.plan.clock_mhz + 1)
    with pytest.raises(CheckpointError, match=r"plan\.clock_mhz.*export again"):
        run(project, design, plans=[other])


def test_the_files_of_a_project_are_those_that_its_digest_counts(tmp_path: Path) -> None:
    project = small().write(tmp_path / "project")
    files = (p.relative_to(project).as_posix() for p in project.rglob("*") if p.is_file())
    of_a_card, of_several_ports = ["link.cfg"], [f"data/weights_{i}.bin" for i in range(8)]
    assert sorted([*files, *of_a_card, *of_several_ports]) == list(emitted_files())


def test_make_check_runs_the_sample_images_and_refuses_damaged_files(tmp_path: Path) -> None:
    project = small().write(tmp_path / "project")
    command = ["make", "-s", "-j2", "check", "CXXFLAGS=-O0"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "EQUAL: 3 images" in done.stdout
    assert done.stdout.split(",")[0] in (project / "README.md").read_text()

    def bench() -> tuple[int, str]:
        done = subprocess.run("build/csim", cwd=project, capture_output=True, text=True)
        return done.returncode, done.stderr

    vectors, weights = project / "data" / "vectors.bin", project / "data" / "weights.bin"
    good = vectors.read_bytes()
    vectors.write_bytes(good[:-1])
    assert bench() == (2, "test bench: data/vectors.bin ends too early\n")
    vectors.write_bytes(b"nonsense" + good[8:])
    assert bench() == (2, "test bench: data/vectors.bin holds no vectors\n")
    content = bytearray(weights.read_bytes())
    content[7] ^= 1
    weights.write_bytes(content)
    status, message = bench()
    assert status == 2 and "CRC-32 differs" in message
