"""The guided start: 4-bit rows first where they cost least."""

from __future__ import annotations

from dataclasses import replace

from qnas.operations import network_operations
from qnas.space import MATRIX_KINDS
from qnas.studies.search.genome import DSP_SHARE, Genome
from qnas.studies.search.starts import guided_start
from qnas.supernet.post_training.sensitivity import Divergences
from tests.tiny import TINY

ONE = replace(TINY, embed_dims=(16,), depths=(2,), num_heads=(2,), mlp_ratios=(2.0,))
GENOME = Genome(ONE, (0.5, 1.0))
GENES = [f"block{index}.w8_{kind}" for index in range(2) for kind in MATRIX_KINDS]


def test_goes_from_all_to_none_and_lowers_the_sensitive_last() -> None:
    costs = {gene: (0.01, 0.005) for gene in GENES} | {"block1.w8_fc2": (5.0, 3.0)}
    found = guided_start(GENOME, Divergences((0, 4), costs), count=9)
    assert 2 <= len(found) <= 9
    assert all(found[0][gene] == 8 for gene in GENES)
    assert all(found[-1][gene] == 0 for gene in GENES)
    for params in found[:-1]:
        others = [params[gene] for gene in GENES if gene != "block1.w8_fc2"]
        assert params["block1.w8_fc2"] == 8 or not any(others)
    assert {params[DSP_SHARE] for params in found} == {1.0}
    slots = [_slots(GENOME.decode(params).architecture) for params in found]
    assert slots == sorted(slots, reverse=True)


def test_keeps_to_the_choices_of_the_space() -> None:
    genome = Genome(replace(ONE, w8_eighths=(2, 5)), (1.0,))
    same = dict.fromkeys(GENES, (0.1, 0.05))
    found = guided_start(genome, Divergences((0, 4), same), count=4)
    assert {params[gene] for params in found for gene in GENES} == {2, 5}


def _slots(architecture: object) -> int:
    return sum(getattr(op, "atoms", 0) for op in network_operations(architecture))  # type: ignore[arg-type]
