"""Leases: the assignment of a generation's slots to workers."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState, create_trial

LEASE_GENERATION, SLOTS, WORKER = "generation", "slots", "worker"
BEAT, DEAD = "beat:", "dead:"
BEATS_PER_PATIENCE = 6
JOIN_S = 5.0


class Leases(Protocol):
    """Assigns slots without a trial to a worker."""

    def acquire(self, generation: int, slots: Sequence[int]) -> list[int]:
        """Lease some of `slots` to the caller; empty if other workers hold all of them."""
        ...

    def wait(self) -> None:
        """Wait a while before the next `acquire`."""
        ...


class SoleWorker:
    """Leases of a single worker, which gets all slots."""

    def acquire(self, generation: int, slots: Sequence[int]) -> list[int]:
        return list(slots)

    def wait(self) -> None: ...


def none_known_dead() -> Collection[str]:
    """The default of `LeaseTable`: no worker is known to have died."""
    return ()


class LeaseTable:
    """Leases stored as trials of a separate Optuna study, in the same storage as the search.

    The storage numbers the trials in the order of their creation, which decides between leases: a
    slot belongs to its first lease whose worker is alive. Each worker sends heartbeats by
    incrementing its attribute of that study. A worker that sees no heartbeat of another one for
    `patience_s`, by its own clock, marks that one as dead, and its unfinished slots become free. If
    the marked worker is still alive (on a suspended laptop, say), it continues under a new name;
    its results for the old slots are ignored.
    """

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        *,
        patience_s: float = 30.0,
        pause_s: float = 0.2,
        worker: str = "",
    ) -> None:
        self._study = optuna.create_study(
            storage=storage, study_name=f"{name}.claims", load_if_exists=True
        )
        self._patience_s, self._pause_s = patience_s, pause_s
        self.dead_workers: Callable[[], Collection[str]] = none_known_dead
        self._worker = worker or uuid.uuid4().hex
        self._seen: dict[str, tuple[int, float]] = {}  # last count, and when first seen
        self._dead: set[str] = set()

    def acquire(self, generation: int, slots: Sequence[int]) -> list[int]:
        """Lease half of an even share of the free slots: large batches first, small ones at the
        end."""
        alive = self._count_alive()
        owners = self._owners(generation)
        own = [slot for slot in slots if owners.get(slot) == self._worker]
        free = [slot for slot in slots if slot not in owners]
        if own or not free:
            return own
        wanted = free[: max(1, len(free) // (2 * alive))]
        attrs = {LEASE_GENERATION: generation, SLOTS: wanted, WORKER: self._worker}
        self._study.add_trial(create_trial(state=TrialState.PRUNED, user_attrs=attrs))
        owners = self._owners(generation)
        return [slot for slot in wanted if owners[slot] == self._worker]

    def wait(self) -> None:
        time.sleep(self._pause_s)

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Send heartbeats from a background thread, since an evaluation may take long."""
        over, counts = threading.Event(), itertools.count(1)

        def beat() -> None:
            self._study.set_user_attr(BEAT + self._worker, next(counts))

        def beat_on() -> None:
            while not over.wait(self._patience_s / BEATS_PER_PATIENCE):
                # If the storage stays unreachable, the search itself fails.
                with suppress(Exception):
                    beat()

        beat()
        thread = threading.Thread(target=beat_on, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(timeout=JOIN_S)  # a beat may wait for a storage that is gone

    def _count_alive(self) -> int:
        """Count the workers that are alive, including this one; mark the dead ones."""
        attrs, now = self._study.user_attrs, time.monotonic()
        self._dead = {key.removeprefix(DEAD) for key in attrs if key.startswith(DEAD)}
        if self._worker in self._dead:
            self._worker = uuid.uuid4().hex
        beats = {k.removeprefix(BEAT): count for k, count in attrs.items() if k.startswith(BEAT)}
        for worker in beats.keys() - self._dead - {self._worker}:
            last, since = self._seen.get(worker, (-1, now))
            self._seen[worker] = beats[worker], since if beats[worker] == last else now
        silent = {w for w, (_, since) in self._seen.items() if now - since > self._patience_s}
        for worker in (silent | set(self.dead_workers())) - self._dead:
            self._study.set_user_attr(DEAD + worker, True)
            self._dead.add(worker)
        return len(beats.keys() - self._dead | {self._worker})

    def _owners(self, generation: int) -> dict[int, str]:
        """The owner of each slot: the worker of its first lease whose worker is not dead."""
        owners: dict[int, str] = {}
        for lease in self._study.get_trials(deepcopy=False):
            attrs = lease.user_attrs
            if attrs[LEASE_GENERATION] == generation and attrs[WORKER] not in self._dead:
                for slot in attrs[SLOTS]:
                    owners.setdefault(slot, attrs[WORKER])
        return owners
