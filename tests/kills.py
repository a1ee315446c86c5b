"""Kills at random times in every stage of a small run; each is resumed, and gives the same results.

    python -m tests.kills [--kills 60] [--seed 0]

Each round starts a stage where an undisturbed run began it, stops it one to three times (SIGKILL
of everything, SIGTERM or SIGINT of the command), and lets it finish. Every file must then be that
of the undisturbed run, but for times. A command that got SIGTERM or SIGINT must end with status 130
and leave nothing in TMPDIR. Exit status 1 if any of it fails. Part of `make verify-full`.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.tiny_study import TINY_SPACE, study
from tests.forked import Forked, differences, import_parts, results

STAGES = ("train", "search", "export", "verify", "report")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MOST_KILLS_A_ROUND = 3
SHARE_COLD = 0.5  # of the rounds that begin without compiled helpers, so that compilers are stopped
INTERRUPTED = 130
STUDY = study(
    space=TINY_SPACE,
    search={"trials": 24, "population": 8},
    train={"epochs": 3, "checkpoint_epochs": 1},
    splits={"search_fraction": 0.45, "report_fraction": 0.05},
)


@dataclass
class Kills:
    """The undisturbed run, stage by stage, and what the kills did.

    Attributes:
        folder: Where everything lies.
        random: The generator of all choices.
        before: The folder of the study as it was before each stage.
        after: The files of the run after each stage.
        seconds: The time of each undisturbed stage.
        counts: Kills by stage and signal.
        faults: Sentences on what was not as it must be.
    """

    folder: Path
    random: random.Random
    before: dict[str, Path] = field(default_factory=dict)
    after: dict[str, dict[str, object]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def undisturbed(self) -> None:
        """Run all stages, and keep what each began and ended with."""
        work = self.folder / "work"
        work.mkdir()
        (work / "study.toml").write_text(STUDY)
        for stage in STAGES:
            self.before[stage] = shutil.copytree(work, self.folder / f"before_{stage}")
            self._cold()
            process = self._start(stage, work)
            status = process.wait()
            if status != 0:
                raise SystemExit(f"{stage} ended with {status}: {process.text}")
            self.seconds[stage] = time.monotonic() - process.started
            self.after[stage] = results(work / "runs/tiny")
            print(f"{stage:8}{self.seconds[stage]:6.1f} s undisturbed", flush=True)

    def round(self, stage: str, most: int) -> int:
        """One round with at most `most` kills; how many there were."""
        work = self.folder / "round"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(self.before[stage], work)
        if self.random.random() < SHARE_COLD:
            self._cold()
        kills = 0
        for _ in range(self.random.randint(1, min(most, MOST_KILLS_A_ROUND))):
            kills += self._kill(stage, work)
        process = self._start(stage, work)
        status = process.wait()
        if status != 0:
            self.faults.append(f"{stage} resumed: status {status}: {process.text[-2000:]}")
        elif differ := differences(self.after[stage], results(work / "runs/tiny")):
            self.faults.append(f"{stage} resumed: other files {', '.join(differ)}")
        return kills

    def _kill(self, stage: str, work: Path) -> bool:
        """Start a stage and stop it; whether it was still running."""
        number = self.random.choice(SIGNALS)
        process = self._start(stage, work)
        wait_s = self.random.uniform(0.0, self.seconds[stage])
        status = process.wait(wait_s)
        if status is not None:
            return False
        process.send(number)
        status = process.wait(60)
        what = f"{number.name} in {stage}"
        self.counts[stage, number.name] += 1
        print(f"{what} after {wait_s:.2f} s: status {status}", flush=True)
        if status is None:
            process.send(signal.SIGKILL)
            self.faults.append(f"{what}: it still ran after a minute")
        elif number != signal.SIGKILL and status not in (INTERRUPTED, 0):
            self.faults.append(f"{what}: status {status}: {process.text[-2000:]}")
        elif number != signal.SIGKILL and process.left():
            self.faults.append(f"{what}: left {', '.join(process.left())} in TMPDIR")
        return True

    def _start(self, stage: str, work: Path) -> Forked:
        scratch = self.folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        arguments = (stage, str(work / "study.toml"), "--runs", str(work / "runs"))
        return Forked(*arguments, scratch=scratch)

    def _cold(self) -> None:
        shutil.rmtree(self.folder / "cache", ignore_errors=True)


def kill(count: int, seed: int) -> Kills:
    """Make at least `count` kills, in turn in each stage."""
    import_parts()
    with tempfile.TemporaryDirectory(prefix="qnas-kills-") as folder:
        os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "cache")
        found = Kills(Path(folder), random.Random(seed))
        found.undisturbed()
        done, turn = 0, 0
        while done < count and turn < 10 * count:
            done += found.round(STAGES[turn % len(STAGES)], count - done)
            turn += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start = time.monotonic()
    found = kill(arguments.kills, arguments.seed)
    for stage in STAGES:
        counts = ", ".join(f"{found.counts[stage, s.name]} {s.name}" for s in SIGNALS)
        print(f"{stage:8}{counts}")
    total, seconds = sum(found.counts.values()), time.monotonic() - start
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor_s = sum(one.ru_utime + one.ru_stime for one in used)
    took = f"{seconds:.0f} s ({processor_s:.0f} s of processor time)"
    print(f"{total} kills in {took}, {len(found.faults)} faults")
    for fault in found.faults:
        print(f"FAULT: {fault}")
    sys.exit(bool(found.faults) or total < arguments.kills)


if __name__ == "__main__":
    main()
