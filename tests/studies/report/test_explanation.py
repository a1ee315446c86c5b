"""An explanation is the plan's own estimate, cut up; its page needs no network."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from qnas._util.serialization import write_json
from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.idle import AT_WORK
from qnas.accel.device import RESOURCES, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.errors import ConfigError, QnasError
from qnas.spaces import load_space
from qnas.studies.config import Study
from qnas.studies.report.explain_page import facts, kind_rows, memory_rows, part_rows
from qnas.studies.report.explain_page import render_explanation as render
from qnas.studies.report.explanation import Explanation, explain, explain_architecture, explain_pick
from qnas.studies.report.figures.boards import foldings_picture
from qnas.studies.report.figures.timeline import timeline_picture
from qnas.studies.run.run import Run
from qnas.studies.stages.kernels import expected_numbers

MIDDLE = load_space("digits").middle()


@pytest.fixture(scope="module")
def found() -> Explanation:
    device = load_device("zcu102")
    return explain("knee <of> a run", best_plan(MIDDLE, device, 0.25)[0], device)


@pytest.fixture
def pick(tmp_path: Path, found: Explanation) -> Path:
    run = tmp_path / "demo"
    config = Study("demo", space="digits", data="digits", device="zcu102")
    write_json(run / "manifest.json", Run(config, run).make_manifest())
    write_json(run / "picks" / "knee" / "plan.json", found.plan)
    return run / "picks" / "knee"


def test_kinds_and_parts_are_the_estimate_cut_up(found: Explanation) -> None:
    assert found.estimate == estimate(found.plan)
    assert sum(part.cycles for part in found.kinds()) == found.estimate.cycles
    for count in (1, 5, 1000):
        shown = found.main_parts(count)
        assert len(shown) <= count + 1
        for resource in RESOURCES:
            assert sum(getattr(part, resource) for part in shown) == found.used(resource)
    assert 0 < found.array_use < 1
    assert found.array_shares[AT_WORK] == pytest.approx(found.array_use)
    idle = [cause for cause in found.array_shares if cause != AT_WORK]
    assert dict(facts(found))["array idle"].startswith(f"{idle[0]} ")
    assert found.compute_roof == found.plan.folding.atoms_per_cycle * 150e6


def test_the_largest_part_comes_first(found: Explanation) -> None:
    first, *_, last = found.main_parts(6)
    assert first.name == "engine_packed"
    assert last.name.endswith("others")


def test_tables_have_a_row_a_kind_a_unit_and_a_memory(found: Explanation) -> None:
    assert [label for label, _ in kind_rows(found)] == [part.kind for part in found.kinds()]
    assert [label for label, _ in part_rows(found, 4)][-3:] == ["used", "limit of a plan", "share"]
    assert len(memory_rows(found)) == len(found.plan.buffers)
    assert dict(facts(found))["FPS"].startswith(
        f"{found.estimate.fps:,.0f} of a stream, at 150 MHz"
    )


def test_a_batch_is_said_where_it_is_more_than_one() -> None:
    device = load_device("zcu102")
    found = explain("batch", best_plan(MIDDLE, device, 0.25, batch=8)[0], device)
    said = dict(facts(found))
    assert f"{found.estimate.fps:,.0f} of a stream in passes of 8 images, at 150" in said["FPS"]
    assert said["cycles a pass"].startswith(f"{found.estimate.cycles:,};")
    assert said["latency"].endswith(" ms of a call with one pass of 8 images")
    assert said["from DRAM"] == f"{found.estimate.dram_bits / 64e3:,.1f} kB an image"
    labels = [one.what for one in expected_numbers(found.estimate, limits=("dsp",))]
    assert labels[:3] == [
        "cycles of a call's first pass of 8 images",
        "cycles of each further pass of 8 images",
        "FPS in passes of 8 images at 150 MHz (assumed)",
    ]
    picture = foldings_picture(found)
    assert picture and "best in FPS in passes of 8 images, DSPs" in picture.caption
    assert timeline_picture(found).title == "One pass of 8 images in time"


def test_a_pick_is_explained_on_the_device_of_its_run(pick: Path, found: Explanation) -> None:
    again = explain_pick(pick)
    assert replace(again, title=found.title) == found
    assert again.title == "knee of demo"


def test_a_plan_for_another_device_or_an_edited_one_is_refused(pick: Path) -> None:
    with pytest.raises(ConfigError, match=r"plan\.device"):
        explain_pick(pick, device="kv260")
    data = json.loads((pick / "plan.json").read_text())
    data["stages"][3]["loops"][0]["trips"] += 1
    write_json(pick / "plan.json", data)
    with pytest.raises(ConfigError, match="trips"):
        explain_pick(pick)


def test_what_is_no_pick_says_what_one_is(tmp_path: Path, pick: Path) -> None:
    with pytest.raises(ConfigError, match="runs/NAME/picks/knee"):
        explain_pick(tmp_path)
    (pick.parent.parent / "manifest.json").unlink()
    with pytest.raises(ConfigError, match="--device"):
        explain_pick(pick)
    assert explain_pick(pick, device="zcu102").device.name == "zcu102"


def test_an_architecture_file_on_a_board_by_name_or_path(tmp_path: Path) -> None:
    path = tmp_path / "arch.json"
    write_json(path, MIDDLE.to_json())
    device = load_device("pynq_z2")
    found = explain_architecture(path, "pynq_z2", dsp_share=0.5)
    assert found.plan == best_plan(MIDDLE, device, 0.5)[0]
    assert MIDDLE.key in found.title and "pynq_z2" in found.title


@pytest.mark.parametrize("text", ["", "{", "{}", '{"embed_dim": 8}', "[1]"])
def test_a_file_that_is_no_architecture(tmp_path: Path, text: str) -> None:
    path = tmp_path / "arch.json"
    path.write_text(text)
    with pytest.raises(QnasError):
        explain_architecture(path, "zcu102")
    with pytest.raises(ConfigError, match="must be a JSON file of an architecture"):
        explain_architecture(tmp_path / "none.json", "zcu102")


def test_one_offline_page_with_every_kind_and_memory(found: Explanation) -> None:
    page = render(found)
    assert page.count("plotly.js v") == 1
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert 4_000_000 < len(page) < 8_000_000
    assert page.count('class="plotly-graph-div"') == 8
    for label, _ in (*kind_rows(found), *memory_rows(found), *part_rows(found, 24)):
        assert f"<th>{label}</th>" in page
    assert "knee &lt;of&gt; a run" in page
    assert "modelled" in page and "Horowitz" in page
    assert page == render(found)
