"""Emitted designs: an iteration a cycle, as deep as the plan says; and mistakes that are caught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from qnas.accel.hls.analysis.recurrences import LoopTiming
from qnas.accel.hls.analysis.timing import Timing, analyse, check_intervals
from qnas.accel.plan.depths import loop_depths
from qnas.accel.plan.loops import EXIT_STEPS
from qnas.errors import GeneratorError
from tests.accel.projects import Design, batch_of, change, random_design, small

SLOWER_MHZ, FASTER_MHZ = 100.0, 200.0
MOST_ABOVE = 9  # cycles that the plan's table may lie above the analysis; below it never
OF_LABEL = {"steps": "tiles"}  # by a loop's label, the name of the plan's


def timing_of(design: Design, files: Mapping[str, bytes] | None = None) -> Timing:
    (found,) = analyse(files or design.files(), design.plan, design.device)
    return found


def _small_is_fast_and_as_deep_as_planned(design: Design) -> None:
    own = design.plan.clock_mhz
    clocks = (own, FASTER_MHZ) if own > SLOWER_MHZ else (own,)
    for timing in analyse(design.files(), design.plan, design.device, clocks_mhz=clocks):
        check_intervals(timing, subject="design")
        board = replace(design.device, clock_mhz=timing.clock_mhz)
        planned = loop_depths(design.plan.architecture, board, design.plan.folding)
        _as_deep_as(timing, planned)


def _as_deep_as(timing: Timing, planned: Mapping[str, int]) -> None:
    seen = set()
    for loop in timing.loops:
        name = loop.loop.split(": ")[1]
        depth = planned.get(OF_LABEL.get(name, name))
        if depth is not None:
            idle = EXIT_STEPS if name == "steps" else 0  # iterations until the loop sees its end
            known = loop.depth + idle
            assert known <= depth <= known + MOST_ABOVE, f"{loop}: planned {depth}"
            seen.add(name)
    assert seen >= {"steps", "normalise", "load", "table", "parameters", "store"}


def test_every_loop_starts_an_iteration_a_cycle_and_is_as_deep_as_planned() -> None:
    _small_is_fast_and_as_deep_as_planned(small())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 4, 5, 9])
def test_so_does_every_loop_of_other_designs(seed: int) -> None:
    """Lanes of DSPs, LUTs and both; 6 and 8 bits; one to three images a pass; seeds 4 and 9 on a
    Zynq-7000."""
    _small_is_fast_and_as_deep_as_planned(random_design(seed, batch=batch_of(seed)))


def mutated(tmp_path: Path, *changes: tuple[str, str, str]) -> dict[str, bytes]:
    """Files of `small` after pieces of text were replaced, each found once."""
    project = small().write(tmp_path / "project")
    for file, before, after in changes:
        change(project, file, before, after)
    sources = (project / "src").iterdir()
    return {f"src/{path.name}": path.read_bytes() for path in sources}


def slow_loop(tmp_path: Path, *changes: tuple[str, str, str]) -> LoopTiming:
    (loop,) = timing_of(small(), mutated(tmp_path, *changes)).slow
    return loop


DRAIN = """        if (turn.draining)
            drain_step(stage, at.draining, at.drained, drain, row_param, query_scale, gelu, act,
                       key, score, residual, logit);
"""
MULTIPLY = """        if (turn.beat)
            multiply_accumulate("""
INTRA = "#pragma HLS DEPENDENCE variable=act intra false\n"


def test_a_store_before_the_load_is_a_recurrence_through_the_memory(tmp_path: Path) -> None:
    """The array's loop, as it was first: drained into `act`, then multiplied by it."""
    loop = slow_loop(
        tmp_path,
        ("src/gemm.hpp", DRAIN, ""),
        ("src/gemm.hpp", MULTIPLY, DRAIN + MULTIPLY),
        ("src/gemm.hpp", INTRA, ""),
    )
    assert loop.loop == "engine: steps" and loop.interval > 8
    for part in ("`drain`", "a store of `act` (src/epilogue.hpp:", "a load of `act`"):
        assert part in loop.recurrence


@pytest.mark.slow
def test_a_maximum_lane_by_lane_is_a_recurrence(tmp_path: Path) -> None:
    chain = """for (int lane = 0; lane < plan::VL; ++lane) {
#pragma HLS UNROLL
        if ((first && lane == 0) || candidate[lane] > now.largest) now.largest = candidate[lane];
    }"""
    tree = """const score_t tree = tree_maximum<plan::VL>(candidate);
    now.largest = first || tree > now.largest ? tree : now.largest;"""
    loop = slow_loop(tmp_path, ("src/softmax.hpp", tree, chain))
    assert loop.loop == "engine: steps" and loop.interval == 2
    assert "`softmax` (src/softmax.hpp:" in loop.recurrence


@pytest.mark.slow
def test_a_read_that_waits_in_the_arrays_loop_is_named(tmp_path: Path) -> None:
    read, wait = "load.came = words.read_nb(load.word);", "load.word = words.read();"
    files = mutated(tmp_path, ("src/loader.hpp", read, wait))
    assert timing_of(small(), files).loop("engine").reads == ("words",)
    assert timing_of(small()).loop("engine").reads == ()


@pytest.mark.slow
def test_a_product_in_what_is_carried_is_refused_by_name(tmp_path: Path) -> None:
    carried = "now.total = first ? sum : ap_uint<16>(now.total + sum);"
    product = "now.total = first ? sum : ap_uint<16>(now.total * sum);"
    files = mutated(tmp_path, ("src/softmax.hpp", carried, product))
    with pytest.raises(GeneratorError, match=r"`softmax` \(src/softmax.hpp:\d+\) after 4 cycles"):
        check_intervals(timing_of(small(), files), subject="design")


def test_a_faster_clock_makes_pipelines_deeper() -> None:
    design = small()
    slower, faster = analyse(
        design.files(), design.plan, design.device, clocks_mhz=(SLOWER_MHZ, FASTER_MHZ)
    )
    for one, other in zip(slower.loops, faster.loops, strict=True):
        assert one.depth <= other.depth
    assert slower.loop("normalise").depth < faster.loop("normalise").depth
