"""The engine's schedule, walked iteration by iteration as PLAN.md tells it."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings

from qnas.accel.plan.folding import Folding
from qnas.accel.plan.loops import operation_trips, stream_words
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import Stage
from qnas.architecture import Architecture
from qnas.operations import Gemm, network_operations
from tests.accel.designs import PORT_BITS, architectures, foldings, zcu102


@dataclass
class Walk:
    """What happened: trips of each loop, beats multiplied, drain steps and load steps done."""

    trips: dict[str, int]
    beats: int = 0
    drained: int = 0
    loads: int = 0


def _tiles(stage: Stage, batch: int) -> tuple[int, int]:
    """Row tiles that are loaded in a pass, and the token tiles that each is multiplied with."""
    if stage.left == "weights":
        return stage.row_tiles, batch * stage.token_tiles
    return batch * stage.row_tiles, stage.token_tiles


def _walk(stage: Stage, batch: int) -> Walk:
    """As the engine's loop goes on: the loader, the array and the drain each where it stands.
    Asserts on the way that nothing is overwritten before it is used."""
    row_tiles, token_tiles = _tiles(stage, batch)
    walk = Walk({"prefetch": 0, "tiles": 0, "flush": 0})
    loaded = step = tile = token_tile = k = ahead = 0
    complete = False
    drained = stage.drain_steps  # nothing to drain yet
    while tile < row_tiles or drained < stage.drain_steps:
        multiplying = ahead > 0
        started = tile > 0 or multiplying
        phase = "flush" if tile == row_tiles else "tiles" if started else "prefetch"
        walk.trips[phase] += 1
        loading = loaded < row_tiles and ahead < 2 and not complete
        if drained < stage.drain_steps:
            walk.drained += 1
            drained += 1
        if multiplying and k < stage.beats:
            walk.beats += 1
            if k == stage.beats - 1:
                assert drained == stage.drain_steps, "the tile before is drained"
                drained = 0
        if complete:
            ahead, complete = ahead + 1, False
        if loading:
            assert loaded % 2 != tile % 2 or not multiplying, "the half that nothing reads"
            walk.loads += 1
            step += 1
            if step == stage.load_steps:
                loaded, step, complete = loaded + 1, 0, True
        if multiplying:
            k += 1
            if k == stage.tile_steps:
                k, token_tile = 0, token_tile + 1
                if token_tile == token_tiles:
                    token_tile, tile, ahead = 0, tile + 1, ahead - 1
    return walk


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings())
def test_the_engine_does_all_of_its_work_in_the_planned_trips(
    arch: Architecture, folding: Folding
) -> None:
    for stage in lower(arch, zcu102(), folding).stages:
        if stage.kind != "gemm":
            continue
        walk = _walk(stage, folding.batch)
        tiles = folding.batch * stage.row_tiles * stage.token_tiles
        trips = {loop.name: loop.trips for loop in stage.loops}
        assert {name: trips[name] for name in walk.trips} == walk.trips
        assert walk.beats == tiles * stage.beats
        if stage.left != "weights":
            pairs = folding.drain_pairs if stage.left == "probs" else folding.score_pairs
            assert walk.drained * 2 * pairs == tiles * folding.tm
        else:
            assert walk.drained >= folding.batch * stage.rows * stage.token_tiles
        assert walk.loads == _tiles(stage, folding.batch)[0] * stage.load_steps
        work = folding.batch * stage.slots * stage.tokens * stage.inner
        assert walk.beats * folding.atoms_per_cycle >= work


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings())
def test_the_weight_stream_is_what_the_loops_read(arch: Architecture, folding: Folding) -> None:
    for op in network_operations(arch):
        trips = {t.name: t.trips for t in operation_trips(op, folding, PORT_BITS)}
        words = stream_words(op, folding, PORT_BITS)
        if not isinstance(op, Gemm):
            assert words == (0 if op.name == "patches" else trips.get("parameters", words))
            if op.name == "position":
                assert trips == {"load": folding.batch * words}
        elif op.left == "weights":
            row_tiles = -(-op.slots // folding.tm)
            assert words == trips.get("table", 0) + row_tiles * (trips["prefetch"] - 1)
        else:
            assert words == 0
