"""The page of `make bench`: what was compared, on what machine, with what versions."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench.suite import Benchmark, Line

SMALLEST = "the smallest: these figures show that every benchmark runs, and nothing more"
PACKAGES = ("numpy", "torch", "timm", "optuna", "moocore", "scikit-learn")
HEADING = """# Benchmarks: the latest run

Made by `make bench`; not written by hand. Every side of a comparison ran in the same run, on the
machine below. Budgets are small, so that all takes minutes: [Benchmarks](../benchmarks.md) says
what each measures and how to run it in full.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a benchmark: its lines, or what is wrong."""

    benchmark: Benchmark
    arguments: str
    seconds: float
    lines: tuple[Line, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and when: pairs of a title and a text. Nothing in it names a host, a user or a path."""

    facts: tuple[tuple[str, str], ...]


def setting(root: Path, *, smallest: bool = False) -> Setting:
    """Of this machine, for the commit that is checked out in `root`."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return Setting(
        (
            ("budgets", SMALLEST if smallest else "those of `make bench`"),
            ("date", f"{datetime.now(UTC):%Y-%m-%d}"),
            ("commit", _commit(root)),
            ("processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores used"),
            ("memory", f"{memory_bytes / 2**30:.0f} GiB"),
            ("load when it began", f"{os.getloadavg()[0]:.1f} (0 is an idle machine)"),
            ("versions", f"Python {platform.python_version()}, {versions}, g++ {_compiler()}"),
        )
    )


def page(where: Setting, outcomes: Sequence[Outcome]) -> str:
    """Markdown."""
    return "\n".join([HEADING, *_facts(where, outcomes), *(_section(o) for o in outcomes)])


def plain(text: str) -> str:
    """`text` in a line, with file names in place of paths, fit for a cell of a table."""
    line = " ".join(re.sub(r"(?:/[\w.+-]+)+/", "", text).split())
    return line.replace("|", r"\|").replace("<", "&lt;")[:300]


def _facts(where: Setting, outcomes: Sequence[Outcome]) -> Iterator[str]:
    spent = sum(outcome.seconds for outcome in outcomes)
    faults = [o.benchmark.name for o in outcomes if o.fault]
    yield "| | |\n|---|---|"
    for title, text in (*where.facts, ("took", f"{spent:.0f} s")):
        yield f"| {title} | {plain(text)} |"
    if faults:
        yield f"| without figures | {', '.join(faults)} |"
    yield ""


def _section(outcome: Outcome) -> str:
    bench = outcome.benchmark
    command = " ".join(f"python tests/bench/{bench.name}.py {outcome.arguments}".split())
    lines = [f"## {bench.question}", "", f"`{command}`, {outcome.seconds:.0f} s", ""]
    if outcome.fault:
        lines += [f"**No figures**: {plain(outcome.fault)}", ""]
    else:
        lines += ["| what | figure | beside |", "|---|---|---|"]
        lines += [f"| {' | '.join(map(plain, line))} |" for line in outcome.lines]
        lines += [""]
    return "\n".join(lines)


def _commit(root: Path) -> str:
    def git(*words: str) -> str:
        command = ["git", "-C", str(root), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = " with changes" if git("status", "--porcelain", "--untracked-files=no") else ""
        return git("rev-parse", "--short=10", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named.group(1) if named else platform.processor() or platform.machine()


def _compiler() -> str:
    try:
        command = ["g++", "-dumpfullversion"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "absent"
