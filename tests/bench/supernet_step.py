"""What a step of supernet training costs beside plain timm ViTs of the same shapes.

    python tests/bench/supernet_step.py [--json OUT] [--shapes digits small28 tiny small]
        [--no-memory]

One thread, CPU time, the sides taking turns within one run; medians. `step_ratio`: forward and
backward of the largest, the smallest and a random subnet, fake-quantized, over the same of timm
ViTs in float32, block by block of the same shapes. `float_ratio`: the same with quantization left
out of the step, which is what slicing and a ViT without fused attention cost: the floor.
`bfloat16_ratio`: the fake-quantized step with matrices multiplied in bfloat16, over timm's in
float32; absent where the processor has no instructions for it.
`eval_ratio`: images a second of a subnet that is sliced from the supernet for each batch, over
those of the extracted one. `peak_mib`: growth of the resident memory by a deit_small step, in a
process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from qnas._util.serialization import write_atomically
from qnas._util.timm_support import import_timm
from qnas.architecture import Architecture
from qnas.space import SearchSpace
from qnas.spaces import load_space
from qnas.supernet.cpu import native
from qnas.supernet.forward import forward
from qnas.supernet.model import Supernet

MEMORY_BATCH = 8
REPEATS = 5


@dataclass(frozen=True)
class Shape:
    """A space, a batch, and how often the two sides take turns."""

    space: SearchSpace
    batch: int
    turns: int = REPEATS


def shapes() -> dict[str, Shape]:
    tiny = SearchSpace(
        name="tiny_192",
        image_size=64,
        patch_size=8,
        in_channels=3,
        num_classes=100,
        head_dim=64,
        embed_dims=(128, 192),
        depths=(3, 4),
        num_heads=(2, 3),
        mlp_ratios=(3.0, 4.0),
    )
    small = SearchSpace(
        name="small_384",
        image_size=112,
        patch_size=16,
        in_channels=3,
        num_classes=1000,
        head_dim=64,
        embed_dims=(320, 384),
        depths=(2, 3),
        num_heads=(5, 6),
        mlp_ratios=(3.0, 4.0),
    )
    return {
        "digits": Shape(load_space("digits"), 64, turns=4 * REPEATS),
        "small28": Shape(load_space("small28"), 128),
        "tiny": Shape(tiny, 32),
        "small": Shape(small, 32),
    }


def measure(shape: Shape) -> dict[str, float]:
    torch.manual_seed(0)
    space = shape.space
    side, classes = space.image_size, space.num_classes
    images = torch.randn(shape.batch, space.in_channels, side, side)
    labels = torch.randint(0, classes, (shape.batch,))
    supernet = Supernet(space, input_step=1 / 31)
    supernet.initialise_steps(images)
    subnets = [space.largest(), space.smallest(), space.sample(Random(0))]
    models = [timm_vit(arch) for arch in subnets]
    largest, extracted = space.largest(), supernet.extract(space.largest())

    def sandwich() -> None:
        supernet.zero_grad(set_to_none=True)
        for arch in subnets:
            F.cross_entropy(supernet(images, arch), labels).backward()

    def plain() -> None:
        for model in models:
            model.zero_grad(set_to_none=True)
            F.cross_entropy(model(images), labels).backward()

    def unquantized() -> None:
        supernet.zero_grad(set_to_none=True)
        for arch in subnets:
            logits = forward(supernet.slice(arch), images, quantize=False)
            F.cross_entropy(logits, labels).backward()

    def bfloat16() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            sandwich()

    works = [sandwich, plain, unquantized, *([bfloat16] if native.multiplies_bfloat16() else [])]
    step, reference, floor, *half = side_by_side(*works, turns=shape.turns)
    with torch.no_grad():
        sliced, alone = side_by_side(
            lambda: supernet(images, largest), lambda: extracted(images), turns=2 * shape.turns
        )
    return {
        "batch": shape.batch,
        "subnets": len(subnets),
        "step_ms": round(1e3 * step, 1),
        "timm_step_ms": round(1e3 * reference, 1),
        "step_ratio": round(step / reference, 3),
        "float_ratio": round(floor / reference, 3),
        **({"bfloat16_ratio": round(half[0] / reference, 3)} if half else {}),
        "eval_ratio": round(alone / sliced, 3),
        "eval_images_per_s": round(shape.batch / sliced, 1),
    }


def timm_vit(arch: Architecture) -> Any:
    """timm's ViT with these blocks, each of its own shape."""
    timm = import_timm("timm.models.vision_transformer")
    model = timm.VisionTransformer(
        img_size=arch.image_size,
        patch_size=arch.patch_size,
        in_chans=arch.in_channels,
        num_classes=arch.num_classes,
        embed_dim=arch.embed_dim,
        depth=1,
        num_heads=1,
    )
    model.blocks = torch.nn.Sequential(
        *(
            timm.Block(
                arch.embed_dim,
                block.num_heads,
                mlp_ratio=block.mlp_hidden / arch.embed_dim,
                qkv_bias=True,
                attn_layer=_attention(block.num_heads * arch.head_dim),
            )
            for block in arch.blocks
        )
    )
    return model


def _attention(width: int) -> Any:
    """timm's attention with H * K of its own, which need not be the embedding's width."""
    attention = import_timm("timm.layers").Attention

    class Elastic(attention):  # type: ignore[misc, valid-type]
        def __init__(self, dim: int, num_heads: int, **settings: Any) -> None:
            super().__init__(width, num_heads, **settings)
            self.qkv = torch.nn.Linear(dim, 3 * width)
            self.proj = torch.nn.Linear(width, dim)

    return Elastic


def side_by_side(*works: Callable[[], object], turns: int) -> list[float]:
    """Median CPU seconds of each, after one run of each that does not count."""
    for run in works:
        run()
    times = [[seconds(run) for run in works] for _ in range(turns)]
    return [statistics.median(each) for each in zip(*times, strict=True)]


def seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def peak_mib(*, checkpoint_activations: bool) -> float:
    """In a process of its own: the peak of a process never falls."""
    command = [sys.executable, __file__, "--peak", str(int(checkpoint_activations))]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(out)


def own_peak_mib(*, checkpoint_activations: bool) -> float:
    """Growth of this process's peak by one deit_small sandwich step."""
    space = load_space("deit_small")
    supernet = Supernet(space, input_step=1 / 31)
    side = space.image_size
    images = torch.randn(MEMORY_BATCH, space.in_channels, side, side)
    supernet.initialise_steps(images[:1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for arch in (space.largest(), space.smallest()):
        loss: Tensor = supernet(images, arch, checkpoint_activations=checkpoint_activations)
        loss.square().mean().backward()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--shapes", nargs="+", choices=tuple(shapes()), default=tuple(shapes()))
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak is not None:
        print(own_peak_mib(checkpoint_activations=bool(options.peak)))
        return
    details = {name: measure(shapes()[name]) for name in options.shapes}
    found: dict[str, Any] = {
        "step_ratio": max(d["step_ratio"] for d in details.values()),
        "eval_ratio": min(d["eval_ratio"] for d in details.values()),
        "shapes": details,
    }
    if not options.no_memory:
        found["peak_batch"] = MEMORY_BATCH
        found["peak_mib"] = round(peak_mib(checkpoint_activations=False))
        found["peak_mib_checkpointed"] = round(peak_mib(checkpoint_activations=True))
    text = json.dumps(found, indent=1)
    print(text)
    if options.json:
        write_atomically(options.json, text + "\n")


if __name__ == "__main__":
    main()
