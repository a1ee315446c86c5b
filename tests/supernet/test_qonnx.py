"""QONNX out: executed by the `qonnx` package, next to the fake-quantized network."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from qnas.supernet.export.qonnx import run_qonnx, save_qonnx, to_qonnx
from qnas.supernet.model import Supernet
from qnas.training.loop import train_supernet
from qnas.training.recipe import Recipe
from qnas.training.source import ArraySource
from tests.tiny import TINY, digits

onnx = pytest.importorskip("onnx", reason="needs the extra qonnx")
pytest.importorskip("qonnx", reason="needs the extra qonnx")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
AGREEMENT = 0.9  # of the classes
MEAN_ERROR = 0.1  # of the mean magnitude of the logits


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Supernet:
    return train_supernet(
        TINY,
        ArraySource(*digits(640), 10),
        recipe=Recipe(epochs=4, batch_size=64),
        seed=0,
        input_step=1 / 31,
        directory=Path(tmp_path_factory.mktemp("supernet")),
    )


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_it_classifies_as_the_fake_quantized_network(seed: int | None, trained: Supernet) -> None:
    images = digits(840)[0][640:]
    arch = TINY.largest() if seed is None else TINY.sample(Random(seed))
    subnet = trained.extract(arch)
    with torch.no_grad():
        expected = subnet(torch.from_numpy(images)).numpy()
    got = run_qonnx(to_qonnx(subnet), images)
    assert got.shape == expected.shape
    assert np.abs(got - expected).mean() < MEAN_ERROR * np.abs(expected).mean()
    assert (got.argmax(1) == expected.argmax(1)).mean() >= AGREEMENT


def test_but_for_the_softmax_hardly_anything_differs(
    trained: Supernet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left are roundings of float32 in another order, each of which may flip a value."""
    monkeypatch.setattr(
        "qnas.supernet.forward.fused.probabilities",
        lambda scores, factor: (scores * factor).softmax(-1),
    )
    images = digits(740)[0][640:]
    subnet = trained.extract(TINY.largest())
    with torch.no_grad():
        expected = subnet(torch.from_numpy(images)).numpy()
    got = run_qonnx(to_qonnx(subnet), images)
    assert np.abs(got - expected).mean() < 0.01 * np.abs(expected).mean()


def test_a_model_takes_any_number_of_images_or_a_given_one(trained: Supernet) -> None:
    images, subnet = digits(5)[0], trained.extract(TINY.largest())
    free, fixed = to_qonnx(subnet), to_qonnx(subnet, batch=5)
    assert np.array_equal(run_qonnx(free, images), run_qonnx(fixed, images))
    assert np.allclose(run_qonnx(free, images[:1]), run_qonnx(free, images)[:1], atol=1e-4)
    for model, batch in ((free, "batch"), (fixed, 5)):
        graph = onnx.load_model_from_string(model).graph
        for tensor in (*graph.input, *graph.output):
            first = tensor.type.tensor_type.shape.dim[0]
            assert (first.dim_param or first.dim_value) == batch
        sizes = [d for v in graph.value_info for d in v.type.tensor_type.shape.dim]
        assert all(d.dim_param or d.dim_value > 0 for d in sizes)


def test_weights_are_those_of_the_fake_quantized_network(trained: Supernet) -> None:
    """The Quant nodes of a matrix give its grid values bit for bit, rows in order."""
    subnet = trained.extract(TINY.sample(Random(3)))
    images = np.zeros((1, 1, 8, 8), dtype=np.float32)
    for name, matrix in subnet.weights.matrices.items():
        model = onnx.load_model_from_string(to_qonnx(subnet))
        node = next(n for n in model.graph.node if n.name == f"{name}.product")
        last = next(n for n in model.graph.node if n.name == "logits")
        last.input[0] = node.input[1]
        values = run_qonnx(model.SerializeToString(), images)
        assert np.array_equal(values.T, matrix.quantized().detach().numpy()), name


def test_widths_are_as_in_the_architecture(trained: Supernet) -> None:
    subnet = trained.extract(TINY.largest())
    model = onnx.load_model_from_string(to_qonnx(subnet))
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in model.graph.initializer}
    for name, matrix in subnet.weights.matrices.items():
        wide = constants.get(f"{name}.w8.scale", np.zeros((1, 0))).size
        narrow = constants.get(f"{name}.w4.scale", np.zeros((1, 0))).size
        assert (wide, wide + narrow) == (int(matrix.is_w8.sum()), len(matrix.weight))
    bits = {n.name: float(constants[n.input[3]]) for n in model.graph.node if n.op_type == "Quant"}
    assert bits["block0.q.quant"] == bits["block0.attend.quant"] == bits["input.quant"] == 6
    assert bits["block0.k.quant"] == 8


def test_equal_subnets_give_equal_files(trained: Supernet, tmp_path: Path) -> None:
    subnet = trained.extract(TINY.smallest())
    save_qonnx(subnet, tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == to_qonnx(subnet)
