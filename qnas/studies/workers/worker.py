"""A worker's process. It reads one JSON line, the run to search in, from stdin; it exits when stdin
closes."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from qnas.errors import QnasError
from qnas.studies.progress import SILENT
from qnas.studies.run.manifest import read_manifest
from qnas.studies.run.run import Run
from qnas.studies.workers.pool import join_pool
from qnas.studies.workers.search_loop import make_search_loop

EXIT_FAILED = 3


def main() -> None:
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_exit_when_stdin_closes, daemon=True).start()
    path = Path(order["run"])
    run, joined = Run(read_manifest(path / "manifest.json").config, path), False
    try:
        with join_pool(run, order["storage"], worker=order["worker"]) as (study, leases):
            joined = True
            make_search_loop(run, study, leases, SILENT).run()
    except QnasError as error:
        if not joined:  # in a search, the process that started this one raises the same error
            sys.stderr.write(f"qnas: a worker cannot join the search. {error}\n")
        sys.exit(EXIT_FAILED)


def _exit_when_stdin_closes() -> None:
    sys.stdin.read()
    os._exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
