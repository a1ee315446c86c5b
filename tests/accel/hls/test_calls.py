"""How the kernel is called and fed: many images at once, a late weight stream, DSP intrinsics."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from qnas.accel.csim.toolchain import Toolchain
from qnas.accel.csim.verify import inputs_of, write_vectors
from tests.accel.projects import (
    Design,
    batch_of,
    change,
    design,
    random_design,
    several_ports,
    small,
    two_images,
)

FIVE = 5
AN_IMAGE_ON = "first += plan::BATCH * plan::IMAGE_WORDS;"


def five_images(of: Design) -> Design:
    return design(of.network.architecture, of.plan.folding, images=FIVE, device=of.device)


def simulated(
    of: Design, folder: Path, *, images_a_call: int, flags: tuple[str, ...] = ()
) -> dict[str, Any]:
    """What the test bench found with so many images in each call of the kernel."""
    project = of.write(folder / "project")
    program = Toolchain(flags=("-O0", *flags)).compile(project, folder / "build")
    vectors, result = folder / "vectors.bin", folder / "result.json"
    inputs = inputs_of([of.network], of.images)
    write_vectors(vectors, inputs, of.labels, images=slice(0, len(of.images)))
    files = [str(path) for path in (program, project, vectors, result)]
    subprocess.run([*files, str(len(of.images)), str(images_a_call)], capture_output=True)
    (found,) = json.loads(result.read_text())
    found.pop("seconds")
    return dict(found)


def trips(found: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {
        (stage["stage"], loop["name"]): loop["trips"]
        for stage in found["loops"]
        for loop in stage["loops"]
    }


@pytest.mark.parametrize("seed", [1, pytest.param(None, marks=pytest.mark.slow)])
def test_five_images_in_a_call_equal_five_calls(seed: int | None, tmp_path: Path) -> None:
    """Every value of every stage, the logits, and the iterations of every loop."""
    of = five_images(small() if seed is None else random_design(seed, batch=batch_of(seed)))
    one, five, two = (simulated(of, tmp_path / str(n), images_a_call=n) for n in (1, FIVE, 2))
    assert one == five == two
    assert one["images"] == FIVE and one["mismatches"] == one["varying_loops"] == 0


def test_a_call_that_forgets_where_an_image_begins_is_found(tmp_path: Path) -> None:
    """The second image of a call is read behind the first, not once more."""
    of = five_images(small())
    project = of.write(tmp_path / "project")
    top = project / "src/qnas_top.cpp"
    text = top.read_text()
    assert text.count(AN_IMAGE_ON) == 1
    top.write_text(text.replace(AN_IMAGE_ON, ""))
    program = Toolchain(flags=("-O0",)).compile(project, tmp_path / "build")
    for images_a_call, status in ((1, 0), (2, 1)):
        command = [program, project, project / "data/vectors.bin", tmp_path / "result.json", "9"]
        done = subprocess.run([*map(str, command), str(images_a_call)], capture_output=True)
        assert done.returncode == status


@pytest.mark.parametrize(
    ("chosen", "one_in"),
    [
        (random_design(1, batch=2), 3),
        pytest.param(small(), 2, marks=pytest.mark.slow),
        pytest.param(several_ports(), 7, marks=pytest.mark.slow),
    ],
)
def test_a_late_weight_stream_changes_no_result(
    chosen: Design, one_in: int, tmp_path: Path
) -> None:
    """The engine's loop finds a word every so many times it asks: it goes on without, and waits
    with a row tile until all of it has come."""
    found = simulated(chosen, tmp_path, images_a_call=2, flags=(f"-DQNAS_STARVE={one_in}",))
    assert found["mismatches"] == 0
    assert found["values"] > 0
    planned = {
        (stage.name, loop.name): loop.trips for stage in chosen.plan.stages for loop in stage.loops
    }
    counted = trips(found)
    assert all(counted[key] >= planned[key] for key in counted)
    late = {stage for stage, loop in counted if counted[stage, loop] > planned[stage, loop]}
    assert late >= {s.name for s in chosen.plan.stages if s.left == "weights"}


@pytest.mark.parametrize(
    ("file", "forgotten", "stage"),
    [
        ("vectors.hpp", "cursor.first_row += walk.image_row;", "block0.norm1"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("vectors.hpp", "cursor.first_out_row += walk.image_out_row;", "patches"),
                ("loads.hpp", "image_row + plan::RESIDUAL_IMAGE_ROWS", "position"),
                ("epilogue.hpp", "tile.first.src += plan::ACT_IMAGE_ROWS;", "stem"),
                ("epilogue.hpp", "tile.scale_row += plan::QUERY_SCALE_IMAGE_ROWS;", "attend"),
                ("epilogue.hpp", "tile.logit_row += plan::LOGIT_IMAGE_ROWS;", "head"),
                ("softmax.hpp", "now.first_out_row += plan::PROB_IMAGE_ROWS;", "softmax"),
                ("loader.hpp", "cursor.address = cursor.first_address;", "scores"),
            )
        ),
    ],
)
def test_an_image_of_a_pass_that_lies_where_another_one_does_is_found(
    file: str, forgotten: str, stage: str, tmp_path: Path
) -> None:
    project = two_images().write(tmp_path / "project")
    left = {"image_row + plan::RESIDUAL_IMAGE_ROWS": "image_row"}  # of what would not compile
    change(project, f"src/{file}", forgotten, left.get(forgotten, ""))
    program = Toolchain(flags=("-O0",)).compile(project, tmp_path / "build")
    result = tmp_path / "result.json"
    command = [program, project, project / "data/vectors.bin", result]
    assert subprocess.run([*map(str, command)], capture_output=True).returncode == 1
    (found,) = json.loads(result.read_text())
    assert found["first_mismatch"]["stage"].endswith(stage)


def test_dsp_intrinsics_give_the_same(tmp_path: Path) -> None:
    found = simulated(small(), tmp_path, images_a_call=2, flags=("-DQNAS_DSP_BUILTINS",))
    assert found["mismatches"] == found["varying_loops"] == 0
