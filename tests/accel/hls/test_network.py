"""Whole networks in C++: equal to the integer reference, bit for bit, loop for loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from qnas.accel.csim.toolchain import Toolchain, find_ap_int
from qnas.accel.csim.verify import verify_project
from qnas.accel.plan.folding import Folding
from qnas.architecture import ACTIVATION_BITS, Architecture, BlockSpec, W8Shares
from tests.accel.corners import CORNERS, Corner, at_corner
from tests.accel.projects import (
    QUICK,
    Design,
    batch_of,
    design,
    lanes,
    random_design,
    several_ports,
    small,
    two_images,
)

FAST_SEEDS = range(3)
MORE_SEEDS = range(3, 18)
REST = range(18, 42)  # for `make verify-full`


def check(
    design: Design,
    directory: Path,
    toolchain: Toolchain = QUICK,
    *,
    packed_images: int | None = None,
) -> None:
    project = design.write(directory / "project")
    (found,) = verify_project(
        project,
        [design.network],
        design.images,
        design.labels,
        toolchain=toolchain,
        packed_images=packed_images,
    )
    assert found.first_mismatch is None, f"{design.plan.folding}: {found.first_mismatch}"
    assert found.mismatches == 0


@pytest.mark.parametrize("seed", FAST_SEEDS)
def test_random_designs(tmp_path: Path, seed: int) -> None:
    check(random_design(seed, batch=batch_of(seed)), tmp_path)


def _four_pairs() -> Design:
    """4 queries into 5 token banks: every alignment, and a tile beyond the last of 10 rows."""
    arch = replace(small().network.architecture, head_dim=6)
    return design(arch, Folding(tm=16, tt=5, tk=8, vl=4, drain_pairs=4, score_pairs=4))


def test_several_pairs_a_cycle_across_token_groups(tmp_path: Path) -> None:
    check(_four_pairs(), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [*MORE_SEEDS, *(pytest.param(seed, marks=pytest.mark.full) for seed in REST)]
)
def test_more_random_designs(tmp_path: Path, seed: int) -> None:
    check(random_design(seed, batch=batch_of(seed)), tmp_path)


def _of_share(share: int) -> Design:
    """All rows of one share; activations of 8 bits where it is odd."""
    arch = Architecture(
        image_size=6,
        patch_size=2,
        in_channels=1,
        num_classes=5,
        embed_dim=16,
        head_dim=6,
        blocks=(BlockSpec(1, 20, W8Shares(share, share, share, share)),),
        stem_w8=share,
        head_w8=share,
        activation_bits=ACTIVATION_BITS[share % 2],
    )
    return design(arch, Folding(tm=8, tt=2, tk=4, vl=2), seed=share)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(9))
def test_every_share_of_8_bit_rows(tmp_path: Path, share: int) -> None:
    check(_of_share(share), tmp_path)


def test_the_designs_of_this_file_are_fifty_of_every_sort() -> None:
    """Of each one the iterations of every loop of every stage are counted: `verify_project`."""
    designs = [
        random_design(seed, batch=batch_of(seed)) for seed in (*FAST_SEEDS, *MORE_SEEDS, *REST)
    ]
    designs += [_four_pairs(), *(_of_share(share) for share in range(9))]
    pairs = {(d.plan.architecture, d.plan.folding, d.plan.ports[0].bits) for d in designs}
    assert len(pairs) == len(designs) >= 50
    sorts = Counter((d.plan.activation_bits, lanes(d.plan)) for d in designs)
    assert set(sorts) == set(product(ACTIVATION_BITS, ("dsp", "lut", "mixed")))
    assert min(sorts.values()) >= 3
    dsps = {(d.plan.dsp_wide_bits, d.plan.packing.products) for d in designs}
    assert dsps == {(27, 4), (27, 2), (25, 4), (25, 2)}
    assert {d.plan.folding.drain_pairs for d in designs} >= {1, 2, 4}
    heads = Counter(
        (d.plan.folding.head_buffers, max(b.num_heads for b in d.plan.architecture.blocks))
        for d in designs
    )
    assert min(heads[2, count] for count in (1, 2, 3)) >= 3
    passes = Counter((d.plan.folding.batch, d.plan.folding.head_buffers) for d in designs)
    assert min(passes[batch, buffers] for batch in (1, 2, 3) for buffers in (1, 2)) >= 3
    ports = Counter(d.plan.folding.weight_ports for d in designs)
    assert ports[1] > ports[2] >= 8 and ports[4] >= 8 and ports[8] >= 3
    assert {d.plan.stream_bits for d in designs} == {64, 128, 256, 512, 1024}


@pytest.mark.slow
@pytest.mark.parametrize("corner", CORNERS)
def test_the_ends_of_every_format(tmp_path: Path, corner: Corner) -> None:
    check(at_corner(small(), corner), tmp_path)


def test_optimised_code_gives_the_same(tmp_path: Path) -> None:
    check(small(), tmp_path, Toolchain())


def test_products_one_by_one_give_the_same(tmp_path: Path) -> None:
    check(small(), tmp_path, packed_images=0)


@pytest.mark.parametrize("chosen", [two_images, several_ports])
def test_no_undefined_behaviour(tmp_path: Path, chosen: Callable[[], Design]) -> None:
    """AddressSanitizer and UndefinedBehaviorSanitizer find nothing."""
    flags = ("-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    check(chosen(), tmp_path, Toolchain(flags=flags))


@pytest.mark.parametrize(
    "chosen", [pytest.param(two_images, marks=pytest.mark.slow), several_ports]
)
def test_xilinx_headers_give_the_same(tmp_path: Path, chosen: Callable[[], Design]) -> None:
    """Vendor C simulation: Xilinx's ap_int and unbounded streams, one process after the other."""
    ap_int = find_ap_int()
    if ap_int is None:
        pytest.skip("Xilinx's ap_int headers are not installed (pip install --no-deps hls4ml)")
    check(chosen(), tmp_path, Toolchain(flags=("-O0",), ap_int=ap_int))


def test_a_softmax_that_ends_in_idle_iterations_is_counted_so(tmp_path: Path) -> None:
    """The engine's loop runs on idly before it ends, and the softmax beside it goes on meanwhile:
    what is left of it then may be nothing, and no loop is entered for that."""
    design = random_design(27)
    check(design, design.write(tmp_path / "project"), toolchain=QUICK)
