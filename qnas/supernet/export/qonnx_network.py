"""A QONNX graph under construction, and a subnet's weights as its nodes, in the order of
`forward`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qnas import numerics as num
from qnas.supernet.forward import NORM_EPSILON
from qnas.supernet.weights import MatrixWeights, SubnetWeights, hidden_bounds

OPSET = 17  # the first with LayerNormalization
DOMAIN = "qonnx.custom_op.general"
IR_VERSION = 8
BATCH = "batch"  # the name of a free dimension
RESIDUAL_BITS = num.RESIDUAL_MAX.bit_length() + 1


class Graph:
    """Builds a graph. Methods take and return names of tensors; a node's output has its name.

    `onnx` is the imported module, which is an optional extra.
    """

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def model(
        self,
        name: str,
        *,
        inputs: Mapping[str, Sequence[int | str]],
        result: str,
        output: str,
        shape: Sequence[int | str],
    ) -> Any:
        """The model from `inputs`, float32 tensors with their shapes, to `result` as `output`."""
        helper, float32 = self.onnx.helper, self.onnx.TensorProto.FLOAT
        self.nodes.append(helper.make_node("Identity", [result], [output], name=output))
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(key, float32, size) for key, size in inputs.items()],
            [helper.make_tensor_value_info(output, float32, shape)],
            [self.onnx.numpy_helper.from_array(v, k) for k, v in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="qnas"
        )

    def quant(
        self,
        name: str,
        x: str,
        scale: float | Tensor,
        *,
        bits: int,
        narrow: int = 1,
        zero: int = 0,
    ) -> str:
        """Add a signed Quant. `scale` is one number, or one per column; `narrow` excludes the
        least integer."""
        steps = scale.numpy() if isinstance(scale, Tensor) else np.float32(scale)
        inputs = [
            self.constant(f"{name}.scale", steps),
            self.constant(f"{name}.zero_point", np.float32(zero)),
            self.constant(f"{name}.bits", np.float32(bits)),
        ]
        mode = {"signed": 1, "narrow": narrow, "rounding_mode": "ROUND"}
        return self.op(f"{name}.quant", "Quant", x, *inputs, domain=DOMAIN, **mode)

    def shaped(self, name: str, x: str, size: list[int]) -> str:
        return self.op(name, "Reshape", x, self.ints(f"{name}.shape", size))

    def op(self, name: str, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add one node."""
        node = self.onnx.helper.make_node(kind, list(inputs), [name], name=name, **attributes)
        self.nodes.append(node)
        return name

    def constant(self, name: str, value: NDArray[Any] | np.float32) -> str:
        self.constants[name] = np.asarray(value, dtype=np.float32)
        return name

    def ints(self, name: str, value: list[int] | int) -> str:
        self.constants[name] = np.asarray(value, dtype=np.int64)
        return name


def network_model(weights: SubnetWeights, batch: int | None, onnx: Any) -> Any:
    """The model of `images` (batch, C, H, W) to `logits` (batch, classes); None: of any batch."""
    network, arch = _Network(weights, -1 if batch is None else batch, onnx), weights.architecture
    first = BATCH if batch is None else batch
    size = [first, arch.in_channels, arch.image_size, arch.image_size]
    with torch.no_grad():
        return network.model(
            f"qnas_{arch.key}",
            inputs={"images": size},
            result=network.logits(),
            output="logits",
            shape=[first, arch.num_classes],
        )


class _Network(Graph):
    """Builds the nodes of one subnet. Methods take and return names of tensors. A `batch` of -1
    lets Reshape find the number of images."""

    def __init__(self, weights: SubnetWeights, batch: int, onnx: Any) -> None:
        super().__init__(onnx)
        self.w, self.arch, self.batch = weights, weights.architecture, batch

    def logits(self) -> str:
        x = self.quant("input", "images", self.w.input_step, bits=self.arch.activation_bits)
        stem = self.rounded("stem", self.linear("stem", self.patches(x)))
        # The class token comes first, the registers last.
        pads = self.ints("stem.pads", [0, 1, 0, 0, self.arch.register_tokens, 0])
        padded = self.op("stem.padded", "Pad", stem, pads)
        residual = self.op("embedded", "Add", padded, self.constant("position", self.position()))
        for index, block in enumerate(self.arch.blocks):
            residual = self.block(f"block{index}", residual, block.num_heads)
        token = self.op("class_token", "Gather", residual, self.ints("zero", 0), axis=1)
        return self.linear("head", self.norm("norm", token))

    def patches(self, images: str) -> str:
        """(B, C, H, W) to (B, patches, C * P * P), as `to_patches`."""
        arch, patch = self.arch, self.arch.patch_size
        side = arch.image_size // patch
        grid = self.shaped("grid", images, [self.batch, arch.in_channels, side, patch, side, patch])
        turned = self.op("grid.turned", "Transpose", grid, perm=[0, 2, 4, 1, 3, 5])
        return self.shaped("patches", turned, [self.batch, side * side, arch.patch_dim])

    def position(self) -> NDArray[np.float32]:
        position, step = self.w.position.numpy(), self.w.residual_step.item()
        return (np.rint(position / step) * step).astype(np.float32)

    def block(self, name: str, residual: str, num_heads: int) -> str:
        attended = self.attention(name, self.norm(f"{name}.norm1", residual), num_heads)
        residual = self.added(f"{name}.proj", residual, self.linear(f"{name}.proj", attended))
        hidden = self.mlp(name, self.norm(f"{name}.norm2", residual))
        return self.added(f"{name}.fc2", residual, self.linear(f"{name}.fc2", hidden))

    def added(self, name: str, residual: str, update: str) -> str:
        return self.op(f"{name}.added", "Add", residual, self.rounded(name, update))

    def rounded(self, name: str, x: str) -> str:
        """x rounded to the grid of the residual stream."""
        step = self.w.residual_step.item()
        return self.quant(f"{name}.residual", x, step, bits=RESIDUAL_BITS, narrow=0)

    def attention(self, name: str, x: str, num_heads: int) -> str:
        q, k, v = (self.heads(f"{name}.{part}", x, num_heads) for part in "qkv")
        q = self.activation(f"{name}.q", q)
        k = self.nibbles(f"{name}.k", k)
        v = self.activation(f"{name}.v", v)
        keys = self.op(f"{name}.keys", "Transpose", k, perm=[0, 1, 3, 2])
        products = self.op(f"{name}.products", "MatMul", q, keys)
        factor = self.constant(f"{name}.factor", np.float32(self.arch.head_dim**-0.5))
        scores = self.op(f"{name}.scores", "Mul", products, factor)
        probs = self.op(f"{name}.probs", "Softmax", scores, axis=-1)
        mixed = self.op(f"{name}.mixed", "MatMul", probs, v)
        turned = self.op(f"{name}.mixed.turned", "Transpose", mixed, perm=[0, 2, 1, 3])
        size = [self.batch, self.arch.num_tokens, num_heads * self.arch.head_dim]
        return self.activation(f"{name}.attend", self.shaped(f"{name}.joined", turned, size))

    def heads(self, name: str, x: str, num_heads: int) -> str:
        """(B, N, H * K) to (B, H, N, K)."""
        size = [self.batch, self.arch.num_tokens, num_heads, self.arch.head_dim]
        split = self.shaped(f"{name}.split", self.linear(name, x), size)
        return self.op(f"{name}.heads", "Transpose", split, perm=[0, 2, 1, 3])

    def mlp(self, name: str, x: str) -> str:
        inner, outer = f"{name}.fc1.in", f"{name}.fc1"
        act_max = num.act_max(self.arch.activation_bits)
        index_bits = self.arch.activation_bits + 2
        x = self.quant(inner, self.linear(outer, x), self.step(inner), bits=index_bits, narrow=0)
        root = self.constant(f"{name}.root", np.float32(math.sqrt(2.0)))
        one, half = (self.constant(f"{name}.{v}", np.float32(v)) for v in (1.0, 0.5))
        erf = self.op(f"{name}.erf", "Erf", self.op(f"{name}.scaled", "Div", x, root))
        halved = self.op(f"{name}.halved", "Mul", x, half)
        gelu = self.op(f"{name}.gelu", "Mul", halved, self.op(f"{name}.cdf", "Add", erf, one))
        low, _ = hidden_bounds(self.w.log_steps[outer], act_max)
        zero = -(low + act_max)  # the zero point of integers low..low + 2 * act_max
        return self.quant(outer, gelu, self.step(outer), bits=self.arch.activation_bits, zero=zero)

    def norm(self, name: str, x: str) -> str:
        norm = self.w.norms[name]
        gain, bias = (
            self.constant(f"{name}.{part}", value.numpy())
            for part, value in (("gain", norm.gain), ("bias", norm.bias))
        )
        y = self.op(
            f"{name}.normed", "LayerNormalization", x, gain, bias, axis=-1, epsilon=NORM_EPSILON
        )
        return self.activation(name, y)

    def linear(self, name: str, x: str) -> str:
        """x times the transposed matrix, scaled per row, plus bias."""
        matrix, scale = self.w.matrices[name], self.w.layer_scales.get(name)
        product = self.op(f"{name}.product", "MatMul", x, self.matrix(name, matrix))
        bias = matrix.bias
        if scale is not None:
            factor = self.constant(f"{name}.layer_scale", scale.numpy())
            product, bias = self.op(f"{name}.rescaled", "Mul", product, factor), bias * scale
        return self.op(f"{name}.out", "Add", product, self.constant(f"{name}.bias", bias.numpy()))

    def matrix(self, name: str, matrix: MatrixWeights) -> str:
        """The transposed matrix (inner, rows): the rows of each width pass a Quant of that width
        and are put back in order."""
        is_w8 = matrix.is_w8.numpy().astype(bool)
        parts, order = [], []
        for bits, rows in ((8, np.flatnonzero(is_w8)), (4, np.flatnonzero(~is_w8))):
            if len(rows):
                parts.append(self.rows(f"{name}.w{bits}", matrix, rows, bits=bits))
                order.append(rows)
        if len(parts) == 1:
            return parts[0]
        joined = self.op(f"{name}.weights", "Concat", *parts, axis=1)
        back = self.ints(f"{name}.order", np.argsort(np.concatenate(order)).tolist())
        return self.op(f"{name}.ordered", "Gather", joined, back, axis=1)

    def rows(self, name: str, matrix: MatrixWeights, rows: NDArray[np.intp], *, bits: int) -> str:
        """The quantized rows of one width; a Clip sets their bounds, which Quant cannot express."""
        picked = torch.from_numpy(rows)
        step = matrix.log_step[picked].exp()
        weight = torch.minimum(
            torch.maximum(matrix.weight[picked], matrix.low[picked] * step),
            matrix.high[picked] * step,
        )
        source = self.constant(f"{name}.values", weight.T.contiguous().numpy())
        return self.quant(name, source, step.T.contiguous(), bits=bits, narrow=0)

    def activation(self, name: str, x: str) -> str:
        return self.quant(name, x, self.step(name), bits=self.arch.activation_bits)

    def nibbles(self, name: str, x: str) -> str:
        """x quantized to -119..119; a Clip sets the bounds."""
        step = self.step(name)
        limit = np.float32(num.NIBBLE_MAX * step)
        bounds = (
            self.constant(f"{name}.low", -limit),
            self.constant(f"{name}.high", limit),
        )
        return self.quant(name, self.op(f"{name}.clip", "Clip", x, *bounds), step, bits=8)

    def step(self, name: str) -> float:
        return float(self.w.log_steps[name].exp())
