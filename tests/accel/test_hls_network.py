"""Whole networks in C++: equal to the integer reference, bit for bit, loop for loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qnas.accel.folding import Folding
from qnas.accel.toolchain import PLAIN_MAC, Toolchain, find_ap_int
from qnas.accel.verify import verify_project
from qnas.architecture import Architecture, BlockSpec, W8Shares
from tests.accel.projects import QUICK, Design, design, random_design, small

FAST_SEEDS = range(3)
MORE_SEEDS = range(3, 28)


def check(design: Design, directory: Path, toolchain: Toolchain = QUICK) -> None:
    project = design.write(directory / "project")
    found = verify_project(
        project, design.network, design.images, design.labels, toolchain=toolchain
    )
    assert found.first_mismatch is None, f"{design.plan.folding}: {found.first_mismatch}"
    assert found.mismatches == 0


@pytest.mark.parametrize("seed", FAST_SEEDS)
def test_random_designs(tmp_path: Path, seed: int) -> None:
    check(random_design(seed), tmp_path)


def test_several_pairs_a_cycle_across_token_groups(tmp_path: Path) -> None:
    """4 queries into 5 token banks: every alignment, and a tile beyond the last of 10 rows."""
    arch = replace(small().network.architecture, head_dim=6)
    check(design(arch, Folding(tm=16, tt=5, tk=8, vl=4, drain_pairs=4)), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_more_random_designs(tmp_path: Path, seed: int) -> None:
    check(random_design(seed), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(9))
def test_every_share_of_8_bit_rows(tmp_path: Path, share: int) -> None:
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
    )
    check(design(arch, Folding(tm=8, tt=2, tk=4, vl=2), seed=share), tmp_path)


def test_optimised_code_gives_the_same(tmp_path: Path) -> None:
    check(small(), tmp_path, Toolchain(flags=("-O2",)))


def test_products_one_by_one_give_the_same(tmp_path: Path) -> None:
    check(small(), tmp_path, Toolchain(flags=("-O0", PLAIN_MAC)))


def test_no_undefined_behaviour(tmp_path: Path) -> None:
    """AddressSanitizer and UndefinedBehaviorSanitizer find nothing."""
    flags = ("-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    check(small(), tmp_path, Toolchain(flags=flags))


def test_xilinx_headers_give_the_same(tmp_path: Path) -> None:
    """Vendor C simulation: Xilinx's ap_int and unbounded streams, one process after the other."""
    ap_int = find_ap_int()
    if ap_int is None:
        pytest.skip("Xilinx's ap_int headers are not installed (pip install --no-deps hls4ml)")
    check(small(), tmp_path, Toolchain(flags=("-O0",), ap_int=ap_int))
