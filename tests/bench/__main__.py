"""Every side-by-side comparison of the project, one after the other, and one page of them.

    python -m tests.bench [--smallest] [--only NAME ...] [--page OUT.md]

About a quarter of an hour on an idle machine, and more where front_quality.py must enumerate its
space first: once for a version of the cost model. A benchmark that fails, or that lacks its data,
is named on the page and does not stop the others; the exit status is 1 if one failed. With
--smallest each takes seconds: to see that all work, not to measure. The page is written anew after
each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from qnas._util.serialization import write_atomically
from tests.bench.page import Outcome, page, setting
from tests.bench.suite import SUITE, Benchmark

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/benchmarks/latest.md"
SKIPPED = "SKIPPED"
TIMEOUT_S = 1800


def run(benchmark: Benchmark, *, smallest: bool = False, timeout_s: float = TIMEOUT_S) -> Outcome:
    """One benchmark in a process and a folder of its own; whatever goes wrong is its fault."""
    arguments = benchmark.smallest if smallest else benchmark.arguments
    told = arguments.replace("{work}", "build/ranking")
    start = time.monotonic()
    try:
        lines, fault = tuple(benchmark.lines(_found(benchmark, arguments, timeout_s))), ""
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        lines, fault = (), f"exit status {error.returncode}: {last}"
    except subprocess.TimeoutExpired:
        lines, fault = (), f"not done after {timeout_s:.0f} s"
    except (OSError, LookupError, TypeError, ValueError) as error:
        lines, fault = (), f"{type(error).__name__}: {error}"
    return Outcome(benchmark, told, time.monotonic() - start, lines, fault)


def _found(benchmark: Benchmark, arguments: str, timeout_s: float) -> Any:
    """The JSON that the program writes; LookupError with its word if it skips itself."""
    with TemporaryDirectory(prefix="qnas-bench-") as name:
        out = Path(name) / "out.json"
        words = [word.replace("{work}", f"{name}/work") for word in arguments.split()]
        program = Path(__file__).with_name(f"{benchmark.name}.py")
        done = subprocess.run(
            [sys.executable, str(program), *words, "--json", str(out)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},  # some import another
            capture_output=True,
            text=True,
            check=True,
            timeout=timeout_s,
        )
        if not out.exists():
            raise LookupError(done.stdout.strip()[:200] or "it wrote nothing")
        return json.loads(out.read_text())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smallest", action="store_true", help="seconds each, to see that all run")
    parser.add_argument("--only", nargs="+", choices=[b.name for b in SUITE], metavar="NAME")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    where, outcomes = setting(ROOT, smallest=options.smallest), []
    for benchmark in SUITE:
        if options.only and benchmark.name not in options.only:
            continue
        outcome = run(benchmark, smallest=options.smallest)
        outcomes.append(outcome)
        write_atomically(options.page, page(where, outcomes))
        verdict = outcome.fault or f"{len(outcome.lines)} figures"
        print(f"{benchmark.name:14} {outcome.seconds:6.0f} s  {verdict}", flush=True)
    print(f"Page: {options.page}")
    return int(any(o.fault and SKIPPED not in o.fault for o in outcomes))


if __name__ == "__main__":
    sys.exit(main())
