"""A QONNX graph under construction: nodes in order, and their constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

OPSET = 17  # the first with LayerNormalization
DOMAIN = "qonnx.custom_op.general"
IR_VERSION = 8


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
