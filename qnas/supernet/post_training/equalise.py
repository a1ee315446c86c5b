"""Equalisation: channels of one tensor are scaled to like ranges, and the matrices around undo it.

All channels of an activation share one step, so that a channel of small range gets few levels. In
floating point nothing changes: LayerNorm's gain and bias take a scale 1/s of each channel, and the
columns of the matrices behind it s; the rows of the queries take 1/s, and those of the keys s (as
in arXiv:1906.04721 and arXiv:2211.10438). s is a power of the channels' ranges; the exponent is the
one, of a few, with the least error of the product on the samples, and may be 0.

Bias correction: the mean of each row's output is that of the floating-point network. The mean error
of a row is its weights' error times the inputs' mean, and its weights times the mean error of the
inputs, which earlier matrices cause; matrices are therefore corrected in the network's order
(arXiv:1906.04721).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import torch
from torch import Tensor

from qnas.architecture import Architecture
from qnas.supernet.forward import forward
from qnas.supernet.model import Supernet
from qnas.supernet.post_training.samples import BATCH, Samples, consumers
from qnas.supernet.post_training.steps import least_error, quantizer_of, row_steps
from qnas.supernet.weights import W4, W8

EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
PAIRS = tuple(product((0.0, 0.25, 0.5, 0.75), repeat=2))
TOKENS, SCORE_TOKENS = 1024, 256
RANGE = 0.99  # quantile of a channel's magnitudes that counts as its range
LEAST_RANGE = 1e-3  # of the largest range: silent channels are not blown up


@torch.no_grad()
def equalise(supernet: Supernet, samples: Samples) -> Iterator[str]:
    """Scale the channels of the supernet's largest subnet, and `samples` likewise; yields the name
    of each tensor after it is done."""
    arch = supernet.space.largest()
    weights = supernet.slice(arch)
    for name, parts in consumers(weights):
        if name not in weights.norms:
            continue  # a quantizer or GELU lies between the scales
        scale = _scale_of_inputs(name, supernet, arch, samples, parts)
        norm = supernet.norm_of(name)
        norm.gain.div_(scale)
        norm.bias.div_(scale)
        for part in parts:
            supernet.matrix(part).weight.mul_(scale)
            samples[f"{part}.inputs"] = samples[f"{part}.inputs"] / scale
        samples[name] = samples[name] / scale
        yield name
    for index, block in enumerate(arch.blocks):
        names = f"block{index}.q", f"block{index}.k"
        scale = _scale_of_scores(names, arch, samples, block.num_heads)
        for part, factor in zip(names, (1 / scale, scale), strict=True):
            matrix = supernet.matrix(part)
            matrix.weight.mul_(factor[:, None])
            matrix.bias.mul_(factor)
            samples[part] = samples[part] * factor
        yield f"block{index}.scores"


def _ranges(x: Tensor) -> Tensor:
    found = x.abs().quantile(RANGE, dim=0)
    return found.clamp_min(LEAST_RANGE * found.amax().clamp_min(1e-12))


def _power(ranges: Tensor, exponent: float) -> Tensor:
    """`ranges` to a power, around 1."""
    logs = ranges.log()
    return ((logs - logs.mean()) * exponent).exp()


def _scale_of_inputs(
    name: str, supernet: Supernet, arch: Architecture, samples: Samples, parts: Sequence[str]
) -> Tensor:
    """The scale (C,) of the channels of an activation that matrices take in."""
    x = _spread(samples[name], TOKENS)
    weight = torch.cat([supernet.matrix(part).weight for part in parts])
    target, quantizer = x @ weight.T, quantizer_of(name, arch)

    def error(scale: Tensor) -> float:
        scaled, matrix = x / scale, weight * scale
        step = least_error(scaled, quantizer, matrix.square().sum(dim=0))
        inputs, power = quantizer(scaled, step), scaled.square().mean(dim=0)
        return sum(
            (inputs @ _on_grid(matrix, power, bounds).T - target).square().mean().item()
            for bounds in (W4, W8)
        )

    scales = [_power(_ranges(x), exponent) for exponent in EXPONENTS]
    return min(scales, key=error)


def _on_grid(weight: Tensor, power: Tensor, bounds: tuple[int, int]) -> Tensor:
    step = row_steps(weight, power, bounds)[:, None]
    return (weight / step).round().clamp(*bounds) * step


def _scale_of_scores(
    names: tuple[str, str], arch: Architecture, samples: Samples, heads: int
) -> Tensor:
    """The scale (heads * K,) of the channels of queries against keys."""
    query, key = (_spread(samples[name], SCORE_TOKENS) for name in names)
    target = _scores(query, key, heads)

    def error(scale: Tensor) -> float:
        pair = query / scale, key * scale
        weights = [other.square().mean(dim=0) for other in reversed(pair)]
        quantizers = [quantizer_of(name, arch) for name in names]
        q, k = (
            quantizer(x, least_error(x, quantizer, weight))
            for quantizer, x, weight in zip(quantizers, pair, weights, strict=True)
        )
        return (_scores(q, k, heads) - target).square().mean().item()

    ranges = _ranges(query), _ranges(key)
    scales = [_power(ranges[0], a) / _power(ranges[1], b) for a, b in PAIRS]
    return min(scales, key=error)


def _scores(query: Tensor, key: Tensor, heads: int) -> Tensor:
    q, k = (x.view(len(x), heads, -1).transpose(0, 1) for x in (query, key))
    scores: Tensor = q @ k.transpose(1, 2)
    return scores


def _spread(x: Tensor, count: int) -> Tensor:
    """About `count` rows of x, evenly spread."""
    return x[:: max(1, len(x) // count)]


IMAGES = 128  # of which both networks' means are, so that their difference is of quantization alone


@torch.no_grad()
def correct_biases(supernet: Supernet, images: Tensor) -> Iterator[str]:
    """Correct the biases of the largest subnet, whose 8-bit rows all subnets share, on images (B,
    C, H, W); yields the name of each group of matrices after it is done."""
    arch, few = supernet.space.largest(), images[:IMAGES]
    groups = list(_groups(arch.depth))
    exact = _means(supernet, few, {name for group in groups for name in group}, quantize=False)
    for group in groups:
        means = _means(supernet, few, set(group))
        weights = supernet.slice(arch)
        for name in group:
            matrix = weights.matrices[name]
            wanted = matrix.weight @ exact[name]
            supernet.matrix(name).bias.add_(wanted - matrix.quantized() @ means[name])
        yield group[0]


def _groups(depth: int) -> Iterator[tuple[str, ...]]:
    yield ("stem",)
    for index in range(depth):
        block = f"block{index}"
        yield tuple(f"{block}.{part}" for part in "qkv")
        for part in ("proj", "fc1", "fc2"):
            yield (f"{block}.{part}",)
    yield ("head",)


def _means(
    supernet: Supernet, images: Tensor, names: set[str], *, quantize: bool = True
) -> dict[str, Tensor]:
    """Mean inputs of the matrices `names`."""
    sums: dict[str, Tensor] = {}
    counts = dict.fromkeys(names, 0)

    def observe(name: str, x: Tensor) -> None:
        matrix = name.removesuffix(".inputs")
        if matrix in names and matrix != name:
            tokens = x.flatten(0, -2)
            sums[matrix] = sums.get(matrix, 0) + tokens.sum(dim=0)
            counts[matrix] += len(tokens)

    weights = supernet.slice(supernet.space.largest())
    for batch in torch.split(images, BATCH):
        forward(weights, batch, quantize=quantize, observe=observe)
    return {name: sums[name] / counts[name] for name in names}
