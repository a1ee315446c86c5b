"""What several ports for the weight stream give: the fastest folding of the search beside the
fastest one whose weights come through one port.

    python tests/bench/ports.py [--json OUT]

Both modelled, within the same limits of the same board; the side of one port is the board without
the AXI ports that more of them would need. Boards whose memory feeds one port alone are left out.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cost_model import deit_small

from qnas.accel.device import MIN_AXI_PORTS, Device, device_names, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.architecture import Architecture
from qnas.spaces import load_space


@dataclass(frozen=True)
class Pair:
    """Images a second with one port and with as many as the search takes; None: nothing fits."""

    one_fps: float | None
    fps: float | None
    weight_ports: int


def networks() -> dict[str, Architecture]:
    small = deit_small()
    thin = tuple(replace(b, num_heads=3, mlp_hidden=4 * 192) for b in small.blocks)
    return {
        "digits": load_space("digits").largest(),
        "deit_tiny": replace(small, embed_dim=192, blocks=thin),
        "deit_small": small,
    }


def boards() -> tuple[str, ...]:
    return tuple(name for name in device_names() if load_device(name).most_weight_ports > 1)


def compared(arch: Architecture, device: Device) -> Pair:
    one, _ = _best(arch, replace(device, axi_ports=MIN_AXI_PORTS))
    rate, weight_ports = _best(arch, device)
    return Pair(one, rate, weight_ports)


def _best(arch: Architecture, device: Device) -> tuple[float | None, int]:
    plan, found = best_plan(arch, device)
    fits = all(getattr(found.resources, r) <= n for r, n in device.limits().items())
    return round(found.fps, 1) if fits else None, plan.folding.weight_ports


def measure(names: tuple[str, ...]) -> dict[str, dict[str, Pair]]:
    """By board and network."""
    return {
        board: {name: compared(arch, load_device(board)) for name, arch in networks().items()}
        for board in names
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    found = measure(boards())
    if options.json:
        plain = {
            board: {name: asdict(pair) for name, pair in rows.items()}
            for board, rows in found.items()
        }
        options.json.write_text(json.dumps(plain, indent=1) + "\n")
    for board, rows in found.items():
        for name, pair in rows.items():
            if pair.one_fps and pair.fps:
                times = f"{pair.fps / pair.one_fps:.2f}x with {pair.weight_ports}"
                print(f"{board:8} {name:10} {pair.one_fps:9,.1f} {pair.fps:9,.1f} ({times})")
            else:
                print(f"{board:8} {name:10} nothing fits")


if __name__ == "__main__":
    main()
