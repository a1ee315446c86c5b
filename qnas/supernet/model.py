"""Supernet: every subnet of a space in one set of weights; forward(x, arch), extract(arch)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qnas import numerics as num
from qnas.architecture import Architecture, BlockSpec
from qnas.space import SearchSpace, Singleton
from qnas.supernet.forward import Observer, forward
from qnas.supernet.layers import Matrix, Norm
from qnas.supernet.quantizers import PERCENTILE, largest_integer, step_by_magnitude
from qnas.supernet.weights import NormWeights, SubnetWeights

ACTIVATIONS = ("norm1", "q", "k", "v", "attend", "norm2", "fc1.in", "fc1")


RESIDUAL_HEADROOM = 2.0


class Block(nn.Module):
    """The shared parameters of one block, at the widths of `spec`, the largest of the space."""

    def __init__(self, spec: BlockSpec, *, embed_dim: int, head_dim: int) -> None:
        super().__init__()
        attention_dim, hidden = spec.num_heads * head_dim, spec.mlp_hidden
        self.norm1 = Norm(embed_dim)
        self.q = Matrix(attention_dim, embed_dim)
        self.k = Matrix(attention_dim, embed_dim)
        self.v = Matrix(attention_dim, embed_dim)
        self.proj = Matrix(embed_dim, attention_dim)
        self.proj_scale = nn.Parameter(torch.ones(embed_dim))
        self.norm2 = Norm(embed_dim)
        self.fc1 = Matrix(hidden, embed_dim)
        self.fc2 = Matrix(embed_dim, hidden)
        self.fc2_scale = nn.Parameter(torch.ones(embed_dim))
        self.log_steps = nn.Parameter(torch.zeros(len(ACTIVATIONS)))


@dataclass(frozen=True, eq=False)
class Subnet:
    """An extracted subnet: its architecture with its own weights, callable on images."""

    weights: SubnetWeights

    @property
    def architecture(self) -> Architecture:
        return self.weights.architecture

    def __call__(self, images: Tensor) -> Tensor:
        """Compute the fake-quantized logits (B, classes) of images (B, C, H, W)."""
        return forward(self.weights, images)


class Supernet(nn.Module):
    """The weights shared by all architectures of `space`.

    The architecture is an argument of each forward pass; a forward pass changes no state.
    """

    residual_step: Tensor

    def __init__(self, space: SearchSpace | Singleton, *, input_step: float) -> None:
        super().__init__()
        self.space, self.input_step = space, input_step
        largest = space.largest()
        embed_dim = largest.embed_dim
        self.position = nn.Parameter(torch.empty(largest.num_tokens, embed_dim))
        nn.init.trunc_normal_(self.position, std=0.1)
        self.stem = Matrix(embed_dim, largest.patch_dim)
        self.blocks = nn.ModuleList(
            Block(spec, embed_dim=embed_dim, head_dim=largest.head_dim) for spec in largest.blocks
        )
        self.norm = Norm(embed_dim)
        self.head = Matrix(largest.num_classes, embed_dim)
        self.norm_log_step = nn.Parameter(torch.zeros(()))
        self.register_buffer("residual_step", torch.tensor(2.0**-10))

    def forward(
        self,
        images: Tensor,
        arch: Architecture,
        *,
        quantize: bool = True,
        checkpoint_activations: bool = False,
        patches: Tensor | None = None,
    ) -> Tensor:
        """Compute the fake-quantized logits (B, classes) of images (B, C, H, W) with the subnet
        `arch`.

        The options are those of `qnas.supernet.forward.forward`.
        """
        return forward(
            self.slice(arch),
            images,
            quantize=quantize,
            checkpoint_activations=checkpoint_activations,
            patches=patches,
        )

    def extract(self, arch: Architecture) -> Subnet:
        """Copy the weights of a subnet; its outputs equal `forward(., arch)` bit for bit."""
        return Subnet(self.slice(arch).map(lambda t: t.detach().clone()))

    def narrowed(self, arch: Architecture) -> Supernet:
        """Copy the subnet `arch` into a supernet of its own, to be trained alone.

        The copy has the same weights and 8-bit rows, and therefore the same outputs bit for bit.
        """
        alone, shared = Supernet(Singleton(arch), input_step=self.input_step), self.state_dict()
        own = {
            name: _leading(name, shared[name], like) for name, like in alone.state_dict().items()
        }
        alone.load_state_dict(own)
        return alone

    def slice(self, arch: Architecture) -> SubnetWeights:
        """Views of the shared parameters that make up `arch`."""
        d = arch.embed_dim
        matrices = {
            "stem": self.stem.slice(d, arch.patch_dim, arch.stem_w8),
            "head": self.head.slice(arch.num_classes, d, arch.head_w8),
        }
        norms: dict[str, NormWeights] = {"norm": self.norm.slice(d)}
        scales: dict[str, Tensor] = {}
        log_steps: dict[str, Tensor] = {"norm": self.norm_log_step}
        for index, spec in enumerate(arch.blocks):
            block, name, width = self.block(index), f"block{index}", arch.attention_dim(index)
            for part in ("q", "k", "v"):
                matrices[f"{name}.{part}"] = getattr(block, part).slice(width, d, spec.w8.qkv)
            matrices[f"{name}.proj"] = block.proj.slice(d, width, spec.w8.proj)
            matrices[f"{name}.fc1"] = block.fc1.slice(spec.mlp_hidden, d, spec.w8.fc1)
            matrices[f"{name}.fc2"] = block.fc2.slice(d, spec.mlp_hidden, spec.w8.fc2)
            norms |= {f"{name}.norm1": block.norm1.slice(d), f"{name}.norm2": block.norm2.slice(d)}
            scales |= {
                f"{name}.proj": block.proj_scale[:d],
                f"{name}.fc2": block.fc2_scale[:d],
            }
            steps = block.log_steps.unbind()
            log_steps |= {f"{name}.{a}": s for a, s in zip(ACTIVATIONS, steps, strict=True)}
        return SubnetWeights(
            architecture=arch,
            input_step=self.input_step,
            residual_step=self.residual_step,
            position=self.position[:, :d],
            matrices=matrices,
            norms=norms,
            layer_scales=scales,
            log_steps=log_steps,
        )

    def block(self, index: int) -> Block:
        block = self.blocks[index]
        assert isinstance(block, Block)
        return block

    def matrix(self, name: str) -> Matrix:
        """The shared matrix of an operation's name, such as `block0.fc1`."""
        found = self.get_submodule(_module_path(name))
        assert isinstance(found, Matrix)
        return found

    @torch.no_grad()
    def set_layer_scales(self, value: float) -> None:
        """Set all scales after attention and MLP to `value`."""
        for index in range(len(self.blocks)):
            self.block(index).proj_scale.fill_(value)
            self.block(index).fc2_scale.fill_(value)

    def calibrate(self, images: Tensor) -> None:
        """Set all steps and the ranking of the rows for the present weights, from the activations
        of the largest subnet on `images` (B, C, H, W)."""
        for module in self.modules():
            if isinstance(module, Matrix):
                module.fit_steps()
        self.initialise_steps(images)
        self.rerank(images)
        self.fit_residual(images)

    def norm_of(self, name: str) -> Norm:
        """The shared LayerNorm of an operation's name, such as `block0.norm1`."""
        found = self.get_submodule(_module_path(name))
        assert isinstance(found, Norm)
        return found

    def initialise_steps(self, images: Tensor) -> None:
        """Set every activation step from the floating-point activations of the largest subnet on
        `images` (B, C, H, W)."""
        arch = self.space.largest()
        with torch.no_grad():
            forward(self.slice(arch), images, quantize=False, observe=self._step_from)
        self.fit_residual(images)

    def fit_residual(self, images: Tensor) -> None:
        """Set the step of the residual stream: 16 bits span twice its range on `images`."""
        peak = self.position.abs().max().item()

        def collect(name: str, x: Tensor) -> None:
            nonlocal peak
            if name == "residual":
                peak = max(peak, x.abs().max().item())

        self._observe(images, collect)
        step = 2.0 ** math.ceil(math.log2(RESIDUAL_HEADROOM * peak / num.RESIDUAL_MAX))
        self.residual_step.fill_(step)

    def rerank(self, images: Tensor) -> None:
        """Rank the rows of every matrix by sensitivity, on the largest subnet's inputs for
        `images`."""
        power: dict[str, Tensor] = {}

        def collect(name: str, x: Tensor) -> None:
            if name.endswith(".inputs"):
                power[name.removesuffix(".inputs")] = x.flatten(0, -2).square().mean(dim=0)

        self._observe(images, collect)
        for name, input_power in power.items():
            self.matrix(name).rerank(input_power)

    def _observe(self, images: Tensor, observe: Observer) -> None:
        with torch.no_grad():
            forward(self.slice(self.space.largest()), images, observe=observe)

    def _step_from(self, name: str, x: Tensor) -> None:
        """Set a step whose grid covers all but one in a thousand values of x."""
        if name.endswith(".inputs") or name == "residual":
            return
        limit = largest_integer(name, self.space.largest().activation_bits)
        step = step_by_magnitude(x, limit, share=PERCENTILE).log()
        self.set_log_step(name, step)

    @torch.no_grad()
    def set_log_step(self, name: str, log_step: Tensor) -> None:
        """Set the logarithm of the step of an activation of `SubnetWeights.log_steps`."""
        if name == "norm":
            self.norm_log_step.copy_(log_step)
        else:
            prefix, activation = name.split(".", 1)
            block = self.block(int(prefix.removeprefix("block")))
            block.log_steps[ACTIVATIONS.index(activation)] = log_step


def _leading(name: str, tensor: Tensor, like: Tensor) -> Tensor:
    """The leading part of a shared tensor, in the shape of `like`; ranks are renumbered."""
    part = tensor[tuple(slice(length) for length in like.shape)]
    return part.argsort().argsort() if name.endswith(".rank") else part


def _module_path(name: str) -> str:
    return name.replace("block", "blocks.") if name.startswith("block") else name
