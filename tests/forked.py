"""`qnas` in a process forked from this one, which has imported its parts: it begins at once."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PARTS = (
    *("qnas.cli.main", "qnas.cli.stages", "qnas.studies.stages.pipeline"),
    *("qnas.training.loop", "qnas.studies.report.page", "qnas.objectives.accuracy"),
    *("qnas.accel.hls.analysis.timing", "qnas.accel.hls.emit.project", "qnas.cli.console"),
)
TIMED = re.compile(r"seconds|images_per_s")  # keys of what differs between two equal runs
# The journal is compared through front.csv; a report has as many sensitivities as time allows.
UNTIMED = ("report.html", "study.journal", "sensitivity.json")
REPEATED = "train_accuracy.jsonl"  # what an interrupted training does again counts once
OF_TORCH = "torchinductor_"  # an empty folder that importing torch leaves in TMPDIR


def import_parts() -> None:
    """Import what the commands import: each forked process then begins with its work."""
    for part in PARTS:
        importlib.import_module(part)


class Forked:
    """`qnas ARGUMENTS` in a process group of its own, with TMPDIR and its output in `scratch`."""

    def __init__(
        self, *arguments: str, scratch: Path, before: Callable[[], object] = lambda: None
    ) -> None:
        self.output, self.temporary = scratch / "output", scratch / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            self._become(arguments, before)

    def _become(self, arguments: tuple[str, ...], before: Callable[[], object]) -> None:
        from qnas.cli.main import main

        status = 70
        try:
            os.setpgid(0, 0)
            stream = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            os.dup2(stream, 1)
            os.dup2(stream, 2)
            sys.stdout, sys.stderr = (os.fdopen(n, "w", buffering=1) for n in (1, 2))
            os.environ |= {"TMPDIR": str(self.temporary)}
            import tempfile

            tempfile.tempdir = None
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.argv = ["qnas", *arguments]
            before()
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def poll(self) -> int | None:
        """The status once it has ended, negative for a signal; else None."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def wait(self, seconds: float = 600) -> int | None:
        """The status if it ends in time; else None."""
        end = time.monotonic() + seconds
        while (status := self.poll()) is None and time.monotonic() < end:
            time.sleep(0.005)
        return status

    def send(self, number: signal.Signals) -> None:
        """A signal to the process; SIGKILL to all that it started as well, as a machine's end."""
        (os.killpg if number == signal.SIGKILL else os.kill)(self.pid, number)

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def left(self) -> list[str]:
        """What it left in TMPDIR."""
        names = (path.name for path in self.temporary.iterdir())
        return sorted(name for name in names if not name.startswith(OF_TORCH))


def results(run: Path) -> dict[str, Any]:
    """Every file of a run without times and without the numbers that Optuna gives trials."""
    found: dict[str, Any] = {}
    for path in sorted(run.rglob("*")):
        name = str(path.relative_to(run))
        if not path.is_file() or path.name in UNTIMED:
            continue
        if path.suffix in (".json", ".jsonl"):
            lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
            values = [_untimed(json.loads(line)) for line in lines]
            repeated = path.name == REPEATED
            found[name] = {value["epoch"]: value for value in values} if repeated else values
        elif path.name == "front.csv":
            found[name] = [row.split(",", 1)[1] for row in path.read_text().splitlines()]
        else:
            found[name] = path.read_bytes()
    return found


def _untimed(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _untimed(v) for k, v in value.items() if not TIMED.search(k)}
    return [_untimed(item) for item in value] if isinstance(value, list) else value


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names of the files that differ, or that only one has."""
    return [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
