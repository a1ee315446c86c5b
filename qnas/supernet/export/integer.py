"""The export of a fake-quantized subnet to an IntegerNetwork: every scale becomes an integer.

Layer scales and all step sizes are folded into each row's multiplier, the offset of GELU's grid
into the bias of fc2, and the query's 1/sqrt(K) and log2(e) into the softmax's exponent.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qnas import numerics as num
from qnas.architecture import Architecture
from qnas.integer.network import IntegerNetwork
from qnas.integer.parameters import MatrixParams, NormParams, SoftmaxParams
from qnas.operations import Epilogue, Gemm, LayerNorm, Softmax, network_operations
from qnas.operations import Tensor as Place
from qnas.supernet.forward import NORM_EPSILON
from qnas.supernet.model import Subnet, Supernet
from qnas.supernet.weights import SubnetWeights, hidden_bounds

LOGIT_BITS = 16  # the logits of the given images use about this many bits
Floats = NDArray[np.float64]


def to_integer(
    supernet: Supernet, arch: Architecture, images: NDArray[np.float32]
) -> IntegerNetwork:
    """Export a subnet as an integer network.

    `images` (B, C, H, W), of the training split, determine the step of the logits; all other steps
    are the supernet's.

    Raises CapacityError if a scale does not fit its format.
    """
    return integer_network(supernet.extract(arch), images)


def integer_network(subnet: Subnet, images: NDArray[np.float32]) -> IntegerNetwork:
    """Export an extracted subnet as `to_integer` does."""
    step = _logit_step(subnet, torch.from_numpy(images))
    return _Export(subnet.weights, step).network()


@torch.no_grad()
def _logit_step(subnet: Subnet, images: Tensor) -> float:
    peak = float(subnet(images).abs().max())
    step: float = max(peak, 1e-6) / 2**LOGIT_BITS
    return step


class _Export:
    def __init__(self, weights: SubnetWeights, logit_step: float) -> None:
        self.w, self.logit_step = weights, logit_step
        self.residual_step = weights.residual_step.item()
        self.operations = network_operations(weights.architecture)
        self.act_max = num.act_max(weights.architecture.activation_bits)
        self.steps = {name: math.exp(t.item()) for name, t in weights.log_steps.items()}

    def network(self) -> IntegerNetwork:
        gemms = [op for op in self.operations if isinstance(op, Gemm)]
        position = _array(self.w.position) / self.residual_step
        return IntegerNetwork(
            architecture=self.w.architecture,
            input_step=self.w.input_step,
            logit_step=self.logit_step,
            position=np.rint(position).astype(np.int64),
            weights={op.name: self.matrix(op) for op in gemms if op.left is Place.WEIGHTS},
            norms={op.name: self.norm(op) for op in self.operations if isinstance(op, LayerNorm)},
            softmaxes={
                op.name: self.softmax(op) for op in self.operations if isinstance(op, Softmax)
            },
            gelus={op.name: self.gelu(op.name) for op in gemms if op.epilogue is Epilogue.GELU},
        )

    def matrix(self, op: Gemm) -> MatrixParams:
        """The parameters of a matrix: integers of each row, the ratio of the row's accumulator step
        to the output step as multiplier and shift, and the bias in fractions of the output step."""
        m = self.w.matrices[op.name]
        row_step = _array(m.log_step.exp())[:, 0]
        integers = (m.weight / m.log_step.exp()).round().maximum(m.low).minimum(m.high)
        weight = _array(integers).astype(np.int64)
        acc_step = row_step * self.input_step(op)
        scale = _array(self.w.layer_scales[op.name]) if op.name in self.w.layer_scales else 1.0
        ratio = acc_step * scale / self.output_step(op)
        bias = _array(m.bias) * scale / self.output_step(op)
        bias += ratio * self.input_zero(op) * weight.sum(axis=1)
        fixed = [num.fixed_row(float(r), subject=f"{op.name} row {i}") for i, r in enumerate(ratio)]
        return MatrixParams(
            weight=weight,
            is_w8=m.is_w8.cpu().numpy().astype(np.bool_),
            bias=np.rint(bias * 2**num.BIAS_FRACTION).astype(np.int64),
            mult=np.array([mult for mult, _ in fixed], dtype=np.int64),
            shift=np.array([shift for _, shift in fixed], dtype=np.int64),
        )

    def input_step(self, op: Gemm) -> float:
        """Step of the activations that are a matrix's input."""
        if op.right is Place.PATCHES:
            return self.w.input_step
        if op.name == "head":
            return self.steps["norm"]
        block, matrix = op.name.split(".")
        source = {"proj": "attend", "fc1": "norm2", "fc2": "fc1"}.get(matrix, "norm1")
        return self.steps[f"{block}.{source}"]

    def input_zero(self, op: Gemm) -> int:
        """Offset of the input's stored integers, 0 except for GELU's output."""
        if op.right is not Place.HIDDEN:
            return 0
        return self.hidden_zero(f"{op.name.split('.')[0]}.fc1")

    def hidden_zero(self, fc1: str) -> int:
        low, _ = hidden_bounds(self.w.log_steps[fc1], self.act_max)
        return low + self.act_max

    def output_step(self, op: Gemm) -> float:
        if op.epilogue is Epilogue.RESIDUAL:
            return self.residual_step
        if op.epilogue is Epilogue.LOGITS:
            return self.logit_step
        return self.steps[f"{op.name}.in" if op.epilogue is Epilogue.GELU else op.name]

    def norm(self, op: LayerNorm) -> NormParams:
        """The parameters of a LayerNorm, at the largest shift at which every gain fits 18 bits and
        every bias 36 bits."""
        norm, step = self.w.norms[op.name], self.steps[op.name]
        gain, bias = _array(norm.gain) / step, _array(norm.bias) / step
        largest = max(float(np.abs(gain).max()), 2.0**-num.NORM_FRACTION)
        room = (1 << (num.GAIN_BITS - 1)) - 1
        shift = num.NORM_FRACTION + math.floor(math.log2(room / largest))
        bias_peak = max(float(np.abs(bias).max()), 1.0)
        bias_room = (1 << (num.NORM_BIAS_BITS - 1)) - 1
        shift = min(shift, math.floor(math.log2(bias_room / bias_peak)))
        epsilon = op.channels**2 * NORM_EPSILON / self.residual_step**2
        return NormParams(
            gain=np.rint(gain * 2.0 ** (shift - num.NORM_FRACTION)).astype(np.int64),
            bias=np.rint(bias * 2.0**shift).astype(np.int64),
            shift=shift,
            epsilon=max(1, min(round(epsilon), (1 << 31) - 1)),
        )

    def softmax(self, op: Softmax) -> SoftmaxParams:
        block = op.name.split(".")[0]
        score_step = self.steps[f"{block}.q"] * self.steps[f"{block}.k"]
        score_step *= self.w.architecture.head_dim**-0.5
        octaves = score_step * math.log2(math.e) * 2**num.EXP_FRACTION
        mult, shift = num.fixed_point(octaves, subject=f"{op.name} exponent")
        ratio = self.steps[f"{block}.v"] / self.steps[f"{block}.attend"]
        out_mult, out_shift = num.fixed_point(ratio, subject=f"{op.name} output")
        return SoftmaxParams(mult, shift, out_mult, out_shift)

    def gelu(self, fc1: str) -> np.ndarray:
        """The table of GELU: the output's stored integer for each input, in ascending order."""
        first, last = num.pre_gelu_bounds(self.w.architecture.activation_bits)
        x = torch.arange(first, last + 1, dtype=torch.float64)
        y = torch.nn.functional.gelu(x * self.steps[f"{fc1}.in"]).numpy() / self.steps[fc1]
        low, high = hidden_bounds(self.w.log_steps[fc1], self.act_max)
        return (np.clip(np.rint(y), low, high) - self.hidden_zero(fc1)).astype(np.int64)


def _array(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().double().numpy()
