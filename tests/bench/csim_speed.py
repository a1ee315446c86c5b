"""Speed of C simulation: whole networks, every value of every stage compared.

    python tests/bench/csim_speed.py [--json OUT]

One core simulates. GMAC: multiplications of whole weights and of attention, an 8-bit row counted
once. `seconds_per_image_deit_tiny` is the kernel and the comparison of a 224-pixel DeiT-T-sized
subnet; `packed` splits DSPs' fields as the hardware does, `plain` makes the same sums one by one.
Xilinx's headers simulate a small network.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from qnas.accel.device import load_device
from qnas.accel.folding import Folding
from qnas.accel.lower import lower
from qnas.accel.project import emit_project
from qnas.accel.toolchain import PLAIN_MAC, Toolchain, find_ap_int
from qnas.accel.verify import verify_project
from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.operations import Gemm, network_operations
from qnas.random_network import random_network

FOLDING = Folding(tm=16, tt=8, tk=16, vl=4, drain_pairs=4)


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


def simulate(arch: Architecture, toolchain: Toolchain) -> dict[str, Any]:
    """One image; asserts that nothing differs."""
    device, network = load_device("zcu102"), random_network(arch, 0)
    plan, rng = lower(arch, device, FOLDING), np.random.default_rng(0)
    shape = (1, arch.in_channels, arch.image_size, arch.image_size)
    images = rng.uniform(-1, 1, shape).astype(np.float32)
    labels = np.zeros(1, dtype=np.int64)
    with tempfile.TemporaryDirectory(prefix="qnas-bench-") as folder:
        project = Path(folder) / "project"
        files = emit_project(network, plan, name="bench", images=images, labels=labels)
        files.write(project)
        start = time.monotonic()
        toolchain.compile(project, Path(folder) / "build")
        compile_s = time.monotonic() - start
        found = verify_project(project, network, images, labels, toolchain=toolchain)
    assert found.mismatches == 0, found.first_mismatch
    gemms = [op for op in network_operations(arch) if isinstance(op, Gemm)]
    macs = sum(op.rows * op.tokens * op.inner for op in gemms)
    return {
        "gmac": round(macs / 1e9, 4),
        "compile_s": round(compile_s, 2),
        "simulated_s": round(found.simulated_seconds, 3),
        "verified_s": round(found.seconds, 2),
        "gmac_per_s": round(macs / 1e9 / found.simulated_seconds, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    native = ("-O2", "-march=native")
    tiny, small, ap_int = vit(224, 192, 12), vit(64, 64, 2), find_ap_int()
    runs = {
        "plain": simulate(tiny, Toolchain(flags=("-O2", PLAIN_MAC))),
        "plain_native": simulate(tiny, Toolchain(flags=(*native, PLAIN_MAC))),
        "packed": simulate(tiny, Toolchain()),
        "packed_native": simulate(tiny, Toolchain(flags=native)),
        "small_standin": simulate(small, Toolchain()),
    }
    if ap_int is not None:
        runs["small_ap_int"] = simulate(small, Toolchain(ap_int=ap_int))
    found = {
        "gmac_per_s_standin": runs["plain"]["gmac_per_s"],
        "gmac_per_s_standin_packed": runs["packed"]["gmac_per_s"],
        "gmac_per_s_ap_int": runs.get("small_ap_int", {}).get("gmac_per_s"),
        "seconds_per_image_deit_tiny": runs["plain"]["simulated_s"],
        "compile_s": max(run["compile_s"] for run in runs.values()),
        "runs": runs,
    }
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    for name, run in runs.items():
        print(f"{name:14} {run}")
    print(json.dumps({k: v for k, v in found.items() if k != "runs"}))


if __name__ == "__main__":
    main()
