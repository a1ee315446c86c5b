"""What a wider weight stream would give: the fastest folding with ports of one, two and four times
the device's width.

    python tests/bench/ports.py [--json OUT]

A stream twice as wide is what two ports side by side bring. The image port widens with it here, so
the ratios are a little more than what the weight stream alone would give. Widths that the memory
does not sustain are left out (null).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from qnas.accel.device import Device, load_device
from qnas.architecture import Architecture
from qnas.errors import ConfigError
from qnas.objectives.folding_search import best_plan
from qnas.spaces import load_space
from tests.bench.cost_model import deit_small

BOARDS = ("zcu102", "zcu104", "kv260", "ultra96", "pynq_z2")
TIMES = (1, 2, 4)


def networks() -> dict[str, Architecture]:
    small = deit_small()
    thin = tuple(replace(b, num_heads=3, mlp_hidden=4 * 192) for b in small.blocks)
    return {
        "digits": load_space("digits").largest(),
        "deit_tiny": replace(small, embed_dim=192, blocks=thin),
        "deit_small": small,
    }


def fps(arch: Architecture, device: Device, times: int) -> float | None:
    """Images a second; None if memory does not sustain the width, or nothing fits."""
    try:
        wider = replace(device, port_bits=times * device.port_bits)
    except ConfigError:
        return None
    _, found = best_plan(arch, wider)
    fits = all(getattr(found.resources, r) <= n for r, n in wider.limits().items())
    return round(found.fps, 1) if fits else None


def measure(boards: tuple[str, ...] = BOARDS) -> dict[str, dict[str, list[float | None]]]:
    """Of each board and network the rate at each of `TIMES`."""
    return {
        board: {
            name: [fps(arch, load_device(board), times) for times in TIMES]
            for name, arch in networks().items()
        }
        for board in boards
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    found = measure()
    if options.json:
        options.json.write_text(json.dumps({"times": TIMES, "fps": found}, indent=1) + "\n")
    for board, rates in found.items():
        for name, row in rates.items():
            base = row[0]
            shown = (f"{x:9,.1f} ({x / base:.2f}x)" if x and base else "-" for x in row)
            print(f"{board:8} {name:10} {'  '.join(shown)}")


if __name__ == "__main__":
    main()
