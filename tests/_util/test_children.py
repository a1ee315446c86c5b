"""Programs that threads wait for end with the block, and with all that they started."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qnas._util.children import Children

# A shell that starts another program, as g++ does, and waits for it.
SLEEPER = "echo $$ > {0}/shell; sleep 60 & echo $! > {0}/sleep; wait"


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def read_pid(path: Path) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.01)
    raise AssertionError(f"no {path}")


def test_output_and_status_are_those_of_the_program() -> None:
    done = Children().run(["sh", "-c", "echo out; echo $A >&2; exit 3"], env={"A": "err"})
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_ends_the_programs_and_those_they_started(
    error: type[BaseException], tmp_path: Path
) -> None:
    command = ["sh", "-c", SLEEPER.format(tmp_path)]
    with pytest.raises(error), ThreadPoolExecutor(1) as pool, Children() as children:
        waiting = pool.submit(children.run, command)
        pids = [read_pid(tmp_path / name) for name in ("shell", "sleep")]
        assert all(alive(pid) for pid in pids)
        raise error
    assert waiting.result().returncode < 0
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(alive(pid) for pid in pids)
    with pytest.raises(InterruptedError):
        children.run(["true"])
