"""What the rules ask of whole sources: pipelined loops with their events, processes with their
calls. Kept for the last sources, since several rules ask for the same."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from tree_sitter import Node

from qnas.accel.hls.lint.accesses import Functions, call_of, iteration
from qnas.accel.hls.lint.cpp import Function, Sources, functions
from qnas.accel.hls.lint.events import Call, Event, flat
from qnas.accel.hls.lint.scopes import loops_of

Items = tuple[tuple[str, str], ...]  # path, text


class Pipeline(NamedTuple):
    """A pipelined loop of a function, and what an iteration of it does."""

    function: Function
    loop: Node
    events: tuple[Event, ...]


def by_name(sources: Sources) -> Functions:
    return {function.name: function for function in functions(sources)}


def pipelines(sources: Sources) -> tuple[Pipeline, ...]:
    return _pipelines(tuple(sources.items()))


def methods_called(sources: Sources, function: Function) -> Mapping[str, frozenset[str]]:
    """Of each parameter of a function, the methods that a call of the function calls."""
    return _methods_called(tuple(sources.items()), function.name)


@lru_cache(maxsize=2)
def _pipelines(items: Items) -> tuple[Pipeline, ...]:
    known = by_name(dict(items))
    return tuple(
        Pipeline(function, loop, iteration(known, function, loop))
        for function in known.values()
        for loop, heads in loops_of(function)
        if any(pragma.kind == "PIPELINE" and not pragma.says("off") for pragma in heads)
    )


@lru_cache(maxsize=16)
def _methods_called(items: Items, name: str) -> Mapping[str, frozenset[str]]:
    known = by_name(dict(items))
    calls = [event for event in flat(call_of(known, known[name])) if isinstance(event, Call)]
    return {
        variable: frozenset(call.name for call in calls if call.variable == variable)
        for variable in {call.variable for call in calls}
    }
