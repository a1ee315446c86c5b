"""A monitor sees the supernet of every epoch, and changes nothing of the training."""

from __future__ import annotations

from pathlib import Path

from qnas.objectives.accuracy import AccuracyEvaluator
from qnas.supernet.model import Supernet
from qnas.training.logs import Interval
from qnas.training.loop import train_supernet
from qnas.training.recipe import Recipe
from qnas.training.source import ArraySource
from tests.tiny import TINY, digits


def test_a_monitored_training_gives_the_same_weights(tmp_path: Path) -> None:
    images, labels = digits(64)
    seen: list[tuple[int, float]] = []

    def monitor(supernet: Supernet, now: Interval) -> None:
        (top1,) = AccuracyEvaluator(supernet, images, labels).top1([TINY.smallest()])
        seen.append((now.epoch, top1))

    for name, more in (("without", {}), ("with", {"monitor": monitor})):
        train_supernet(
            TINY,
            ArraySource(images, labels, 10),
            recipe=Recipe(epochs=3, batch_size=32),
            seed=0,
            input_step=1 / 31,
            directory=tmp_path / name,
            **more,
        )
    weights = [(tmp_path / n / "supernet.safetensors").read_bytes() for n in ("with", "without")]
    assert weights[0] == weights[1]
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
