"""Speed of C simulation: whole networks, every value of every stage compared.

    python tests/bench/csim_speed.py [--small] [--json OUT]

GMAC: multiplications of whole weights and of attention, an 8-bit row counted once; by the
processor time of the kernel, which is one thread. `packed` makes four products a DSP and splits
their fields, as the hardware does; `plain` makes the same sums one product at a time.
`seconds_per_image_deit_tiny` is what a user waits for one image of a 224-pixel DeiT-T-sized subnet
once its kernel is compiled: the reference's values, the simulation, the comparison, and looking up
what is compiled; `verified_processor_s` is the processor's part of it. Xilinx's headers simulate a
small network. With --small all is of that size.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from qnas.accel.csim.toolchain import Toolchain, find_ap_int
from qnas.accel.csim.verify import Verification, verify_project
from qnas.accel.device import load_device
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.hls.emit.project import emit_project
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.operations import Gemm, network_operations
from qnas.testing.random_network import random_network

FOLDING = Folding(tm=16, tt=8, tk=16, vl=4, drain_pairs=4, score_pairs=4)


def vit(size: int, dim: int, depth: int, *, activation_bits: int = 6) -> Architecture:
    block = BlockSpec(dim // 64, 4 * dim, W8Shares(4, 4, 4, 4))
    return Architecture(
        image_size=size,
        patch_size=16,
        in_channels=3,
        num_classes=1000 if size == 224 else 10,
        embed_dim=dim,
        head_dim=64,
        blocks=(block,) * depth,
        activation_bits=activation_bits,
    )


def simulate(arch: Architecture, toolchain: Toolchain) -> dict[str, dict[str, Any]]:
    """One image with packed products and with plain ones, by one compiled kernel. Asserts that
    nothing differs."""
    device, network = load_device("zcu102"), random_network(arch, 0)
    plan, rng = lower(arch, device, FOLDING), np.random.default_rng(0)
    shape = (1, arch.in_channels, arch.image_size, arch.image_size)
    images = rng.uniform(-1, 1, shape).astype(np.float32)
    labels = np.zeros(1, dtype=np.int64)
    with tempfile.TemporaryDirectory(prefix="qnas-bench-") as folder:
        project = Path(folder) / "project"
        files = emit_project(
            [KernelNetwork(network, plan, "bench")], name="bench", images=images, labels=labels
        )
        files.write(project)
        fresh = replace(toolchain, cache=Path(folder) / "cache")
        start = time.monotonic()
        fresh.compile(project, Path(folder) / "build")
        compile_s = time.monotonic() - start
        runs: dict[str, dict[str, Any]] = {}
        for name, packed in {"packed": 1, "plain": 0}.items():
            before = sum(os.times()[:4])
            (found,) = verify_project(
                project, [network], images, labels, toolchain=fresh, packed_images=packed
            )
            spent = sum(os.times()[:4]) - before
            figures = {"compile_s": round(compile_s, 2), "verified_processor_s": round(spent, 2)}
            runs[name] = _figures(arch, found) | figures
    return runs


def _figures(arch: Architecture, found: Verification) -> dict[str, Any]:
    assert found.mismatches == 0, found.first_mismatch
    gemms = [op for op in network_operations(arch) if isinstance(op, Gemm)]
    macs = sum(op.rows * op.tokens * op.inner for op in gemms)
    return {
        "gmac": round(macs / 1e9, 4),
        "kernel_s": round(found.simulated_seconds, 3),
        "verified_s": round(found.seconds, 2),
        "gmac_per_s": round(macs / 1e9 / found.simulated_seconds, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    small, ap_int = vit(64, 64, 2), find_ap_int()
    network = small if options.small else vit(224, 192, 12)
    runs = simulate(network, Toolchain())
    if ap_int is not None:
        runs["ap_int_small"] = simulate(small, Toolchain(ap_int=ap_int))["packed"]
    found = {
        "gmac_per_s_standin": runs["plain"]["gmac_per_s"],
        "gmac_per_s_standin_packed": runs["packed"]["gmac_per_s"],
        "gmac_per_s_ap_int": runs["ap_int_small"]["gmac_per_s"] if ap_int else None,
        "seconds_per_image_deit_tiny": None if options.small else runs["packed"]["verified_s"],
        "compile_s": runs["packed"]["compile_s"],
        "runs": runs,
    }
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    for name, run in runs.items():
        print(f"{name:14} {run}")
    print(json.dumps({k: v for k, v in found.items() if k != "runs"}))


if __name__ == "__main__":
    main()
