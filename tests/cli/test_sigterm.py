"""SIGTERM ends every kind of program that qnas starts, and nothing stays in TMPDIR."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

INTERRUPTED = 130
RUN = """
import signal, sys
from pathlib import Path
from qnas.cli.main import _interrupt
signal.signal(signal.SIGTERM, _interrupt)
scratch = Path(sys.argv[1])
try:
    {body}
except KeyboardInterrupt:
    sys.exit(130)
"""
# What starts the program, the name of the program, and the package that it needs.
KINDS = {
    "compiled passes": (
        "from qnas.supernet.cpu import native; native._compiled()",
        "cc1plus",
        "torch",
    ),
    "analysis of loops": (
        "from tests.accel.projects import small; "
        "from qnas.accel.hls.analysis.timing import analyse; "
        "from qnas.accel.device import load_device; "
        "analyse(small().files(), small().plan, load_device('zcu102'))",
        "cc1plus",
        "numpy",
    ),
    "C simulation": (
        "from tests.accel.projects import small; "
        "from qnas.accel.csim.toolchain import Toolchain; "
        "project = small().write(scratch / 'project'); "
        "Toolchain().compile(scratch / 'project', scratch / 'build')",
        "cc1plus",
        "numpy",
    ),
    "Verilator": (
        "from tests.accel.projects import small; "
        "from qnas.accel.rtl.kernel.sources import kernel_sources; "
        "from qnas.accel.rtl.kernel.compiled import compiled; plans = [small().plan]; "
        "compiled(plans, kernel_sources(plans), cache=scratch / 'cache')",
        "verilator_bin|cc1plus",
        "verilator",
    ),
    "Yosys": (
        "from tests.accel.projects import small; "
        "from qnas.accel.rtl.kernel.synthesize import synthesize_kernel; "
        "synthesize_kernel([small().plan], cache=scratch / 'cache')",
        "python.*",
        "pyosys",
    ),
    "Vitis": (
        "from tests.accel.projects import small; "
        "from qnas.accel.hls.synthesis import synthesise; "
        "small().write(scratch / 'project'); synthesise(scratch / 'project')",
        "sleep",
        "numpy",
    ),
}


def descendants(pid: int) -> list[int]:
    """The processes that a process started, directly or not."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):  # it has ended
            found += map(int, (thread / "children").read_text().split())
    return found + [below for child in found for below in descendants(child)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_sigterm_ends_the_program_and_leaves_nothing(kind: str, tmp_path: Path) -> None:
    body, program, package = KINDS[kind]
    if find_spec(package) is None:
        pytest.skip(f"no {package} here")
    tools, temporary = tmp_path / "bin", tmp_path / "tmp"
    tools.mkdir()
    temporary.mkdir()
    if kind == "Vitis":  # a tool that is not here: one that works as long
        tool = tools / "vitis-run"
        tool.write_text("#!/bin/sh\nsleep 300 &\nwait\n")
        tool.chmod(0o755)
    environment = {
        **os.environ,
        "TMPDIR": str(temporary),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": f"{tools}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", RUN.format(body=body), str(tmp_path)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )

    def started() -> list[int]:
        found = descendants(process.pid)
        return found if any(re.fullmatch(program, name_of(pid)) for pid in found) else []

    assert wait_for(lambda: bool(started()) or process.poll() is not None, 300)
    programs = started()
    assert programs, process.communicate()[1]
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, stderr
    assert wait_for(lambda: not any(map(alive, programs)), 10)
    assert not list(temporary.iterdir())
