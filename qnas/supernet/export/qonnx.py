"""A subnet as a QONNX model, for FINN, hls4ml and others that read QONNX (arXiv:2206.07527).

Quant nodes express 6-bit activations, per-row scales of 4-bit and 8-bit rows (one Quant for the
rows of each width, which are then put back in order), GELU's shifted output grid as a zero point,
and the 16-bit residual stream. LayerNorm, softmax and GELU are float operators.

QONNX cannot express these operations of the accelerator (NUMERICS.md):
- the softmax's exponents in 2**-8 octaves on a grid of 119 steps, with the division after P.V;
- 239 levels of two nibbles: a Clip before an 8-bit Quant represents the bounds;
- requantization by an integer multiplier and shift, rounding half up (Quant rounds half to even);
- integer LayerNorm, and GELU as a table; saturation of the residual stream at each addition.
The model therefore predicts most classes as the fake-quantized network does, but its logits differ
(tests/supernet/test_qonnx.py states by how much); the integer reference remains the arbiter.

Needs the extra `qonnx`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.serialization import write_atomically
from qnas.errors import DependencyError, problem
from qnas.supernet.export.qonnx_network import DOMAIN, network_model
from qnas.supernet.model import Subnet

Floats = NDArray[np.float32]


def to_qonnx(subnet: Subnet, *, batch: int | None = None) -> bytes:
    """Serialize a subnet as a model of normalised `images` (batch, C, H, W) to `logits` (batch,
    classes); without `batch` the model takes any number of images.

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
    """Write `to_qonnx(subnet)` to `path` atomically."""
    write_atomically(path, to_qonnx(subnet))


def run_qonnx(model: bytes, images: Floats) -> Floats:
    """Run a model on B images and return its logits (B, classes).

    The `qonnx` package computes Quant nodes, ONNX's reference evaluator all other operators.
    `qonnx.core.onnx_exec` is not used: it passes every node to onnxruntime in the newest IR version
    that `onnx` writes, which a current onnxruntime may not support.
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
