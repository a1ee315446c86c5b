"""What is wrong with a run's files or its paths is said in a sentence, and no old news with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from qnas._util.serialization import encode
from qnas.cli.main import cli
from qnas.data import ImageSet
from qnas.errors import ConfigError
from qnas.spaces import load_space
from qnas.studies.run.checks import check_fit
from qnas.studies.run.outcome import AccuracyLadder
from tests.accel.projects import change
from tests.cli.tiny_study import qnas, study

STUDY = study(
    search={"trials": 3, "population": 3},
    splits={"search_fraction": 0.45, "report_fraction": 0.05},
)


def refused(result: Result, *says: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("qnas: ") or "\nqnas: " in result.stderr
    assert all(text in result.stderr for text in says), result.stderr


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as far as its project, which a verification that passed is made up for."""
    from qnas.studies.run.run_directory import project_digest

    folder = tmp_path_factory.mktemp("damage")
    (folder / "study.toml").write_text(STUDY)
    for command in ("train", "search", "export"):
        result = qnas(command, folder)
        assert result.exit_code == 0, result.output
    pick = folder / "runs/tiny/picks/knee"
    verdict = {
        "key": "any",
        "project_digest": project_digest(pick / "project"),
        "accuracy": encode(
            AccuracyLadder.of(
                fake_quant=0.5, integer=0.5, images=360, hls=0.5, simulated_images=360
            )
        ),
        "images": 1,
        "stages": 1,
        "values": 1,
        "mismatches": 0,
        "first_mismatch": None,
        "loops_checked": 1,
        "seconds": 1.0,
        "simulated_seconds": 1.0,
        "packed_images": 1,
        "compiler": "g++",
    }
    (pick / "verification.json").write_text(json.dumps(verdict))
    assert qnas("verify", folder).exit_code == 0
    return folder


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "copy")


def edit(path: Path, change: Callable[[Any], None]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_a_project_that_does_not_compile_shows_no_old_table(copy: Path) -> None:
    source = copy / "runs/tiny/picks/knee/project/src/qnas_top.cpp"
    source.write_text(source.read_text() + "int broken = undeclared;\n")
    result = qnas("verify", copy)
    refused(result, "must compile", "undeclared", "export it again")
    assert "Verified accelerators" not in result.stdout
    assert not (copy / "runs/tiny/picks/knee/verification.json").exists()
    assert not (copy / "runs/tiny/summary.json").exists()


@pytest.mark.slow
def test_a_mismatch_comes_with_the_command_that_shows_it_again(copy: Path) -> None:
    change(copy / "runs/tiny/picks/knee/project", "src/layer_norm.hpp", "16 + e", "17 + e")
    result = qnas("verify", copy)
    assert result.exit_code == 1
    said = " ".join(result.stderr.split())
    assert "first in stage 'block0.norm1' of image 0" in said
    command = said.partition("To see it again: ")[2]
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "MISMATCH: 1 images" in done.stdout and "stage block0.norm1, image 0" in done.stdout


def test_a_probe_is_recorded_and_shown(copy: Path) -> None:
    """What was verified without one is verified again."""
    pick = copy / "runs/tiny/picks/knee"
    result = qnas("verify", copy, "--probe")
    assert result.exit_code == 0, result.output
    assert "Memories of knee" in result.stdout and "DEPENDENCE claims: clean" in result.stdout
    probe = json.loads((pick / "verification.json").read_text())["probe"]
    assert probe["faults"] == [] and probe["claims"] > 0
    assert {"loop": "engine: steps", "memory": "act"}.items() <= probe["accesses"][1].items()
    assert "projects are verified" in qnas("verify", copy, "--probe").stdout
    timing = json.loads((pick / "timing.json").read_text())
    assert {loop["interval"] for loop in timing["loops"]} == {1}


@pytest.mark.slow
def test_a_fault_of_a_probe_is_a_failure_by_name(copy: Path) -> None:
    source = copy / "runs/tiny/picks/knee/project/src/gemm.hpp"
    claim = "#pragma HLS DEPENDENCE variable=weight intra false\n"
    text = source.read_text()
    assert text.count(claim) == 1
    source.write_text(text.replace(claim, claim + claim.replace("intra", "inter")))
    result = qnas("verify", copy, "--probe")
    assert result.exit_code == 1 and "faults" in result.stdout
    said = " ".join(result.stderr.split())
    assert "memory `weight`: the DEPENDENCE claim at src/gemm.hpp:" in said and "RAW occurs" in said


def processes_with(text: str) -> list[str]:
    """The programs in whose environment `text` is."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (folder / "environ").read_bytes():
                found.append((folder / "comm").read_text().strip())
        except OSError:  # it has ended, or is another user's
            continue
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_sigterm_in_verify_ends_the_compilers_and_leaves_no_file(
    copy: Path, tmp_path: Path
) -> None:
    (copy / "runs/tiny/picks/knee/verification.json").unlink()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {"TMPDIR": str(temporary), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "qnas", "verify", str(copy / "study.toml")]
    process = subprocess.Popen(
        [*command, "--runs", str(copy / "runs")],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: any(temporary.glob("qnas-verify-*")))
    wait_for(lambda: "cc1plus" in processes_with(str(temporary)))
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and "qnas: interrupted." in stderr
    wait_for(lambda: not processes_with(str(temporary)))
    assert not list(temporary.iterdir())
    assert not (copy / "runs/tiny/picks/knee/verification.json").exists()


def test_a_build_in_a_project_changes_nothing(copy: Path) -> None:
    build = copy / "runs/tiny/picks/knee/project/build"
    build.mkdir()
    (build / "csim").write_text("a program")
    assert "projects are verified" in qnas("verify", copy).stdout


def test_a_project_of_another_plan_is_no_export_of_the_pick(copy: Path) -> None:
    plan = copy / "runs/tiny/picks/knee/project/plan.json"
    edit(plan, lambda data: data.update(clock_mhz=1.0))
    refused(qnas("verify", copy), "qnas export")


def test_numbers_of_another_cost_model_are_refused(copy: Path) -> None:
    journal = copy / "runs/tiny/study.journal"
    journal.write_text(journal.read_text().replace('"loop_cycles":', '"loop_cycles":1'))
    refused(qnas("export", copy), "study.journal", "version of the cost model", "new name")


def test_another_supernet_is_refused(copy: Path) -> None:
    weights = copy / "runs/tiny/supernet.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    for command in ("search", "export", "run"):
        refused(qnas(command, copy), "supernet.safetensors", "study.journal")


def test_the_manifest_knows_the_supernet(exported: Path) -> None:
    manifest = json.loads((exported / "runs/tiny/manifest.json").read_text())
    assert len(manifest["stages"]["train"]["supernet"]) == 64


@pytest.mark.parametrize("damage", ["[]", "{}", "null", '{"format": 1}', '{"format": -1}'])
def test_a_damaged_manifest_is_named(damage: str, copy: Path) -> None:
    (copy / "runs/tiny/manifest.json").write_text(damage)
    refused(qnas("report", copy), "manifest.json")


def test_a_manifest_of_a_newer_format_is_refused_by_its_number(copy: Path) -> None:
    edit(copy / "runs/tiny/manifest.json", lambda data: data.update(format=7))
    refused(qnas("report", copy), "manifest.json: format", "got 7", "Update qnas")


def test_a_manifest_of_the_first_format_is_read(copy: Path) -> None:
    manifest = copy / "runs/tiny/manifest.json"
    edit(manifest, lambda data: data.update(format=1, config_digest="0" * 64))
    assert qnas("report", copy).exit_code == 0
    assert qnas("export", copy).exit_code == 0
    assert json.loads(manifest.read_text())["format"] == 2


def test_a_run_of_a_version_whose_study_is_unknown_is_refused_naming_it(copy: Path) -> None:
    def older(data: dict[str, Any]) -> None:
        data.update(format=1, config_digest="0" * 64)
        data["versions"]["qnas"] = "0.0.9"
        data["config"]["gone"] = 1

    edit(copy / "runs/tiny/manifest.json", older)
    refused(qnas("report", copy), "manifest.json", "qnas 0.0.9", "'gone'", "version that made it")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut_short, flip, Path.unlink])
def test_damaged_outputs_are_made_again(copy: Path, damage: Callable[[Path], object]) -> None:
    pick = copy / "runs/tiny/picks/knee"
    names = ("project/data/vectors.bin", "project/host/design.json", "weights.safetensors")
    before = {name: (pick / name).read_bytes() for name in names}
    for name in names:
        damage(pick / name)
        result = qnas("export", copy)
        assert result.exit_code == 0, result.output
        assert {name: (pick / name).read_bytes() for name in names} == before
    assert "picks are there" in qnas("export", copy).stdout


def test_results_of_tools_outlive_the_pick_that_they_are_of(copy: Path) -> None:
    run = copy / "runs/tiny"
    reports = "project/build_hls/hls/syn/report/csynth.xml"
    for pick in ("knee", "fps7"):
        (run / "picks" / pick / reports).parent.mkdir(parents=True)
        (run / "picks" / pick / reports).write_text(pick)
    (run / "picks/fps8/project/build").mkdir(parents=True)
    flip(run / "picks/knee/project/data/vectors.bin")
    for number in (1, 2):
        result = qnas("export", copy)
        assert result.exit_code == 0, result.output
        if number == 1:
            assert "results of tools are kept: fps7 (build_hls) is now" in result.stdout
    assert sorted(path.name for path in (run / "picks").iterdir()) == ["knee"]
    assert (run / "picks/knee/project/plan.json").exists()
    assert not (run / "picks/knee" / reports).exists()
    for pick in ("knee", "fps7"):
        assert (run / "former" / f"{pick}_1" / reports).read_text() == pick
    assert sorted(path.name for path in (run / "former").iterdir()) == ["fps7_1", "knee_1"]


@pytest.mark.parametrize("damage", [cut_short, flip])
def test_a_damaged_front_is_written_again(copy: Path, damage: Callable[[Path], object]) -> None:
    front = copy / "runs/tiny/front.csv"
    before = front.read_bytes()
    damage(front)
    assert "study is complete" in qnas("search", copy).stdout
    assert front.read_bytes() == before


@pytest.mark.parametrize("damage", ["[]", "{}", '{"project_digest": 5}'])
def test_a_damaged_verification_is_none(damage: str, copy: Path) -> None:
    (copy / "runs/tiny/picks/knee/verification.json").write_text(damage)
    assert qnas("report", copy).exit_code == 0
    assert "not verified yet" in (copy / "runs/tiny/report.html").read_text()


def test_a_journal_whose_trials_lack_something_is_named(copy: Path) -> None:
    journal = copy / "runs/tiny/study.journal"
    journal.write_text(journal.read_text().replace('"estimate"', '"estimated"'))
    refused(qnas("report", copy), "study.journal", "whole trials")


@pytest.mark.parametrize("kept", [0, 1])
def test_a_journal_without_a_trial_is_said_to_have_none(copy: Path, kept: int) -> None:
    run = copy / "runs/tiny"
    journal = run / "study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:kept]))
    for command in ("pick", "report"):
        refused(qnas(command, copy), "trial" if command == "pick" else "qnas search")
    other = shutil.copytree(run, copy / "runs/other")
    refused(CliRunner().invoke(cli, ["compare", str(run), str(other)]), str(run), "qnas search")


def test_a_journal_without_its_first_line_keeps_its_trials(copy: Path) -> None:
    journal = copy / "runs/tiny/study.journal"
    before = qnas("pick", copy).stdout
    journal.write_bytes(journal.read_bytes().partition(b"\n")[2])
    assert qnas("pick", copy).stdout == before
    assert "study is complete" in qnas("search", copy).stdout


def test_a_journal_with_a_value_that_is_none_or_that_is_no_file_is_named(copy: Path) -> None:
    journal = copy / "runs/tiny/study.journal"
    journal.write_text(re.sub(r'"values":\[[0-9.]+', '"values":[NaN', journal.read_text()))
    refused(qnas("pick", copy), "study.journal", "NaN")
    journal.unlink()
    os.mkfifo(journal)
    refused(qnas("pick", copy), "study.journal", "Not a regular file")


def test_a_target_beyond_the_space_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("fps_targets = [99000000]\n" + STUDY)
    refused(qnas("run", tmp_path), "some subnet of the space")
    assert not (tmp_path / "runs").exists()


def test_an_unverified_pick_needs_a_compiler_before_a_longer_search(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / "study.toml").write_text(STUDY.replace("trials = 3", "trials = 6"))
    monkeypatch.setenv("PATH", str(tmp_path))
    before = (copy / "runs/tiny/study.journal").read_bytes()
    refused(qnas("run", copy), "g++")
    assert (copy / "runs/tiny/study.journal").read_bytes() == before


def test_paths_that_cannot_be_are_messages(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(STUDY)
    (tmp_path / "file").touch()
    below = ["train", str(study), "--runs", str(tmp_path / "file" / "runs")]
    refused(CliRunner().invoke(cli, below), "file", "Check the path")
    refused(CliRunner().invoke(cli, ["train", "x" * 5000]), "File name too long")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "tiny").touch()
    refused(qnas("train", tmp_path), "tiny", "File exists")


def test_a_directory_that_may_not_be_written_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "study.toml").write_text(STUDY)

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "runs"))

    monkeypatch.setattr("tempfile.mkstemp", deny)
    refused(qnas("train", tmp_path), "Permission denied", "permissions")


def test_data_of_another_shape_or_other_classes_is_refused() -> None:
    def data(classes: int, size: int) -> ImageSet:
        images = np.zeros((3, 1, size, size), np.float32)
        return ImageSet("mine", images, np.zeros(3, np.int64), classes, 1.0)

    space = load_space("digits")
    check_fit(space, data(10, 8).header)
    with pytest.raises(ConfigError, match=r"mine: images.*\(1, 8, 8\).*\(1, 9, 9\)"):
        check_fit(space, data(10, 9).header)
    with pytest.raises(ConfigError, match=r"number of classes.*10.*12"):
        check_fit(space, data(12, 8).header)
