"""What the width of rows costs a trained supernet: all rows in 8 bits, half of them, all in 4.

    python tests/bench/widths.py [runs/NAME] [--images 10000] [--json OUT]

Of a run that `qnas train` has filled (without one: of digits, trained for `--epochs`), top-1
accuracy on the report split, in three states:

- trained: the supernet after its quantization-aware phase; largest, middle and smallest subnet;
- calibrated as the training does at the end of its floating-point phase, nothing trained after it;
- calibrated as `qnas quantize` does, nothing trained after it.

The last two are of the largest subnet alone, the only one that a floating-point phase trains, and
each with activations of 6 and of 8 bits. What no hardware here computes is added to the last one:
all rows of the blocks in 3 and in 2 bits, with the steps of the least error of their outputs.
`lost` is what an accuracy loses to that of all rows in 8 bits, in points, with a 95 % interval of
the paired difference over the images.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from racing import trained
from torch import Tensor

from qnas._util.serialization import write_json
from qnas.architecture import ACTIVATION_BITS, EIGHTHS, Architecture
from qnas.data.image_set import Images
from qnas.objectives.accuracy import AccuracyEvaluator
from qnas.studies.open_run import OpenRun, open_run
from qnas.studies.run.pretrained import POST_TRAINING
from qnas.supernet.model import Supernet
from qnas.supernet.post_training.calibrate import calibrate
from qnas.supernet.post_training.samples import sampled
from qnas.supernet.post_training.steps import row_steps
from qnas.supernet.quantizers import fake_quantize_rows
from qnas.training.checkpoint import PRETRAINED, load_pretrained_state
from qnas.training.loop import CALIBRATION_IMAGES

SHARES = {"all 8": EIGHTHS, "half": EIGHTHS // 2, "all 4": 0}
NARROW = (3, 2)  # bits
QUANTIZED = "calibrated by quantize"
NORMAL_95 = 1.96


@dataclass(frozen=True)
class Widths:
    """Accuracies of one subnet, 0..1, by label, and the points that they lose to the first."""

    state: str
    subnet: str
    activation_bits: int
    images: int
    floating: float
    accuracy: dict[str, float]
    lost: dict[str, tuple[float, float, float]]


def measured(run: OpenRun, *, images: int) -> Iterator[Widths]:
    """The accuracies of a run's supernet in each state."""
    report = run.loaded_subset("report", at_most=images)
    names = ("smallest", "middle", "largest")
    for name, arch in zip(names, run.space.reference_subnets(), strict=True):
        yield widths_of("trained", name, shares(run.supernet, arch), *report)
    if not (run.path / PRETRAINED).exists():
        return
    for bits in ACTIVATION_BITS:
        for state, net in untrained(run, bits):
            arch = net.space.largest()
            nets = shares(net, arch)
            if state == QUANTIZED and bits == ACTIVATION_BITS[0]:
                few, given = calibration_images(run), floating(run, bits)
                calibrate(given, few, replace(POST_TRAINING, correct_bias=False), lambda *_: None)
                for width in NARROW:
                    nets[f"{width} bits"] = narrowed(given, few, width), arch.with_shares(EIGHTHS)
            yield widths_of(state, "largest", nets, *report)


def shares(net: Supernet, arch: Architecture) -> dict[str, tuple[Supernet, Architecture]]:
    return {label: (net, arch.with_shares(eighths)) for label, eighths in SHARES.items()}


def untrained(run: OpenRun, activation_bits: int) -> Iterator[tuple[str, Supernet]]:
    """The supernet at the end of its floating-point phase, calibrated in both ways."""
    few = calibration_images(run)
    for state in ("calibrated by the training", QUANTIZED):
        net = floating(run, activation_bits)
        if state == QUANTIZED:
            calibrate(net, few, POST_TRAINING, lambda *_: None)
        else:
            net.calibrate(few)
        yield state, net


def calibration_images(run: OpenRun) -> Tensor:
    return torch.from_numpy(run.loaded_subset("train", at_most=CALIBRATION_IMAGES)[0][:])


def floating(run: OpenRun, activation_bits: int) -> Supernet:
    """The supernet at the end of its floating-point phase."""
    space = replace(run.space, activation_bits=activation_bits)
    net = Supernet(space, input_step=run.images.step_for(activation_bits)).eval()
    net.load_state_dict(load_pretrained_state(run.path))
    return net


@torch.no_grad()
def narrowed(net: Supernet, images: Tensor, bits: int) -> Supernet:
    """A copy whose largest subnet has all rows of its blocks on grids of `bits` bits."""
    copied = copy.deepcopy(net)
    weights = copied.slice(copied.space.largest())
    samples = sampled(weights, images)
    bounds = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    for name in weights.matrices:
        if name not in ("stem", "head"):
            matrix = copied.matrix(name)
            power = samples[f"{name}.inputs"].square().mean(dim=0)
            step = row_steps(matrix.weight, power, bounds)
            grid = fake_quantize_rows(matrix.weight, step.log()[:, None], *bounds)
            matrix.weight.copy_(grid)
            matrix.log_step8.copy_(step.log())  # whose grid has these values exactly
    return copied


def widths_of(
    state: str,
    subnet: str,
    nets: Mapping[str, tuple[Supernet, Architecture]],
    images: Images,
    labels: NDArray[np.int64],
) -> Widths:
    """The row of `nets`, by label; the first one is what the others are compared with."""
    order = np.arange(len(images))
    wrong = {
        label: AccuracyEvaluator(net, images, labels).wrong(arch, order, None).astype(float)
        for label, (net, arch) in nets.items()
    }
    base, *others = wrong
    net, arch = nets[base]
    return Widths(
        state,
        subnet,
        arch.activation_bits,
        len(order),
        AccuracyEvaluator(net, images, labels).float_top1(arch),
        {label: 1.0 - float(flags.mean()) for label, flags in wrong.items()},
        {label: difference(wrong[label], wrong[base]) for label in others},
    )


def difference(flags: NDArray[np.float64], base: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean of the paired difference in points, and both ends of its 95 % interval."""
    lost = 100.0 * (flags - base)
    mean, half = lost.mean(), NORMAL_95 * lost.std(ddof=1) / len(lost) ** 0.5
    return round(mean, 3), round(mean - half, 3), round(mean + half, 3)


def text(row: Widths) -> str:
    cells = "  ".join(f"{name} {100 * top1:.2f} %" for name, top1 in row.accuracy.items())
    lost = ", ".join(
        f"{name} {mean:.2f} ({low:.2f} to {high:.2f})"
        for name, (mean, low, high) in row.lost.items()
    )
    head = f"{row.state}, {row.subnet}, {row.activation_bits}-bit activations"
    return f"{head}: float {100 * row.floating:.2f} %  {cells}  lost: {lost}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("run", type=Path, nargs="?", help="A run whose supernet is trained.")
    parser.add_argument("--epochs", type=int, default=130, help="Of digits, without a run.")
    parser.add_argument("--images", type=int, default=10_000, help="At most, of the report split.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with TemporaryDirectory() as folder:
        path = arguments.run or trained(None, Path(folder), arguments.epochs).files.path
        run = open_run(path, trust=True)
        for row in measured(run, images=arguments.images):
            rows.append(row)
            print(text(row), flush=True)
    if arguments.json:
        write_json(arguments.json, {"run": run.config.name, "rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    main()
