"""The size of a network, counted in its weights and in its hardware plan."""

from __future__ import annotations

from random import Random

from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.studies.results.network_size import network_size
from qnas.supernet.model import Supernet
from tests.studies.analytic import SPACE


def test_parameters_and_bits_are_those_of_the_weights() -> None:
    supernet = Supernet(SPACE, input_step=1 / 31)
    for seed in range(4):
        architecture = SPACE.sample(Random(seed))
        found, weights = network_size(architecture), supernet.slice(architecture)
        matrices = weights.matrices.values()
        assert found.weights == sum(m.weight.numel() for m in matrices)
        assert found.weight_bits == sum(
            int((4 + 4 * m.is_w8.long()).sum()) * m.inner for m in matrices
        )
        tensors = [t for m in matrices for t in (m.weight, m.bias)]
        tensors += [t for n in weights.norms.values() for t in (n.gain, n.bias)]
        assert found.parameters == sum(t.numel() for t in (*tensors, weights.position))


def test_multiplications_are_those_of_the_plan() -> None:
    architecture = SPACE.sample(Random(1))
    plan, _ = best_plan(architecture, load_device("zcu102"))
    gemms = [stage for stage in plan.stages if stage.kind == "gemm"]
    found = network_size(architecture)
    assert found.macs == sum(s.rows * s.tokens * s.inner for s in gemms)
    streamed = sum(s.slots * s.inner for s in gemms if s.left == "weights")
    assert found.weight_bits == 4 * streamed
