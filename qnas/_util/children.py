"""Children: the external programs that threads of this process wait for, ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

GRACE_S = 5.0  # between SIGTERM, upon which g++ deletes its temporary files, and SIGKILL


class Children:
    """Programs that are stopped when an error or an interrupt leaves the `with` block.

    `subprocess.run` in a thread continues after an interrupt of the main thread, and stops only the
    program itself, not the programs that it started. Here each program has its own process group.
    Enter this context innermost: the exit of an executor's context waits for its threads.
    """

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.stop()

    def run(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        output: IO[str] | None = None,
        timeout_s: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` to its end, and capture its output as text, or write it to `output`.

        Raises InterruptedError after a call of `stop`, and subprocess.TimeoutExpired.
        """
        with self._lock:
            if self._stopped:
                raise InterruptedError(f"{command[0]} is not started: the others were stopped")
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.PIPE,
                stderr=subprocess.STDOUT if output else subprocess.PIPE,
                text=True,
                errors="replace",
                env=env,
                cwd=cwd,
                process_group=0,
            )
            self._running.add(process)
        try:
            out, err = process.communicate(timeout=timeout_s)
        except BaseException:  # of this thread: an interrupt, or too long a wait
            _end([process])
            raise
        finally:
            with self._lock:
                self._running.discard(process)
            _signal(process, signal.SIGKILL)  # what the program started and did not wait for
            for stream in filter(None, (process.stdout, process.stderr)):
                stream.close()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def stop(self) -> None:
        """Stop all programs, and refuse to start more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        _end(running)


def run_program(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: IO[str] | None = None,
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one program as `Children.run` does: an interrupt ends it and all that it started."""
    return Children().run(command, env=env, cwd=cwd, output=output, timeout_s=timeout_s)


def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Ask programs, and all that they started, to end; kill those that do not."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
        _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to a program and to all programs that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
