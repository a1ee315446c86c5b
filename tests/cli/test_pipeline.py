"""The whole line, small: one epoch, one generation, one pick; everything in it is real."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import numpy as np
import pytest
from click.testing import CliRunner
from optuna_dashboard import wsgi
from sklearn.metrics import f1_score

from qnas._util.serialization import encode, read_json
from qnas.accel.cost.analytic import estimate
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import W8Shares
from qnas.cli.main import cli
from qnas.errors import CapacityError
from qnas.objectives.accuracy import AccuracyEvaluator
from qnas.studies.config import load_config
from qnas.studies.report.dashboard import Mirror
from qnas.studies.run.opening import read_run
from qnas.studies.run.predictions import Predictions, read_sensitivity
from qnas.studies.run.run import Run
from qnas.studies.run.training_records import training_curve
from qnas.studies.stages.kernels import multi_network_kernel, picks
from tests.cli.tiny_study import PIPELINE, qnas

STUDY = PIPELINE
FILES = (
    "manifest.json",
    "supernet.safetensors",
    "supernet.json",
    "train.jsonl",
    "train_accuracy.jsonl",
    "sensitivity.json",
    "study.journal",
    "front.csv",
    "report.html",
    "summary.json",
    "picks/knee/architecture.json",
    "picks/knee/plan.json",
    "picks/knee/verification.json",
    "picks/knee/predictions.csv",
    "picks/knee/wrong.json",
)


def contents(run: Path) -> dict[str, bytes]:
    """Every file of a run but those that tell its seconds."""
    timed = (
        "manifest.json",
        "train.jsonl",
        "train_accuracy.jsonl",  # after a kill an epoch is there twice
        "study.journal",
        "summary.json",
        "verification.json",
        "report.html",
    )
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in timed
    }


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A finished run to harm."""
    return shutil.copytree(finished, tmp_path / "copy")


def test_the_run_directory_is_as_agreed(finished: Path) -> None:
    run = finished / "runs" / "tiny"
    assert all((run / name).is_file() for name in FILES)
    assert (run / "picks" / "knee" / "project").is_dir()
    assert {path.name for path in run.iterdir()} == {n.split("/")[0] for n in FILES}


def test_the_summary_is_as_agreed(finished: Path) -> None:
    summary: Any = json.loads((finished / "runs/tiny/summary.json").read_text())
    assert set(summary) == {"picks", "study", "supernet", "missed_targets"}
    (pick,) = summary["picks"]
    assert {"name", "key", "cycles", "fps", "lut", "ff", "dsp", "bram18"} <= set(pick)
    assert pick["batch"] == pick["estimate"]["batch"] == 2
    assert pick["fps"] == pytest.approx(2e6 * pick["clock_mhz"] / pick["cycles"], rel=1e-3)
    assert "FPS in passes of 2 images" in (finished / "runs/tiny/report.html").read_text()
    assert {"floating", "fake_quant", "integer", "hls"} < set(pick["accuracy"])
    assert pick["accuracy"]["integer"] == pick["accuracy"]["hls"]
    assert set(pick["verification"]) == {"images", "stages", "values", "mismatches"}
    found = Predictions.read(finished / "runs/tiny/picks/knee/predictions.csv")
    assert 1 - len(found.wrong) / len(found.labels) == pytest.approx(pick["accuracy"]["integer"])
    assert len(found.labels) == pick["accuracy"]["images"]
    shares, counts = pick["accuracy"]["classes"], np.bincount(found.labels)
    assert np.dot(shares, counts) / counts.sum() == pytest.approx(pick["accuracy"]["integer"])
    assert pick["accuracy"]["macro_f1"] == pytest.approx(
        f1_score(found.labels, found.predicted, average="macro")
    )
    assert pick["accuracy"]["integer"] <= pick["accuracy"]["top5"] <= 1
    row = f"{pick['accuracy']['top5']:.2%}, {pick['accuracy']['macro_f1']:.2%}, {min(shares):.2%}"
    assert row in (finished / "runs/tiny/report.html").read_text()
    assert pick["verification"]["mismatches"] == 0 < pick["verification"]["values"]
    assert set(summary["study"]) == {"trials", "distinct", "pareto", "hypervolume", "seconds"}
    assert summary["study"]["trials"] == 6
    assert {"seconds", "largest_accuracy", "smallest_accuracy"} <= set(summary["supernet"])


def test_sensitivity_and_curve_are_those_of_the_search_split(finished: Path) -> None:
    run = read_run(finished / "runs" / "tiny")
    found = read_sensitivity(run.files.sensitivity)
    assert found is not None and len(found.matrices) == found.blocks * 4
    arch = picks(run)[0].trial.architecture
    wide = W8Shares(8, 8, 8, 8)
    blocks = [replace(block, w8=wide) for block in arch.blocks]
    every = replace(arch, blocks=tuple(blocks))
    blocks[0] = replace(blocks[0], w8=replace(wide, fc1=0))
    narrow = replace(arch, blocks=tuple(blocks))
    images, labels = run.subset("search")
    assert len(labels) == found.images
    top1 = AccuracyEvaluator(run.supernet, images, labels).top1([every, narrow])
    (mine,) = (m for m in found.matrices if (m.block, m.kind) == (0, "fc1"))
    assert top1[0] == pytest.approx(found.accuracy)
    assert top1[0] - top1[1] == pytest.approx(mine.loss(found.images)[0])
    (point,) = training_curve(run.files).accuracies
    assert point.epoch == 1 and point.images == min(512, len(labels))


def test_running_again_does_nothing(finished: Path) -> None:
    run = finished / "runs" / "tiny"
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.*") if path.is_file()}
    result = qnas("run", finished)
    assert result.exit_code == 0
    after = {path: path.stat().st_mtime_ns for path in before}
    rewritten = {path.name for path in before if before[path] != after[path]}
    assert rewritten <= {"manifest.json", "summary.json"}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("epochs = 1", "epochs = 2", "train.epochs"),
        ("population = 4", "population = 5", "search.population"),
        ("batch = 2", "batch = 3", "search.batch"),
        ("trials = 6", "trials = 5", "search.trials"),
        ("0.05", "0.06", "splits.report_fraction"),
        ('device = "zcu102"', 'device = "zcu102"\nseed = 1', "seed"),
    ],
)
def test_a_changed_study_is_refused_by_key(
    old: str, new: str, key: str, finished: Path, tmp_path: Path
) -> None:
    study = tmp_path / "study.toml"
    study.write_text(STUDY.replace(old, new))
    arguments = ["run", str(study), "--runs", str(finished / "runs")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert f"`{key}`" in result.stderr


@pytest.mark.parametrize(("targets", "reached"), [([99000000], []), ([10, 99000000], ["fps10"])])
def test_a_missed_target_costs_no_other_pick(
    targets: list[int], reached: list[str], copy: Path
) -> None:
    (copy / "study.toml").write_text(f"fps_targets = {targets}\n" + STUDY)
    result = qnas("run", copy)
    assert result.exit_code == 3, result.output
    assert "got 99,000,000. The fastest reaches" in result.stderr
    assert "99,000,000" not in result.stdout  # it is said once, last
    run = copy / "runs/tiny"
    summary: Any = json.loads((run / "summary.json").read_text())
    assert [pick["name"] for pick in summary["picks"]] == ["knee", *reached]
    assert all((run / "picks" / pick / "project").is_dir() for pick in ("knee", *reached))
    (lost,) = summary["missed_targets"]
    fastest = max(float(row["predicted_fps"]) for row in _front(run))
    assert (lost["target"], lost["fps"]) == (99000000, fastest)
    assert "99,000,000 FPS is missed" in (run / "report.html").read_text(encoding="utf-8")


def test_a_pick_says_why_and_writes_its_project(copy: Path, tmp_path: Path) -> None:
    command = ["pick", str(copy / "study.toml"), "--runs", str(copy / "runs"), "--json"]
    result = CliRunner().invoke(cli, [*command, "--fps", "1", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    best = min(float(row["error"]) for row in _front(copy / "runs/tiny"))
    assert found["values"]["error"] == best and found["reasons"]
    assert (tmp_path / "out/project/plan.json").is_file()
    again = CliRunner().invoke(cli, [*command, "--out", str(tmp_path / "out")])
    assert again.exit_code == 2 and "new or empty folder" in again.stderr
    wrong = CliRunner().invoke(cli, [*command, "--at-most", "dsp"])
    assert wrong.exit_code == 2 and "NAME=VALUE" in wrong.stderr


def test_the_dashboard_shows_the_run_and_leaves_it_alone(copy: Path, tmp_path: Path) -> None:
    run = copy / "runs/tiny"
    before = (run / "study.journal").read_bytes()
    opened = Run(load_config(copy / "study.toml"), copy / "runs/tiny", read_only=True)
    mirror = Mirror(opened, tmp_path)
    assert mirror.update() == 6 and mirror.update() == 0
    app = wsgi(mirror.storage, artifact_store=mirror.artifacts)
    study = _get(app, f"/api/studies/{mirror.study._study_id}")
    attributes = {one["key"]: one["value"] for one in study["user_attrs"]}
    assert "digits" in attributes["space"]
    limits = [trial["constraints"] for trial in study["trials"]]
    assert all(len(violations) == 5 and max(violations) <= 0 for violations in limits)
    assert study["objective_names"] == ["error", "latency", "dsp"]
    names = {artifact["filename"] for artifact in study["artifacts"]}
    assert names == {"report.html", "knee-project.zip"}
    (picked,) = (trial for trial in study["trials"] if trial["artifacts"])
    assert [artifact["filename"] for artifact in picked["artifacts"]] == ["knee-project.zip"]
    shown = {one["key"]: one["value"] for one in picked["user_attrs"]}
    assert all(len(value) <= 82 for value in shown.values())
    assert shown["pick"] == "knee" and float(shown["dsp"]) == picked["values"][2]
    assert "| knee | " in study["note"]["body"]
    noted = {t["number"] for t in study["trials"] if "Modelled" in t["note"]["body"]}
    assert noted == {int(row["trial"]) for row in _front(run)}
    assert len(study["plotly_graph_objects"]) >= 2
    assert (run / "study.journal").read_bytes() == before


def test_a_run_compares_with_another_and_neither_changes(copy: Path, tmp_path: Path) -> None:
    run, page = copy / "runs/tiny", tmp_path / "compare.html"
    other = shutil.copytree(run, tmp_path / "tiny")
    before = contents(run)
    found = CliRunner().invoke(cli, ["compare", str(run), str(other), "--html", str(page)])
    assert found.exit_code == 0, found.output
    assert "hypervolume" in found.stdout and "tiny" in page.read_text(encoding="utf-8")
    assert contents(run) == contents(other) == before
    alone = CliRunner().invoke(cli, ["compare", str(run)])
    assert alone.exit_code == 2 and "two or more" in alone.stderr


def test_targets_may_be_added_to_a_finished_run(copy: Path) -> None:
    (copy / "study.toml").write_text("fps_targets = [10]\n" + STUDY)
    assert qnas("export", copy).exit_code == 0
    assert (copy / "runs/tiny/picks/fps10/project").is_dir()
    (copy / "runs/tiny/picks/mine").mkdir()
    (copy / "study.toml").write_text(STUDY)  # and dropped again
    assert qnas("export", copy).exit_code == 0
    assert sorted(p.name for p in (copy / "runs/tiny/picks").iterdir()) == ["knee", "mine"]


def _several_picks(copy: Path) -> None:
    """Targets of the study: the most accurate of the front, and the fastest."""
    fastest = max(float(row["estimate_fps"]) for row in _front(copy / "runs/tiny"))
    (copy / "study.toml").write_text(f"fps_targets = [10, {int(fastest)}]\n" + STUDY)


def test_all_picks_are_exported_in_one_kernel(copy: Path) -> None:
    _several_picks(copy)
    result = qnas("export", copy, "--together")
    assert result.exit_code == 0, result.output
    run = copy / "runs/tiny"
    facts: Any = json.loads((run / "together/together.json").read_text())
    names = [pick for network in facts["networks"] for pick in network["picks"]]
    assert sorted(names) == sorted(p.name for p in (run / "picks").iterdir())
    keys = [network["key"] for network in facts["networks"]]
    assert len(set(keys)) == len(keys) > 1
    plans = [HardwarePlan.from_json(p) for p in read_json(run / "together/project/plan.json")]
    assert [plan.architecture.key for plan in plans] == keys
    assert facts["resources"] == encode(estimate(*plans).resources)
    for network, plan in zip(facts["networks"], plans, strict=True):
        assert network["cycles"] == estimate(plan).cycles
        for pick, alone in network["fps_alone"].items():
            rows = [line for line in result.stdout.splitlines() if line.startswith("│")]
            row = next(line for line in rows if f" {pick} " in line)
            assert f"{network['fps']:,.0f}" in row and f"{alone:,.0f}" in row
    written = (run / "together/project/plan.json").stat().st_mtime_ns
    assert "is there" in qnas("export", copy).stdout
    assert (run / "together/project/plan.json").stat().st_mtime_ns == written
    (copy / "study.toml").write_text(STUDY)  # fewer picks: an export keeps it up to date
    assert qnas("verify", copy).exit_code == 2
    assert "of 1 networks" in qnas("export", copy).stdout


def test_picks_that_no_kernel_holds_are_refused_with_what_is_short(copy: Path) -> None:
    run = Run(load_config(copy / "study.toml"), copy / "runs/tiny")
    run.__dict__["device"] = dataclasses.replace(
        run.device, dsp=1, margins=dataclasses.replace(run.device.margins, dsp=1.0)
    )
    with pytest.raises(CapacityError, match=r"dsp.*of a kernel of all picks must be at most 1;"):
        multi_network_kernel(run, picks(run))


def test_without_verilator_the_rtl_is_left_out_and_said_so(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qnas.accel.rtl.simulate.find_spec", lambda name: None)
    result = qnas("verify", copy, "--rtl")
    assert result.exit_code == 0
    assert "left out: `verilator` must be installed" in result.stdout
    assert "as RTL" not in result.stdout
    assert "must be a pick of the study" in qnas("verify", copy, "--rtl", "--pick", "none").stderr


def test_the_kernel_is_exported_as_rtl(copy: Path) -> None:
    result = qnas("export", copy, "--rtl")
    assert result.exit_code == 0, result.output
    folder = copy / "runs/tiny/picks/knee/rtl"
    assert f"RTL: {folder}" in result.stdout.replace("\n", "")
    plan = (copy / "runs/tiny/picks/knee/project/plan.json").read_bytes()
    assert (folder / "plan.json").read_bytes() == plan
    assert (folder / "rtl/qnas_top.sv").is_file() and (folder / "package_ip.tcl").is_file()
    assert qnas("run", copy).exit_code == 0 and folder.is_dir()


@pytest.mark.slow
def test_images_run_through_the_kernel_as_rtl(copy: Path) -> None:
    result = qnas("verify", copy, "--rtl", "--pick", "knee")
    assert result.exit_code == 0, result.output
    run = copy / "runs" / "tiny"
    (pick,) = json.loads((run / "summary.json").read_text())["picks"]
    found = json.loads((run / "picks/knee/verification.json").read_text())["rtl"]
    assert found == pick["rtl"]
    assert (found["images"], found["mismatches"]) == (4, 0) and found["values"] > 0
    assert found["stages"] == pick["verification"]["stages"]
    rate = pick["batch"] * pick["clock_mhz"] * 1e6 / found["cycles_next"]
    assert found["fps"] == pytest.approx(rate)
    assert found["cycles_next"] == found["modelled_next"] <= found["cycles_first"]
    assert found["cycles_first"] == found["modelled_first"]
    assert pick["cycles"] == pytest.approx(found["cycles_next"], rel=0.1)
    assert f"{found['cycles_next']:,} (model +0.0%)" in result.stdout
    again = qnas("verify", copy, "--rtl")
    assert "kernels are simulated" in again.stdout


@pytest.mark.slow
def test_the_kernel_of_all_picks_is_verified_network_by_network(copy: Path) -> None:
    _several_picks(copy)
    assert qnas("export", copy, "--together").exit_code == 0
    result = qnas("verify", copy)
    assert result.exit_code == 0 and "All picks in one kernel" in result.stdout
    together = copy / "runs/tiny/together"
    verdicts: Any = json.loads((together / "verification.json").read_text())["networks"]
    plans: Any = read_json(together / "project/plan.json")
    assert len(verdicts) == len(plans) > 1
    for verdict, plan in zip(verdicts, plans, strict=True):
        assert verdict["mismatches"] == 0 < verdict["values"]
        assert verdict["accuracy"]["hls"] == verdict["accuracy"]["integer"]
        assert verdict["stages"] == len(plan["stages"])
    assert "are verified" in qnas("verify", copy).stdout
    source = together / "project/src/layer_norm.hpp"
    right = source.read_text()
    wrong = right.replace("(product, scale.shift)", "(product, scale.shift + 1)")
    assert wrong != right
    source.write_text(wrong)
    broken = qnas("verify", copy)
    assert broken.exit_code == 1 and "network 0 of the kernel of all picks" in broken.stderr
    assert (together / "mismatch.bin").is_file()
    source.write_text(right)
    assert qnas("verify", copy).exit_code == 0
    assert not (together / "mismatch.bin").exists()


def test_one_changed_shift_is_caught_and_named_and_its_repair_is_seen(copy: Path) -> None:
    source = next((copy / "runs/tiny/picks/knee/project").rglob("fixed_point.hpp"))
    right = source.read_text()
    wrong = right.replace("(scaled, shift)", "(scaled, shift + 1)")
    assert wrong != right
    source.write_text(wrong)
    for _ in range(2):  # the second time from what is known
        result = qnas("verify", copy)
        assert result.exit_code == 1
        assert "first in stage 'stem'" in result.stderr
    summary: Any = json.loads((copy / "runs/tiny/summary.json").read_text())
    assert summary["picks"][0]["verification"]["mismatches"] > 0
    assert qnas("report", copy).exit_code == 0
    assert 'class="bad"' in (copy / "runs/tiny/report.html").read_text()
    assert qnas("run", copy).exit_code == 0  # a changed file of the project is made again
    assert source.read_text() == right


def test_a_damaged_checkpoint_is_a_clear_error(copy: Path) -> None:
    run = copy / "runs" / "tiny"
    (run / "supernet.safetensors").write_bytes(b"damaged")
    shutil.rmtree(run / "picks")
    result = qnas("run", copy)
    assert result.exit_code == 2
    assert "supernet.safetensors" in result.stderr
    assert not (run / "picks").exists()


@pytest.mark.parametrize("command", ["run", "verify"])
def test_without_a_compiler_nothing_is_begun(
    command: str, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copy / "runs" / "tiny"
    if command == "run":
        shutil.rmtree(run)
    else:
        (run / "picks/knee/verification.json").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    result = qnas(command, copy)
    assert result.exit_code == 2
    assert "g++" in result.stderr
    assert not (run / "picks/knee/verification.json").exists()
    assert not (run / "supernet.json").exists() or command == "verify"


def _front(run: Path) -> list[dict[str, str]]:
    with (run / "front.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _get(app: Any, path: str) -> Any:
    """What a GET of `path` answers, as JSON."""
    environ: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    return json.loads(b"".join(app(environ, lambda *_: None)))
