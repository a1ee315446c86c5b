"""`--workers`: processes killed with -9 at any time, and the same front as one process finds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy

from qnas.studies.config import load_config
from qnas.studies.run.run import Run
from tests.cli.tiny_study import qnas, study
from tests.studies.postgres import server

STUDY = study(
    search={"trials": 36, "population": 12},
    splits={"search_fraction": 0.3, "report_fraction": 0.05},
)


def command(folder: Path, *options: str) -> list[str]:
    study = str(folder / "study.toml")
    runs = str(folder / "runs")
    return [sys.executable, "-m", "qnas", "search", study, "--runs", runs, *options]


def front(folder: Path) -> list[str]:
    """Rows without the trials' numbers, which tell who was first."""
    text = (folder / "runs/tiny/front.csv").read_text()
    return [line.split(",", 1)[1] for line in text.splitlines()]


def trials(folder: Path) -> list[tuple[tuple[int, int], str]]:
    records = Run(load_config(folder / "study.toml"), folder / "runs/tiny").records()
    return [(t.place, t.key) for t in (*records.trials, *records.infeasible)]


def written(folder: Path) -> int:
    journal = folder / "runs/tiny/study.journal"
    return journal.read_bytes().count(b"datetime_complete") if journal.exists() else 0


def children(pid: int) -> list[int]:
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workers") / "trained"
    folder.mkdir()
    (folder / "study.toml").write_text(STUDY)
    assert qnas("train", folder).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def alone(trained: Path) -> Path:
    """What one process finds."""
    folder = shutil.copytree(trained, trained.parent / "alone")
    assert qnas("search", folder).exit_code == 0
    return folder


@pytest.mark.slow
def test_workers_of_one_machine_one_killed_then_all(
    trained: Path, alone: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained, tmp_path / "copy")
    process = subprocess.Popen(command(folder, "--workers", "3"))
    while written(folder) < 6:
        assert process.poll() is None
        time.sleep(0.01)
    others = children(process.pid)
    assert len(others) == 2
    os.kill(others[0], signal.SIGKILL)
    while written(folder) < 14:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{others[1]}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{others[1]}").exists(), "a worker outlived who started it"
    assert 14 <= written(folder) < 36
    subprocess.run(command(folder, "--workers", "2"), check=True)
    assert front(folder) == front(alone) and trials(folder) == trials(alone)
    assert written(folder) == 36  # nothing lost, nothing twice
    assert not (folder / "runs/tiny/claims.journal").exists()


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.full
def test_two_machines_on_postgres(trained: Path, alone: Path, tmp_path: Path) -> None:
    """Each has a run folder of its own; both end with the whole study and the same front.csv, also
    if the database is restarted meanwhile."""
    with server() as database:
        url = database.url
        folders = [shutil.copytree(trained, tmp_path / name) for name in ("a", "b")]
        machines = [
            subprocess.Popen(command(folder, "--storage", url, "--workers", workers))
            for folder, workers in zip(folders, "12", strict=True)
        ]
        while _trials_in(url) <= 3:
            assert all(machine.poll() is None for machine in machines)
            time.sleep(0.2)
        database.restart()
        assert [machine.wait(timeout=600) for machine in machines] == [0, 0]
    for folder in folders:
        assert trials(folder) == trials(alone)
        whole = (alone / "runs/tiny/front.csv").read_bytes()
        assert (folder / "runs/tiny/front.csv").read_bytes() == whole


def _trials_in(url: str) -> int:
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            return int(connection.execute(sqlalchemy.text("SELECT count(*) FROM trials")).scalar())
    except sqlalchemy.exc.SQLAlchemyError:  # the tables are not there yet
        return 0
    finally:
        engine.dispose()


def test_workers_must_be_a_number_from_one(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY)
    result = qnas("search", tmp_path, "--workers", "0")
    assert result.exit_code == 2
