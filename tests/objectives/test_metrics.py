"""Metrics beside top-1, and objectives that run the subnet."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score, recall_score, top_k_accuracy_score

from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.errors import ConfigError
from qnas.objectives import noise_error
from qnas.objectives.accuracy import AccuracyEvaluator, ErrorObjective
from qnas.objectives.base import Candidate
from qnas.objectives.metrics import class_accuracies, in_top, macro_f1
from qnas.objectives.registry import make_objectives
from qnas.studies.search.evaluation import Evaluation, Evaluator
from qnas.studies.search.genome import Proposal
from qnas.supernet.model import Supernet
from tests.tiny import TINY, digits


def outcome() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits (300, 9) with some skill, and labels of eight of the nine classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 8, 300)
    logits = rng.normal(size=(300, 9)).astype(np.float32)
    logits[np.arange(300), labels] += 1
    return logits, labels


def test_metrics_are_those_of_scikit_learn() -> None:
    logits, labels = outcome()
    predicted = logits.argmax(axis=1)
    assert macro_f1(labels, predicted) == pytest.approx(
        f1_score(labels, predicted, average="macro")
    )
    recalls = recall_score(labels, predicted, average=None, labels=range(8))
    assert class_accuracies(labels, predicted) == pytest.approx(recalls)
    share = top_k_accuracy_score(labels, logits, k=5, labels=range(9))
    assert in_top(logits, labels).mean() == share


def test_of_equal_logits_the_lower_class_comes_first_and_an_absent_class_has_no_accuracy() -> None:
    logits, labels = np.zeros((2, 7), np.int64), np.array([4, 5])
    assert in_top(logits, labels).tolist() == [True, False]
    found = class_accuracies(np.array([0, 2, 2]), np.array([0, 2, 0]))
    assert found[[0, 2]].tolist() == [1.0, 0.5] and np.isnan(found[1])


@pytest.fixture(scope="module")
def evaluator() -> AccuracyEvaluator:
    images, labels = digits(200)
    supernet = Supernet(TINY, input_step=1 / 31)
    supernet.initialise_steps(torch.from_numpy(images))
    return AccuracyEvaluator(supernet, images, labels)


def test_objectives_are_of_one_pass_and_of_their_own_directions(
    evaluator: AccuracyEvaluator,
) -> None:
    device, arch = load_device("zcu102"), TINY.largest()
    names = ["error", "top5_error", "macro_f1", "worst_class"]
    (scores,) = evaluator.scores([arch])
    with torch.no_grad():
        logits = evaluator.subnet(arch)(torch.from_numpy(evaluator.images[:])).numpy()
    assert scores.top5 == in_top(logits, evaluator.labels).mean() > scores.top1
    candidate = Candidate.modelled(arch, *best_plan(arch, device))
    values = [o.evaluate([candidate])[0] for o in make_objectives(names, evaluator, device)]
    shares = (1 - scores.top1, 1 - scores.top5, scores.macro_f1, scores.worst_class)
    assert values == pytest.approx([100 * share for share in shares])


def test_a_search_gives_an_objective_the_subnet_and_its_images(
    evaluator: AccuracyEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, arch = load_device("zcu102"), TINY.middle()
    search = Evaluator(
        objectives=(ErrorObjective(evaluator), noise_error.NOISE_ERROR),
        planner=lambda arch, share: best_plan(arch, device),
        limits=device.limits(),
        source=evaluator,
    )
    monkeypatch.setattr(noise_error, "SIGMA", 0.0)
    (found,) = search([Proposal(arch, 1.0)])
    assert isinstance(found, Evaluation) and found.values[0] == pytest.approx(found.values[1])
    monkeypatch.setattr(noise_error, "SIGMA", 5.0)
    (noisy,) = search([Proposal(arch, 1.0)])
    assert isinstance(noisy, Evaluation) and noisy.values[1] != found.values[1]
    with pytest.raises(ConfigError, match="without weights"):
        Candidate.modelled(arch, *best_plan(arch, device)).subnet()
