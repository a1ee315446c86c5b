"""forward(weights, images): the fake-quantized vision transformer, in the hardware's order.

B batch, N tokens, D embed, H heads, K head dim, M MLP hidden. Pre-norm blocks as in DeiT
(arXiv:2012.12877), with a learned scale per channel after attention and after MLP.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from qnas import numerics as num
from qnas.architecture import Architecture
from qnas.supernet.cpu import fused
from qnas.supernet.quantizers import on_grid
from qnas.supernet.stacks import Stack, plain_matrices, quantized_matrices
from qnas.supernet.weights import SubnetWeights

NORM_EPSILON = 1e-6

# Called as observe(name, tensor): "NAME.inputs" with the input of a matrix, "residual" with the
# residual stream after every addition; with quantization off, "NAME" with the input of a quantizer.
Observer = Callable[[str, Tensor], None]


def forward(
    weights: SubnetWeights,
    images: Tensor,
    *,
    quantize: bool = True,
    observe: Observer | None = None,
    checkpoint_activations: bool = False,
    patches: Tensor | None = None,
) -> Tensor:
    """Compute the logits (B, classes) of images (B, C, H, W).

    With `quantize` off, the network runs in floating point. `observe` receives the tensors from
    which step sizes and row rankings are computed. `checkpoint_activations` stores only the input
    of each block and recomputes the block in the backward pass. With `patches`, indices (n,) int64,
    the network sees only these patches of every image.
    """
    run = _Forward(weights, quantize, observe, checkpoint_activations)
    return run.network(images, patches)


class _Forward:
    def __init__(
        self, weights: SubnetWeights, quantize: bool, observe: Observer | None, again: bool
    ) -> None:
        self.w, self.quantize, self.observe, self.again = weights, quantize, observe, again
        self.act_max = num.act_max(weights.architecture.activation_bits)
        self.matrix = self.matrices()

    def network(self, images: Tensor, chosen: Tensor | None) -> Tensor:
        arch = self.w.architecture
        patches = to_patches(self.quantized_input(images), arch)
        position, step = self.w.position, self.w.residual_step
        if chosen is not None:
            patches = patches[:, chosen]
            counts = [1, arch.num_patches, arch.register_tokens]
            first, of_patches, registers = torch.split(position, counts)
            position = torch.cat([first, of_patches[chosen], registers])
        stem = F.pad(self.linear("stem", patches), (0, 0, 1, arch.register_tokens))
        residual = self.added(on_grid(position, step) if self.quantize else position, stem)
        for index in range(arch.depth):
            arguments = f"block{index}", residual, arch.blocks[index].num_heads
            if self.again and torch.is_grad_enabled():
                residual = checkpoint(self.block, *arguments, use_reentrant=False)
            else:
                residual = self.block(*arguments)
        return self.linear("head", self.norm("norm", residual[:, 0]))

    def block(self, name: str, residual: Tensor, num_heads: int) -> Tensor:
        attended = self.attention(name, self.norm(f"{name}.norm1", residual), num_heads)
        residual = self.added(residual, self.linear(f"{name}.proj", attended))
        hidden = self.mlp(name, self.norm(f"{name}.norm2", residual))
        return self.added(residual, self.linear(f"{name}.fc2", hidden))

    def added(self, residual: Tensor, update: Tensor) -> Tensor:
        """Add `update` to the residual stream, on the grid of that stream.

        Without the grid, a rounding difference of 2**-16 from the integer network would change
        6-bit values, and each change would cause further ones.
        """
        if self.quantize:
            residual = fused.added(residual, update, self.w.residual_step)
        else:
            residual = residual + update
        if self.observe:
            self.observe("residual", residual)
        return residual

    def attention(self, name: str, x: Tensor, num_heads: int) -> Tensor:
        parts = [f"{name}.{part}" for part in "qkv"]
        q, k, v = self.heads(parts, self.linear(f"{name}.qkv", x), num_heads)
        scores, factor = q @ k.transpose(-2, -1), q.shape[-1] ** -0.5
        softmax = fused.probabilities if self.quantize else scaled_softmax
        return self.joined(f"{name}.attend", softmax(scores.float(), factor) @ v)

    def heads(self, parts: list[str], x: Tensor, num_heads: int) -> tuple[Tensor, ...]:
        each = x.chunk(len(parts), dim=-1)
        for part, y in zip(parts, each, strict=True):
            self.observe_input(part, y)
        if not self.quantize:
            return tuple(fused.heads(y, num_heads) for y in each)
        steps = [self.w.log_steps[part] for part in parts]
        limits = self.act_max, num.NIBBLE_MAX, self.act_max
        return fused.quantized_heads(x, steps, limits, num_heads)

    def joined(self, name: str, x: Tensor) -> Tensor:
        self.observe_input(name, x)
        if not self.quantize:
            return fused.joined(x)
        step = self.w.log_steps[name]
        return fused.quantized_joined(x.float(), log_step=step, limit=self.act_max)

    def mlp(self, name: str, x: Tensor) -> Tensor:
        x = self.linear(f"{name}.fc1", x)
        inner, outer = f"{name}.fc1.in", f"{name}.fc1"
        self.observe_input(inner, x)
        if not self.quantize:
            x = F.gelu(x)
            self.observe_input(outer, x)
            return x
        return fused.quantized_hidden(
            x,
            log_step_in=self.w.log_steps[inner],
            bounds=num.pre_gelu_bounds(self.w.architecture.activation_bits),
            log_step=self.w.log_steps[outer],
            act_max=self.act_max,
        )

    def matrices(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Weight and bias of each matrix, by its name in `linear`."""
        found, blocks = self.w.matrices, range(self.w.architecture.depth)
        stacks = {
            f"block{i}.qkv": Stack(tuple(found[f"block{i}.{part}"] for part in "qkv"))
            for i in blocks
        }
        names = [f"block{i}.{part}" for i in blocks for part in ("proj", "fc1", "fc2")]
        for name in ("stem", *names, "head"):
            stacks[name] = Stack((found[name],), self.w.layer_scales.get(name))
        make = quantized_matrices if self.quantize else plain_matrices
        return dict(zip(stacks, make(list(stacks.values())), strict=True))

    def linear(self, name: str, x: Tensor) -> Tensor:
        """Multiply x by a matrix; the result is float32 also under autocast."""
        if self.observe:
            block = name.removesuffix(".qkv")
            parts = [f"{block}.{part}" for part in "qkv"] if block != name else [name]
            for part in parts:
                self.observe(f"{part}.inputs", x)
        return F.linear(x, *self.matrix[name]).float()

    def norm(self, name: str, x: Tensor) -> Tensor:
        norm = self.w.norms[name]
        if self.quantize:
            step, limit = self.w.log_steps[name], self.act_max
            return fused.quantized_norm(
                x, norm.gain, norm.bias, NORM_EPSILON, log_step=step, limit=limit
            )
        y = F.layer_norm(x, x.shape[-1:], norm.gain, norm.bias, NORM_EPSILON)
        self.observe_input(name, y)
        return y

    def observe_input(self, name: str, x: Tensor) -> None:
        """Pass the input of a quantizer to the observer. This needs quantization off: a fused
        quantizing pass does not expose its input."""
        if self.observe and not self.quantize:
            self.observe(name, x)

    def quantized_input(self, images: Tensor) -> Tensor:
        if not self.quantize:
            return images
        steps = (images / self.w.input_step).round().clamp(-self.act_max, self.act_max)
        return steps * self.w.input_step


def scaled_softmax(scores: Tensor, factor: float) -> Tensor:
    return (scores * factor).softmax(dim=-1)


def to_patches(images: Tensor, arch: Architecture) -> Tensor:
    """Cut images (B, C, H, W) into patches (B, patches, C * P * P), each in channel, row, column
    order."""
    side, patch = arch.image_size // arch.patch_size, arch.patch_size
    batch, channels = images.shape[:2]
    grid = images.reshape(batch, channels, side, patch, side, patch)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(batch, side * side, arch.patch_dim)
