from __future__ import annotations

import threading
import time
from pathlib import Path

import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage

from qnas.studies.storage.journal import Journal
from qnas.studies.storage.leases import LeaseTable

SLOTS = list(range(20))


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_claims_are_disjoint_and_cover_everything() -> None:
    storage = InMemoryStorage()
    a, b = LeaseTable(storage, "x"), LeaseTable(storage, "x")
    with a.heartbeat(), b.heartbeat():
        first, second = a.acquire(0, SLOTS), b.acquire(0, SLOTS)
        assert first == SLOTS[:5] and second == SLOTS[5:8]  # half of an even share of what is free
        assert a.acquire(0, SLOTS) == first  # until they are written, they stay its own
        left = [s for s in SLOTS if s not in first + second]
        while left:
            mine = a.acquire(0, left)
            assert mine == left[: len(mine)] and mine
            left = left[len(mine) :]
        assert b.acquire(0, SLOTS[:5]) == [] and b.acquire(1, SLOTS[:5]) != []


def test_a_hundred_claims_at_once_on_one_journal(tmp_path: Path) -> None:
    """Each slot has one owner, whoever asks when."""
    found: list[tuple[int, int]] = []

    def run(number: int) -> None:
        ledger = LeaseTable(JournalStorage(Journal(tmp_path / "a")), "x", pause_s=0.001)
        with ledger.heartbeat():
            for generation in range(5):
                left = SLOTS
                while mine := ledger.acquire(generation, left):
                    found.extend((generation, slot) for slot in mine)
                    left = [slot for slot in left if slot not in mine]

    threads = [threading.Thread(target=run, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(g, s) for g in range(5) for s in SLOTS]


def test_what_a_silent_worker_had_is_free_after_the_patience() -> None:
    storage = InMemoryStorage()
    dead, heir = (LeaseTable(storage, "x", patience_s=0.2) for _ in range(2))
    with dead.heartbeat():
        taken = dead.acquire(0, SLOTS)
    with heir.heartbeat():
        rest = [s for s in SLOTS if s not in taken]
        while rest:
            rest = [s for s in rest if s not in heir.acquire(0, rest)]
        assert heir.acquire(0, taken) == []  # it may yet live
        time.sleep(0.3)
        assert heir.acquire(0, taken) != []
        # The one taken for dead lives, sees it, and has no claim on what the heir has.
        assert not set(dead.acquire(0, taken)) & set(heir.acquire(0, taken))


def test_a_worker_known_to_be_gone_is_not_waited_for() -> None:
    storage = InMemoryStorage()
    dead, heir = LeaseTable(storage, "x", worker="child"), LeaseTable(storage, "x")
    with dead.heartbeat():
        taken = dead.acquire(0, SLOTS)
    assert set(heir.acquire(0, SLOTS)).isdisjoint(taken)
    heir.dead_workers = lambda: {"child"}
    assert heir.acquire(1, SLOTS) != []  # says so on the way
    assert set(LeaseTable(storage, "x").acquire(0, taken)) <= set(taken)
