"""One address for a study, a run or a pick; --json, --set and the other options of all commands."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from qnas.cli.address import find
from qnas.cli.main import COMMANDS, cli
from qnas.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_an_address_is_a_study_a_run_or_a_pick(finished: Path) -> None:
    runs, run = finished / "runs", finished / "runs/tiny"
    assert find(str(finished / "study.toml")).kind == "study"
    assert find("digits_zcu102", runs=runs).kind == "study"
    assert find("none.toml").kind == "study"  # to be said absent by whoever reads it
    for text in (str(run), "tiny"):
        assert (find(text, runs=runs).kind, find(text, runs=runs).run) == ("run", run)
    for text in (run / "knee", run / "picks/knee", run / "picks/knee/project", "tiny/knee"):
        found = find(str(text), runs=runs)
        assert (found.kind, found.pick) == ("pick", "knee")
        assert found.run is not None and found.run.samefile(run)


def test_what_is_none_is_told_what_there_is(finished: Path) -> None:
    runs = finished / "runs"
    with pytest.raises(ConfigError, match=r"must be a study .* got nothing.*runs .*runs/tiny"):
        find("nothing", runs=runs)
    with pytest.raises(ConfigError, match="has the picks knee"):
        find(str(runs / "tiny/fast"), runs=runs)
    with pytest.raises(ConfigError, match=r"got a pick.*Give its run"):
        find(str(runs / "tiny/knee"), accept=("study", "run"))


def test_the_home_of_a_user_that_does_not_exist_is_a_path_like_others(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="got nothing of that name"):
        find("~nosuchuser/study.x", runs=tmp_path, accept=("study", "run"))


def test_a_folder_of_pick_out_is_explained_without_its_run(finished: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    assert call("pick", finished / "runs/tiny", "--out", alone).exit_code == 0
    assert find(str(alone)).kind == "pick"
    shutil.copytree(alone, tmp_path / "elsewhere/moved")
    result = call("explain", tmp_path / "elsewhere/moved")
    assert result.exit_code == 0, result.output
    assert "zcu102" in result.stdout


# What each command is called with, and the keys of its document; LIST for a list of objects.
STATUS = "run name space device stages next trials best_error picks tuned mebibytes remark"
SUMMARY = "picks study supernet missed_targets"
LIST = "a list"
DOCUMENTS: dict[str, tuple[list[str], str]] = {
    "init": (
        ["init", "digits", "--out", "{tmp}/s.toml"],
        "file study images device space",
    ),
    "run": (["run", "{run}"], SUMMARY),
    "train": (["train", "{run}"], STATUS),
    "search": (["search", "{run}"], STATUS),
    "report": (["report", "{run}"], STATUS),
    "export": (["export", "{run}"], STATUS),
    "verify": (["verify", "{run}"], SUMMARY),
    "pick": (
        ["pick", "{run}"],
        "trial key values estimate predicted kernel fps batch dsp_share architecture reasons",
    ),
    "refine": (
        ["refine", "{run}", "--within", "99", "--minutes", "0"],
        "subject setup model designs rounds failed",
    ),
    "compare": (["compare", "{run}", "{copied}"], "objectives runs cautions"),
    "check": (
        ["check", "{study}"],
        "study space device clock_mhz batch satisfiable error subnets targets memory facts remarks",
    ),
    "explain": (
        ["explain", "{run}/knee"],
        "title device architecture folding clock_mhz estimate batch fps latency_ms array_use"
        " array_shares free_rows energy limits kinds units",
    ),
    "list": (["list", "{runs}"], LIST),
    "status": (["status", "{run}"], STATUS),
    "clean": (["clean", "{run}"], "run removed files bytes"),
    "measure": (["measure", "--list", "--kind", "gelu"], LIST),
    "devices": (["devices"], LIST),
    "spaces": (["spaces"], LIST),
    "objectives": (["objectives"], LIST),
}
ELSEWHERE = {  # commands whose documents other tests have: they need Vitis, hours, or a browser
    "tune": "tests/cli/test_tune.py",
    "quantize": "tests/cli/test_quantize.py",
    "dashboard": "tests/cli/test_pipeline.py",
    "calibrate": "tests/accel/calibration/test_pairs.py",
    "synth": "tests/accel/hls/test_synthesis.py",
    "measurements": "tests/accel/reports/test_reports.py",
}


def test_every_command_is_in_the_table() -> None:
    assert {name for name, _ in COMMANDS} == {*DOCUMENTS, *ELSEWHERE}
    assert all((ROOT / file).is_file() for file in ELSEWHERE.values())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_json_is_one_document_on_stdout_with_the_documented_keys(
    name: str, finished: Path, tmp_path: Path
) -> None:
    arguments, keys = DOCUMENTS[name]
    run = shutil.copytree(finished, tmp_path / "copy") / "runs/tiny"
    places = {
        "run": run,
        "runs": run.parent,
        "study": finished / "study.toml",
        "copied": finished / "runs/tiny",
        "tmp": tmp_path,
    }
    result = call(*(text.format(**places) for text in arguments), "--json")
    assert result.exit_code == 0, result.output
    document: Any = json.loads(result.stdout)
    if keys == LIST:
        assert isinstance(document, list) and document
    else:
        assert list(document) == keys.split()
    page = (ROOT / "docs/reference/json.md").read_text("utf-8")
    section = re.search(
        rf"^## [^\n]*`{name}`[^\n]*\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE
    )
    assert section, f"docs/reference/json.md lacks `{name}`"
    undocumented = [key for key in keys.split() if keys != LIST and f"`{key}`" not in section[1]]
    assert not undocumented


def test_quiet_prints_the_result_alone(finished: Path) -> None:
    assert call("report", finished / "runs/tiny", "-q").output == ""
    assert "Files:" not in call("verify", finished / "runs/tiny", "--quiet").output


def test_verbose_shows_where_an_error_was_raised(tmp_path: Path) -> None:
    told = call("check", tmp_path / "none.toml", "-v").stderr
    assert "Traceback" in told and told.rstrip().splitlines()[-1].startswith("qnas: ")


def test_misspelt_commands_and_options_are_corrected() -> None:
    assert "Did you mean 'check'?" in call("chekc").stderr
    assert "--runs" in call("report", "digits_zcu102", "--rnus", "x").stderr


def test_set_replaces_a_value_and_is_recorded(finished: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished, tmp_path / "copy") / "runs/tiny"
    study = str(finished / "study.toml")
    both = call("report", study, "--runs", run.parent, "--set", "train.epochs=9")
    assert both.exit_code == 2
    assert "made with, 1; got 9. Give --set 'train.epochs=1'" in both.stderr
    longer = ["search", run, "--set", "search.trials=8"]
    assert call(*longer).exit_code == 0
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["config"]["search"]["trials"] == 8
    wrong = call("check", study, "--set", "train.epoch=1").stderr
    assert "Did you mean 'epochs'?" in wrong


def test_a_shell_completes_studies_runs_and_picks(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished)

    def completed(words: str, place: int) -> str:
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(place))
        env = {"_QNAS_COMPLETE": "bash_complete"}
        return CliRunner(env=env).invoke(cli, prog_name="qnas").output

    assert "plain,verify" in completed("qnas ver", 1)
    assert "plain,runs/tiny" in completed("qnas report runs/t", 2)
    assert "plain,runs/tiny/knee" in completed("qnas explain runs/tiny/", 2)
    assert "plain,study.toml" in completed("qnas run st", 2)


def test_what_is_left_is_listed_and_removed_only_on_request(finished: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished, tmp_path / "copy") / "runs/tiny"
    before = {path for path in run.rglob("*")}
    build = run / "picks/knee/project/build"
    build.mkdir()
    (build / "csim").write_bytes(b"x" * 2**20)
    listed = call("clean", run)
    assert "1.00 MiB can be removed" in listed.stdout and build.is_dir()
    assert "1.00 MiB removed" in call("clean", run, "--yes").stdout
    assert {path for path in run.rglob("*")} == before
    assert "Nothing to remove" in call("clean", run).stdout


def test_list_and_status_say_how_far_a_run_is(finished: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished, tmp_path / "copy") / "runs/tiny"
    assert "Nothing is left to do." in call("status", run).stdout
    for name in ("report.html", "summary.json"):
        (run / name).unlink()
    assert f"Next: qnas run {run}" in call("status", run).stdout
    (run.parent / "damaged").mkdir()
    (run.parent / "damaged/manifest.json").write_text("{")
    listed = call("list", run.parent)
    assert listed.exit_code == 0
    assert "export" in listed.stdout and "must be a whole JSON file" in listed.stdout
