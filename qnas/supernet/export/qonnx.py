"""A subnet as a QONNX model, for FINN, hls4ml and others that read QONNX (arXiv:2206.07527).

Quant nodes hold what QONNX can say: 6-bit activations, per-row scales of 4-bit and 8-bit rows (the
rows of each width in a Quant of their own, then put back into order), GELU's shifted output grid as
a zero point, the 16-bit residual stream. LayerNorm, softmax and GELU are float operators.

What QONNX cannot express, and the accelerator does (NUMERICS.md):
- the softmax's exponents in 2**-8 octaves on a grid of 119 steps, divided out after P.V;
- 239 levels of two nibbles: a Clip in front of an 8-bit Quant stands for the bounds;
- requantization by an integer multiplier and shift, rounding half up (Quant rounds half to even);
- integer LayerNorm, and GELU as a table; saturation of the residual stream at each addition.
So the model agrees with the fake-quantized network in most classes, not in every bit
(tests/supernet/test_qonnx.py states how far); the integer reference remains the arbiter.

Needs the extra `qonnx`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.serialization import write_atomically
from qnas.errors import DependencyError, problem
from qnas.supernet.export.qonnx_graph import DOMAIN
from qnas.supernet.export.qonnx_network import network_model
from qnas.supernet.model import Subnet

Floats = NDArray[np.float32]


def to_qonnx(subnet: Subnet, *, batch: int = 1) -> bytes:
    """The serialized model: `images` (batch, C, H, W), normalised, to `logits` (batch, classes).

    Raises DependencyError without the extra `qonnx`.
    """
    onnx, qonnx = _packages()
    model = network_model(subnet.weights, batch, onnx)
    wrapped = qonnx.core.modelwrapper.ModelWrapper(model)
    inferred = wrapped.transform(qonnx.transformation.infer_shapes.InferShapes())
    onnx.checker.check_model(inferred.model)
    data: bytes = inferred.model.SerializeToString(deterministic=True)
    return data


def save_qonnx(subnet: Subnet, path: Path) -> None:
    """Write `to_qonnx(subnet)` whole or not at all."""
    write_atomically(path, to_qonnx(subnet))


def run_qonnx(model: bytes, images: Floats) -> Floats:
    """Logits (B, classes) of a model of batch B: Quant as the `qonnx` package computes it, all
    other operators by ONNX's reference evaluator.

    `qonnx.core.onnx_exec` is not used: it hands every node to onnxruntime in the newest IR version
    that `onnx` writes, which an onnxruntime of the same day may not read.
    """
    onnx, _ = _packages()
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(onnx.load_model_from_string(model), new_ops=[_quant_operator()])
    results: Any = session.run(["logits"], {"images": images})
    logits: Floats = results[0]
    return logits


def _quant_operator() -> Any:
    from onnx.reference.op_run import OpRun
    from qonnx.custom_op.general.quant import quant

    class Quant(OpRun):
        op_domain = DOMAIN

        def _run(
            self,
            x: Floats,
            scale: Floats,
            zero_point: Floats,
            bits: Floats,
            signed: int | None = None,
            narrow: int | None = None,
            rounding_mode: str | None = None,
        ) -> tuple[Floats]:
            result = quant(x, scale, zero_point, bits, signed, narrow, rounding_mode)
            return (np.asarray(result, dtype=np.float32),)

    return Quant


def _packages() -> tuple[Any, Any]:
    try:
        import onnx
        import qonnx.core.modelwrapper
        import qonnx.transformation.infer_shapes
    except ImportError as error:
        remedy = "Install it: pip install 'qnas-fpga[qonnx]'."
        raise DependencyError(
            problem("qonnx", "must be installed to write QONNX", error, remedy)
        ) from None
    return onnx, qonnx
