"""Events: what a piece of C++ does with its variables, in the order of the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node


@dataclass(frozen=True, slots=True)
class Access:
    """A load or a store of a variable.

    `carried`: it outlives the iteration that is looked at. `in_lane`: it outlives an UNROLL loop
    around the access; `conditional`: the access stands behind a condition in that loop. `indexed`:
    an element is accessed. `statement`: the assignment, of a store.
    """

    variable: str
    store: bool
    path: str
    line: int
    carried: bool
    in_lane: bool
    conditional: bool
    indexed: bool
    statement: Node | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function, or of a method of `variable`, such as a stream's `read`."""

    name: str
    variable: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Branch:
    """Several ways on, of which one is taken."""

    ways: tuple[tuple[Event, ...], ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """Events that any of `ends` (return, continue, break) cuts short."""

    events: tuple[Event, ...]
    ends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exit:
    """A return, continue or break."""

    kind: str


Event = Access | Call | Branch | Frame | Exit
Stored = Mapping[str, Access]  # by variable, a store of it
Late = dict[tuple[str, int, str], tuple[Access, Access]]  # by place and variable: load, store


def flat(events: Iterable[Event]) -> Iterator[Access | Call]:
    """Every access and call, whichever way leads to it."""
    for event in events:
        if isinstance(event, Branch):
            for way in event.ways:
                yield from flat(way)
        elif isinstance(event, Frame):
            yield from flat(event.events)
        elif not isinstance(event, Exit):
            yield event


def loads_after_stores(events: Iterable[Event]) -> Iterator[tuple[Access, Access]]:
    """(load, an earlier store of the same variable) on any way through."""
    found: Late = {}
    _follow(events, {}, found)
    yield from found.values()


def _follow(
    events: Iterable[Event],
    stored: Stored,
    found: dict[tuple[str, int, str], tuple[Access, Access]],
) -> tuple[Stored | None, dict[str, Stored]]:
    """What has been stored at the end (None: it is not reached), and at each kind of exit."""
    now: Stored | None = stored
    exits: dict[str, Stored] = {}
    for event in events:
        if now is None:
            break
        if isinstance(event, Access):
            if event.store:
                now = {**now, event.variable: event}
            elif event.variable in now:
                place = (event.path, event.line, event.variable)
                found.setdefault(place, (event, now[event.variable]))
        elif isinstance(event, Exit):
            exits[event.kind] = _either(exits.get(event.kind), now)
            now = None
        elif isinstance(event, Branch | Frame):
            now, more = _through(event, now, found)
            for kind, state in more.items():
                exits[kind] = _either(exits.get(kind), state)
    return now, exits


def _through(
    event: Branch | Frame, now: Stored, found: Late
) -> tuple[Stored | None, dict[str, Stored]]:
    ways = event.ways if isinstance(event, Branch) else (event.events,)
    ends = event.ends if isinstance(event, Frame) else ()
    after: Stored | None = None
    exits: dict[str, Stored] = {}
    for way in ways:
        end, more = _follow(way, now, found)
        after = end if after is None else after if end is None else _either(after, end)
        for kind, state in more.items():
            if kind in ends:
                after = _either(after, state)
            else:
                exits[kind] = _either(exits.get(kind), state)
    return after, exits


def _either(one: Stored | None, other: Stored) -> Stored:
    return {**(one or {}), **other}
