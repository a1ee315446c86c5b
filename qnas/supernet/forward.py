"""forward(weights, images): the quantized vision transformer, in the order of the hardware.

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
from qnas.supernet.quantizers import fake_quantize, fake_quantize_probs, on_grid
from qnas.supernet.weights import SubnetWeights, hidden_bounds

NORM_EPSILON = 1e-6

# Called as observe(name, tensor): "NAME" with a value just before its quantizer, "NAME.inputs"
# with what a matrix multiplies, "residual" with the residual stream behind every addition.
Observer = Callable[[str, Tensor], None]


def forward(
    weights: SubnetWeights,
    images: Tensor,
    *,
    quantize: bool = True,
    observe: Observer | None = None,
    checkpoint_activations: bool = False,
) -> Tensor:
    """images (B, C, H, W) to logits (B, classes).

    With `quantize` off, the same network in floating point. `observe` sees what the step sizes
    and the row ranking are made from. `checkpoint_activations` keeps what goes into each block for
    the way back, not what it computes, which is then computed again.
    """
    run = _Forward(weights, quantize, observe, checkpoint_activations)
    return run.network(images)


class _Forward:
    def __init__(
        self, weights: SubnetWeights, quantize: bool, observe: Observer | None, again: bool
    ) -> None:
        self.w, self.quantize, self.observe, self.again = weights, quantize, observe, again
        self.act_max = num.act_max(weights.architecture.activation_bits)

    def network(self, images: Tensor) -> Tensor:
        arch = self.w.architecture
        patches = to_patches(self.quantized_input(images), arch)
        stem = F.pad(self.linear("stem", patches), (0, 0, 1, 0))
        residual = self.added(self.rounded(self.w.position), stem)
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
        residual = residual + self.rounded(update)
        if self.observe:
            self.observe("residual", residual)
        return residual

    def rounded(self, x: Tensor) -> Tensor:
        """On the grid of the residual stream. Left out, a rounding difference of 2**-16 between
        this and the integer network would flip 6-bit values, and each flip a few more."""
        return on_grid(x, self.w.residual_step) if self.quantize else x

    def attention(self, name: str, x: Tensor, num_heads: int) -> Tensor:
        limits = {"q": None, "k": num.NIBBLE_MAX, "v": None}
        # Quantized before they are cut into heads: in one pass over memory that lies in order.
        quantized = (
            self.activation(f"{name}.{part}", self.linear(f"{name}.{part}", x), limit=limit)
            for part, limit in limits.items()
        )
        q, k, v = (heads(y, num_heads) for y in quantized)
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
        probs = fake_quantize_probs(scores, num.NIBBLE_MAX) if self.quantize else scores.softmax(-1)
        attended = (probs @ v).transpose(1, 2).flatten(2)
        return self.activation(f"{name}.attend", attended)

    def mlp(self, name: str, x: Tensor) -> Tensor:
        x = self.linear(f"{name}.fc1", x)
        step = f"{name}.fc1.in"
        bits = self.w.architecture.activation_bits
        x = self.fake_quantized(step, x, *num.pre_gelu_bounds(bits))
        low, high = hidden_bounds(self.w.log_steps[f"{name}.fc1"], self.act_max)
        return self.fake_quantized(f"{name}.fc1", F.gelu(x), low, high)

    def linear(self, name: str, x: Tensor) -> Tensor:
        matrix, scale = self.w.matrices[name], self.w.layer_scales.get(name)
        if self.observe:
            self.observe(f"{name}.inputs", x)
        weight, bias = matrix.quantized() if self.quantize else matrix.weight, matrix.bias
        if scale is not None:  # on the matrix rather than on the tokens: many fewer products
            weight, bias = weight * scale[:, None], bias * scale
        return F.linear(x, weight, bias)

    def norm(self, name: str, x: Tensor) -> Tensor:
        norm = self.w.norms[name]
        y = F.layer_norm(x, x.shape[-1:], norm.gain, norm.bias, NORM_EPSILON)
        return self.activation(name, y)

    def activation(self, name: str, x: Tensor, *, limit: int | None = None) -> Tensor:
        limit = limit or self.act_max
        return self.fake_quantized(name, x, -limit, limit)

    def fake_quantized(self, name: str, x: Tensor, low: int, high: int) -> Tensor:
        if self.observe:
            self.observe(name, x)
        return fake_quantize(x, self.w.log_steps[name], low, high) if self.quantize else x

    def quantized_input(self, images: Tensor) -> Tensor:
        if not self.quantize:
            return images
        steps = (images / self.w.input_step).round().clamp(-self.act_max, self.act_max)
        return steps * self.w.input_step


def heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, N, H * K) to (B, H, N, K)."""
    return x.reshape(*x.shape[:2], num_heads, -1).transpose(1, 2)


def to_patches(images: Tensor, arch: Architecture) -> Tensor:
    """(B, C, H, W) to (B, N-1, C * P * P), each patch in channel, row, column order."""
    side, patch = arch.image_size // arch.patch_size, arch.patch_size
    batch, channels = images.shape[:2]
    grid = images.reshape(batch, channels, side, patch, side, patch)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(batch, side * side, arch.patch_dim)
