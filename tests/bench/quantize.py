"""What quantization without training costs timm ViTs, and which part of the calibration pays.

    python tests/bench/quantize.py --work DIR [--colour FOLDER] [--only NAME ...] [--json OUT]

Three small ViTs of `quantize_models.py` are trained into DIR, unless they are there. Each is then
calibrated as `qnas quantize` does it. `rungs`: top-1 accuracy on images of the report split, with
their number and a 95 % interval: in floating point, with all, half and none of every matrix's rows
in 8 bits; of the half ones after tuning on `--tune-images` images, as integers, and in C++ (on
`--simulated` images). `parts`: relative error of the logits against floating point, with half of
the rows in 8 bits, on `--part-images` images, with each part of the calibration alone and left out.
Activations have 6 bits.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from quantize_models import OwnModel, models, trained

from qnas._util.intervals import accuracy_text, wilson_interval
from qnas._util.serialization import write_json
from qnas.accel.csim.verify import verify_project
from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.hls.emit.project import emit_project
from qnas.architecture import Architecture
from qnas.data import ImageSet, load_data
from qnas.data.splits import Splits, spread
from qnas.objectives.accuracy import AccuracyEvaluator
from qnas.space import SearchSpace
from qnas.studies.run.pretrained import POST_TRAINING, TRAIN, TUNE
from qnas.supernet.export.integer import to_integer
from qnas.supernet.forward import forward
from qnas.supernet.model import Supernet
from qnas.supernet.post_training import PostTraining
from qnas.supernet.post_training.calibrate import calibrate
from qnas.supernet.pretrained import Pretrained
from qnas.supernet.pretrained.load import load_pretrained
from qnas.supernet.pretrained.own_space import own_model
from qnas.training.augmentation import Affine
from qnas.training.loop import train_supernet
from qnas.training.source import ArraySource

ALL, HALF, NONE = 8, 4, 0  # eighths of the rows in 8 bits
LOGIT_IMAGES = 2048
OFF = PostTraining(images=512, steps="percentile", rows=False, equalise=False, correct_bias=False)
ON = POST_TRAINING
PARTS = {
    "largest magnitude": replace(OFF, steps="minmax"),
    "99.9th percentile": OFF,
    "least error of the tensor": replace(OFF, steps="mse"),
    "least error of the products": replace(OFF, steps="output"),
    "percentile, least error of rows": replace(OFF, rows=True),
    "percentile, equalised": replace(OFF, equalise=True),
    "percentile, biases corrected": replace(OFF, correct_bias=True),
    "products and rows": replace(OFF, steps="output", rows=True),
    "products and rows, equalised": replace(OFF, steps="output", rows=True, equalise=True),
    "products and rows, biases corrected": replace(
        OFF, steps="output", rows=True, correct_bias=True
    ),
    "all four": replace(OFF, steps="output", rows=True, equalise=True, correct_bias=True),
}


@dataclass(frozen=True)
class Setting:
    """One model with its data, and how many images each measurement takes."""

    model: OwnModel
    folder: Path
    space: SearchSpace
    data: ImageSet
    splits: Splits
    budgets: argparse.Namespace

    def images(self, split: str, most: int) -> tuple[np.ndarray, np.ndarray]:
        """At most `most` images of a split, spread evenly over it, and their labels."""
        indices = getattr(self.splits, split)
        places = spread(len(indices), most)
        images, labels = self.data.subset(indices[places])
        return images[:], labels

    def imported(self) -> Supernet:
        torch.manual_seed(0)
        net = Supernet(self.space, input_step=self.data.step_for(6))
        load_pretrained(net, Pretrained(str(self.folder)))
        return net.eval()

    def calibrated(self, settings: PostTraining) -> Supernet:
        net = self.imported()
        images, _ = self.images("train", settings.images)
        calibrate(net, torch.from_numpy(images), settings, lambda *_: None)
        return net

    def subnet(self, eighths: int) -> Architecture:
        return self.space.largest().with_shares(eighths)


def setting(name: str, model: OwnModel, budgets: argparse.Namespace) -> Setting:
    folder = trained(model, budgets.work / name)
    data = load_data(model.data, size=model.size, channels=model.channels)
    space = own_model(Pretrained(str(folder)), name=name).space
    return Setting(model, folder, space, data, model.split(data), budgets)


def rungs(one: Setting) -> Iterator[tuple[str, float, int]]:
    """Each rung, its accuracy, and the number of images."""
    images, labels = one.images("report", one.budgets.report_images)
    half, count = one.subnet(HALF), len(labels)
    given = one.imported()  # calibration may change biases, and so the network in floating point
    yield "float", AccuracyEvaluator(given, images, labels).float_top1(half), count
    net = one.calibrated(ON)
    evaluator = AccuracyEvaluator(net, images, labels)
    for label, eighths in (("all rows in 8 bits", ALL), ("half", HALF), ("none", NONE)):
        yield label, *evaluator.top1([one.subnet(eighths)]), count
    tuned = _tuned(one, net, half)
    yield "half, tuned", *AccuracyEvaluator(tuned, images, labels).top1([half]), count
    training, _ = one.images("train", LOGIT_IMAGES)
    integer = to_integer(tuned, half, training)
    right = integer.predict(images) == labels
    yield "half, tuned, integer", float(right.mean()), count
    board = load_device("zcu102")
    plan, _ = best_plan(half, board)
    few = slice(0, one.budgets.simulated)
    member = KernelNetwork(integer, plan, "half")
    project = emit_project(
        [member], name="half", images=images[:4], labels=labels[:4], device=board
    )
    with tempfile.TemporaryDirectory() as folder:
        project.write(Path(folder) / "project")
        (found,) = verify_project(Path(folder) / "project", [integer], images[few], labels[few])
    if found.mismatches:
        raise SystemExit(f"{found.mismatches} values of the C++ differ")
    yield "the same, C++", found.accuracy, len(labels[few])


def _tuned(one: Setting, net: Supernet, arch: Architecture) -> Supernet:
    """The subnet after an epoch on `--tune-images` training images."""
    images, labels = one.images("train", one.budgets.tune_images)
    start, shift = net.narrowed(arch), Affine(one.model.shift)
    source = ArraySource(images, labels, one.data.num_classes, shift, repr(shift))
    epochs = max(1, round(one.budgets.tune_images / len(labels)))
    with tempfile.TemporaryDirectory() as folder:
        return train_supernet(
            start.space,
            source,
            recipe=replace(TUNE, epochs=epochs).recipe(TRAIN),
            seed=0,
            input_step=start.input_step,
            directory=Path(folder),
            start=start,
        )


@torch.no_grad()
def parts(one: Setting) -> Iterator[tuple[str, float]]:
    """Relative error of the logits with half of the rows in 8 bits, by settings."""
    images = torch.from_numpy(one.images("report", one.budgets.part_images)[0])
    exact = forward(one.imported().slice(one.space.largest()), images, quantize=False)
    for label, settings in PARTS.items():
        found = forward(one.calibrated(settings).slice(one.subnet(HALF)), images)
        yield label, ((found - exact).norm() / exact.norm()).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="Folder of the models.")
    parser.add_argument("--colour", default="", help="Folder of colour images, train/CLASS/IMAGE.")
    parser.add_argument("--only", nargs="+", help="Names of models.")
    parser.add_argument("--epochs", type=int, help="Of every model. [its own]")
    parser.add_argument("--report-images", type=int, default=10_000)
    parser.add_argument("--part-images", type=int, default=1000)
    parser.add_argument("--tune-images", type=int, default=10_000)
    parser.add_argument("--simulated", type=int, default=200)
    parser.add_argument("--json", type=Path)
    budgets = parser.parse_args()
    torch.set_num_threads(1)
    known = {n: m for n, m in models(budgets.colour).items() if n != "cifar10" or budgets.colour}
    result: dict[str, Any] = {}
    for name in budgets.only or known:
        model = known[name]
        if budgets.epochs:
            model = replace(model, epochs=budgets.epochs)
        one = setting(name, model, budgets)
        print(name, flush=True)
        result[name] = found = {"rungs": {}, "parts": {}}
        for label, top1, count in rungs(one):
            low, high = wilson_interval(top1, count)
            found["rungs"][label] = {"top1": top1, "images": count, "low": low, "high": high}
            print(f"  {label:<24} {accuracy_text(top1, count)}", flush=True)
        for label, error in parts(one):
            if not math.isfinite(error):
                raise SystemExit(f"{name}, {label}: no finite logits")
            found["parts"][label] = round(error, 4)
            print(f"  {label:<36} {error:.4f}", flush=True)
        if budgets.json:
            write_json(budgets.json, result)


if __name__ == "__main__":
    main()
