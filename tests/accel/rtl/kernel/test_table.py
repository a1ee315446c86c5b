"""The table of kernels that comes with the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qnas.accel.rtl.kernel.cycles import cycles_of_pass
from qnas.accel.rtl.kernel.grid import KERNELS
from qnas.accel.rtl.kernel.table import (
    KERNELS_FILE,
    read_kernels,
    write_kernels,
)
from qnas.errors import CheckpointError

ROWS = read_kernels()


def test_every_kernel_is_in_the_table_and_its_cycles_are_those_of_its_plans() -> None:
    assert len(KERNELS) >= 30 and {row.kernel for row in ROWS} == set(KERNELS)
    small = [name for name in KERNELS if not name.startswith("DeiT")]
    for name in small:
        rows = [row for row in ROWS if row.kernel == name]
        assert [row.cycles_next for row in rows] == [
            cycles_of_pass(plan) for plan in KERNELS[name].plans()
        ]
        assert all(row.mismatches == 0 for row in rows)


def test_a_table_is_written_as_it_was_read(tmp_path: Path) -> None:
    write_kernels(tmp_path / "t.csv", ROWS)
    assert (tmp_path / "t.csv").read_text() == KERNELS_FILE.read_text()


CYCLES = f",{ROWS[0].cycles_next},"


@pytest.mark.parametrize(
    ("old", "new"),
    [(CYCLES, ",,"), (CYCLES, ",x,"), ("digits,", "nothing,"), ("network", "net"), ("\n", "\n\0")],
)
def test_a_damaged_table_is_refused(old: str, new: str, tmp_path: Path) -> None:
    path = tmp_path / "kernels.csv"
    path.write_text(KERNELS_FILE.read_text().replace(old, new))
    with pytest.raises(CheckpointError, match="kernels"):
        read_kernels(path)


def test_a_network_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kernels.csv"
    path.write_text(KERNELS_FILE.read_text() + KERNELS_FILE.read_text().splitlines()[1] + "\n")
    with pytest.raises(CheckpointError, match="once"):
        read_kernels(path)


@pytest.mark.slow
@pytest.mark.parametrize("what", [[], ["--synthesize"]])
def test_two_kernels_are_made_again_as_they_are_in_the_table(
    what: list[str], tmp_path: Path
) -> None:
    names = ["digits, narrow", "digits"]
    script = Path(__file__).parents[3] / "bench/rtl_kernels.py"
    command = [sys.executable, str(script), "--check", *what, "--cache", str(tmp_path)]
    done = subprocess.run([*command, "--only", *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_kernel_of_more_than_seven_levels_is_named_with_its_path() -> None:
    paths = (KERNELS_FILE.parents[1] / "PLAN.md").read_text().split("**Paths.**")[1]
    named = paths.split("**Clocks.**")[0]
    assert all(f"`{row.kernel}`" in named for row in ROWS if (row.levels or 0) > 7)
