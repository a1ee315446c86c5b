"""Whether a study can be satisfied is known before it runs: in a second, no torch, no optuna."""

from __future__ import annotations

import dataclasses
import math
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from qnas._util.serialization import encode
from qnas.accel.device import Device, Margins, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.errors import CapacityError
from qnas.spaces import load_space
from qnas.studies.config import SearchConfig, Study
from qnas.studies.run.calibration import make_predictor
from qnas.studies.run.feasibility import REFERENCE_NAMES, Feasibility, assess, limiting

# Under one on an idle machine, as tests/bench/cost_model.py measures; others who use its memory and
# caches may double that.
CPU_SECONDS = 2.0
SCRIPT = """
import resource, sys
from qnas.cli.main import cli
try:
    cli(["check", "digits_zcu102"])
except SystemExit as end:
    assert end.code == 0, end.code
heavy = {"torch", "optuna", "sklearn", "plotly", "moocore"} & set(sys.modules)
assert not heavy, heavy
"""


def study(**fields: object) -> Study:
    defaults = {"name": "s", "space": "digits", "data": "digits", "device": "zcu102"}
    return Study(**{**defaults, **fields})  # type: ignore[arg-type]


def write_device(folder: Path, device: Device) -> str:
    """A device file with only what `Device` needs."""
    lines = [f"{k} = {v!r}" for k, v in encode(device).items() if k not in ("margins", "sources")]
    margins = [f"{k} = {v!r}" for k, v in encode(device.margins).items()]
    path = folder / "mine.toml"
    path.write_text("\n".join([*lines, "[margins]", *margins]).replace("'", '"'))
    return str(path)


def checked_cpu_seconds() -> float:
    """User time of one `qnas check` in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert "can be satisfied" in done.stdout
    return after.ru_utime - before.ru_utime


def test_it_takes_about_a_second_and_imports_neither_torch_nor_optuna() -> None:
    # Other work on the machine slows caches as well: the best of a few counts.
    assert any(checked_cpu_seconds() < CPU_SECONDS for _ in range(5))


def test_corners_are_the_planned_and_priced_subnets() -> None:
    found = assess(study(fps_targets=(5000, 8000)))
    space, device = load_space("digits"), load_device("zcu102")
    predictor = make_predictor(found.config, device)
    assert [c.name for c in found.reference_subnets] == list(REFERENCE_NAMES)
    for corner, arch in zip(found.reference_subnets, space.reference_subnets(), strict=True):
        plan, estimate = best_plan(arch, device, predictor=predictor)
        assert corner.predicted == predictor.predict(estimate, [plan])
        assert (corner.folding, corner.estimate) == (plan.folding, estimate)
        assert corner.fits and not corner.over
    assert found.reaching(5000) and found.reaching(1) == REFERENCE_NAMES
    found.require()


def test_a_batch_is_planned_with_and_makes_more_images_per_second() -> None:
    alone, together = (assess(study(search=SearchConfig(batch=n))) for n in (1, 8))
    for one, many in zip(alone.reference_subnets, together.reference_subnets, strict=True):
        assert many.folding and many.estimate and many.folding.batch == many.estimate.batch == 8
        assert many.fps > one.fps
    target = math.floor(max(subnet.fps for subnet in together.reference_subnets))
    assess(study(search=SearchConfig(batch=8), fps_targets=(target,))).require()
    with pytest.raises(CapacityError, match="fps_targets"):
        assess(study(fps_targets=(target,))).require()


def few_dsps(folder: Path) -> str:
    """A board that has every resource in plenty but DSPs, so that they bind at any LUT price."""
    many = load_device("zcu102")
    return write_device(folder, dataclasses.replace(many, name="few_dsps", dsp=220, sources=()))


def test_the_resource_that_binds_is_the_one_whose_limit_costs_speed(tmp_path: Path) -> None:
    corner = assess(study(device=few_dsps(tmp_path))).reference_subnets[0]
    assert corner.binding == ("dsp",)
    assert corner.speedups["dsp"] > 1.0 and corner.speedups["lut"] == 1.0
    assert "DSP" in limiting(corner)


def test_a_target_beyond_the_space_names_what_is_reached_and_which_boards_would_do(
    tmp_path: Path,
) -> None:
    device = few_dsps(tmp_path)
    whole = assess(study()).reference_subnets[0]
    target = math.floor(whole.fps)  # of a zcu102
    found = assess(study(device=device, fps_targets=(1000, target)))
    with pytest.raises(CapacityError) as caught:
        found.require()
    message = str(caught.value)
    best = found.reference_subnets[0]
    assert f"{target}" in message and f"at most {math.floor(best.fps)}" in message
    assert "binds is DSP" in message and "zcu102" in message
    reachable = study(device=device, fps_targets=(math.floor(best.fps),))
    assess(reachable).require()


def test_fewer_dsps_by_the_studys_own_shares_are_said() -> None:
    shares = SearchConfig(dsp_shares=(0.05, 0.1))
    whole = assess(study()).reference_subnets[0]
    found = assess(study(search=shares, fps_targets=(math.floor(whole.fps),)))
    with pytest.raises(CapacityError, match=r"search\.dsp_shares"):
        found.require()
    assert found.reference_subnets[0].limits["dsp"] == math.floor(
        0.1 * load_device("zcu102").limit("dsp")
    )


def test_a_board_too_small_for_anything_names_the_resource_and_a_remedy(tmp_path: Path) -> None:
    margins = Margins(lut=0.02, ff=0.7, dsp=0.9, bram18=0.9, uram=0.9)
    tight = dataclasses.replace(load_device("zcu102"), name="tight", margins=margins, sources=())
    found = assess(study(device=write_device(tmp_path, tight)))
    assert found.reference_subnets[0].over == ("lut",) == found.reference_subnets[0].binding
    with pytest.raises(CapacityError) as caught:
        found.require()
    message = str(caught.value)
    assert "`tight`" in message and "LUT of 5,481 usable" in message
    assert "margins.lut" in message and "zcu102" in message


def test_large_subnets_that_do_not_fit_are_remarked_but_do_no_harm() -> None:
    _, middle, slowest = assess(study()).reference_subnets
    target = (
        math.floor(max(middle.fps, slowest.fps)) + 1
    )  # of the three, the smallest alone makes it
    found = assess(study(fps_targets=(target,)))
    largest = found.reference_subnets[2]
    assert largest.estimate is not None
    limits = {**largest.limits, "bram18": 1}
    changed = dataclasses.replace(largest, limits=limits)
    partly = Feasibility(found.config, found.device, (*found.reference_subnets[:2], changed))
    partly.require()
    remarks = " ".join(partly.remarks())
    assert "largest subnet does not fit" in remarks and "BRAM18 of 1 usable" in remarks
    assert f"{target:,} FPS: of the three, the smallest alone makes it" in remarks
