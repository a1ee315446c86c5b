"""The journal: searches interrupted and killed, a damaged file, and Optuna's own reading of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from qnas.errors import CheckpointError
from qnas.studies.search.evaluation import Evaluate, Result
from qnas.studies.search.genome import Proposal
from qnas.studies.search.loop import SECONDS
from qnas.studies.storage.journal import open_study
from qnas.studies.storage.read_only_copy import JournalReader
from tests.studies.analytic import (
    DIRECTIONS,
    GENOME,
    csv,
    outcome,
    search,
)


def test_an_interruption_between_evaluation_and_tell_changes_nothing(tmp_path: Path) -> None:
    whole = outcome(search(tmp_path / "whole", trials=40))

    def stop_in_third(evaluate: Evaluate) -> Evaluate:
        calls = iter(range(100))

        def call(proposals: Sequence[Proposal]) -> list[Result]:
            if next(calls) == 2:
                raise KeyboardInterrupt
            return evaluate(proposals)

        return call

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "a", trials=40, wrap=stop_in_third)
    resumed = search(tmp_path / "a", trials=40)
    assert outcome(resumed) == whole
    assert not [t for t in resumed.trials if t.state == TrialState.RUNNING]
    assert resumed.user_attrs[SECONDS] > 0


SCRIPT = """
import sys, time
from pathlib import Path
from tests.studies.analytic import search

def slowly(evaluate):
    def call(proposals):
        time.sleep(0.05)
        return evaluate(proposals)
    return call

search(Path(sys.argv[1]), trials=int(sys.argv[2]), wrap=slowly)
"""


def test_kill_minus_nine_again_and_again_then_the_same_front(tmp_path: Path) -> None:
    whole = search(tmp_path / "whole", trials=60)
    journal, root = tmp_path / "killed", Path(__file__).parents[3]
    sizes = []
    for written in (8_000, 40_000, 60_000):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(journal), "60"], cwd=root)
        while not journal.exists() or journal.stat().st_size < written:
            assert process.poll() is None, "ended before it could be killed"
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        sizes.append(journal.stat().st_size)
    assert sizes == sorted(sizes)
    start = time.perf_counter()
    resumed = search(journal, trials=60)
    assert time.perf_counter() - start < 15, "waited for a dead process's lock"
    assert outcome(resumed) == outcome(whole)
    assert csv(resumed) == csv(whole)


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    whole = outcome(search(tmp_path / "whole", trials=20))
    search(tmp_path / "torn", trials=14)
    content = (tmp_path / "torn").read_bytes()
    (tmp_path / "torn").write_bytes(content[:-25])
    assert outcome(search(tmp_path / "torn", trials=20)) == whole


def fused(lines: list[bytes]) -> list[bytes]:
    """A line without its end, on which the next one follows: only the former is lost."""
    return [*lines[:9], lines[9][:-30] + lines[10], *lines[11:]]


def joined(lines: list[bytes]) -> list[bytes]:
    """Two whole entries in one line: none is lost."""
    return [*lines[:9], lines[9] + lines[10], *lines[11:]]


def binary(lines: list[bytes]) -> list[bytes]:
    """What a disk may give back: bytes that are no text, and a line of zeros."""
    return [*lines[:9], b"\0" * 100, lines[9][:40] + b"\xff\xfe" + lines[9][42:], *lines[10:]]


def headless(lines: list[bytes]) -> list[bytes]:
    """Without the entry that creates the study."""
    return [lines[0][:-5], *lines[1:]]


@pytest.mark.parametrize(
    ("damage", "lost", "aside"), [(fused, 1, 1), (joined, 0, 1), (binary, 1, 2), (headless, 0, 1)]
)
def test_a_damaged_line_is_set_aside_and_its_trial_made_again(
    damage: Callable[[list[bytes]], list[bytes]],
    lost: int,
    aside: int,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal = tmp_path / "study.journal"
    whole = outcome(search(journal, trials=20))
    before = journal.read_bytes().splitlines()
    after = damage(before)
    journal.write_bytes(b"".join(line + b"\n" for line in after))
    broken = journal.read_bytes()
    reader = JournalReader(journal, name="small", directions=DIRECTIONS, metrics=())
    assert len(reader.study().trials) == 20 - lost
    assert journal.read_bytes() == broken and len(list(tmp_path.iterdir())) == 1
    (told,) = [r.getMessage() for r in caplog.records]
    assert str(journal) in told and "not read" in told
    caplog.clear()
    study = open_study(journal, name="small", directions=DIRECTIONS)
    assert len(study.trials) == 20 - lost
    (told,) = [r.getMessage() for r in caplog.records]
    assert f"{aside} of its lines are damaged" in told and "study.journal.damaged" in told
    kept = (tmp_path / "study.journal.damaged").read_bytes().splitlines()
    assert kept == [line for line in after if line not in before] and len(kept) == aside
    caplog.clear()
    resumed = search(journal, trials=20)
    assert sorted(outcome(resumed)) == sorted(whole) and not caplog.records


def test_a_damaged_journal_is_a_clear_error(tmp_path: Path) -> None:
    for damage in ("this is no journal\nat all\n", "[]\n", "5\n", '{"op_code": 0}\n', "null\n"):
        (tmp_path / "a").write_text(damage)
        with pytest.raises(CheckpointError, match="Optuna journal"):
            open_study(tmp_path / "a", name="small", directions=DIRECTIONS)
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match="Optuna journal"):
        open_study(tmp_path / "folder", name="small", directions=DIRECTIONS)


def test_another_study_s_directions_are_a_clear_error(tmp_path: Path) -> None:
    search(tmp_path / "a", trials=2, population=2)
    with pytest.raises(CheckpointError, match="must hold a study"):
        open_study(tmp_path / "a", name="small", directions=("minimize", "maximize"))


def test_optuna_reads_from_the_journal_what_we_hold_in_memory(tmp_path: Path) -> None:
    """Ordinary trials: the file, read by Optuna's own backend, equals the study that wrote it."""
    ours = search(tmp_path / "a", trials=60)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "a")))
    theirs = optuna.load_study(study_name="small", storage=storage)
    assert theirs.trials == ours.trials
    assert [t.number for t in theirs.trials] == list(range(60))
    assert all(t.constraints and len(t.params) == 15 for t in theirs.trials)
    infeasible = [t for t in theirs.trials if t.state == TrialState.PRUNED]
    assert infeasible and all(
        t.values is None and max(t.constraints.values()) > 0 for t in infeasible
    )
    # And Optuna's own NSGA-II goes on from there, with our last generation as its parents.
    theirs.sampler = optuna.samplers.NSGAIISampler(population_size=10, seed=0)
    asked = theirs.ask(GENOME.distributions()).number
    assert theirs.trials[asked].system_attrs["NSGAIISampler:generation"] >= 5
