"""The page of `make bench`, with benchmarks that work, fail and skip themselves."""

from __future__ import annotations

import getpass
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import ROOT, run
from tests.bench.page import Outcome, Setting, page, plain, setting
from tests.bench.suite import SUITE, Benchmark, times

WHERE = Setting((("processor", "8086"),))


def test_figures_and_faults_stand_on_one_page() -> None:
    good, bad = SUITE[0], SUITE[1]
    found = page(
        WHERE,
        [
            Outcome(good, "--n 5", 12.4, (("plans", "2.00 x", "one | two"),)),
            Outcome(bad, "", 1.0, fault="exit status 1: OSError: /home/me/data.csv is cut"),
        ],
    )
    assert f"## {good.question}\n\n`python tests/bench/cost_model.py --n 5`, 12 s" in found
    assert r"| plans | 2.00 x | one \| two |" in found and "| processor | 8086 |" in found
    assert "**No figures**: exit status 1: OSError: data.csv is cut" in found
    assert "| without figures | published |" in found and "| took | 13 s |" in found


def test_where_it_ran_names_nobody() -> None:
    found = page(setting(ROOT), [])
    for private in (platform.node(), str(Path.home()), str(ROOT), f"{getpass.getuser()}@"):
        assert private not in found
    assert "show that every benchmark runs" in page(setting(ROOT, smallest=True), [])
    for title in ("date", "commit", "processor", "memory", "versions"):
        assert f"| {title} | " in found


def test_a_path_is_a_file_name() -> None:
    assert plain("in /a/b.c/d_e.py:\n  3 | <x>") == r"in d_e.py: 3 \| &lt;x>"
    assert plain("3 images/s, 1/2") == "3 images/s, 1/2"


def test_ratios() -> None:
    assert (times(3, 2), times(2000, 1), times(1, 0)) == ("1.50 x", "2,000 x", "-")


def test_a_benchmark_that_fails_is_an_outcome() -> None:
    absent = Benchmark("none", "What is it?", "", "", lambda found: iter(()))
    outcome = run(absent)
    assert outcome.fault.startswith("exit status 2: ") and not outcome.lines


def test_every_benchmark_is_in_the_suite() -> None:
    programs = {
        path.stem
        for path in Path(__file__).parent.glob("*.py")
        if "add_argument" in path.read_text() and not path.stem.startswith(("test_", "__"))
    }
    assert {benchmark.name for benchmark in SUITE} == programs


@pytest.mark.slow
@pytest.mark.full
def test_the_command_writes_the_page(tmp_path: Path) -> None:
    out = tmp_path / "latest.md"
    command = [sys.executable, "-m", "tests.bench", "--smallest", "--page", str(out)]
    command += ["--only", "calibration", "published", "study_speed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error on blocks left out, lut" in out.read_text()


def test_a_benchmark_runs_alone() -> None:
    """As `python tests/bench/NAME.py`: there its neighbours can be imported, and `tests` cannot."""
    for benchmark in SUITE:
        source = (Path(__file__).parent / f"{benchmark.name}.py").read_text()
        assert "from tests" not in source and "import tests" not in source, benchmark.name
