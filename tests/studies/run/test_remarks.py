from __future__ import annotations

import dataclasses

import numpy as np

from qnas.spaces import load_space
from qnas.studies.config import load_config
from qnas.studies.run.checks import chance_remarks, recipe_remarks, training_mib
from qnas.supernet.post_training.settings import PostTraining


def test_a_high_learning_rate_for_pretrained_weights_is_remarked() -> None:
    plain = load_config("digits_zcu102")
    assert plain.train.learning_rate > 1e-3 and recipe_remarks(plain) == ()
    started = dataclasses.replace(plain, pretrained="vit_tiny_patch16_224")
    (remark,) = recipe_remarks(started)
    assert "train.learning_rate = 0.003" in remark
    both = dataclasses.replace(started.train, float_share=0.4)
    assert len(recipe_remarks(dataclasses.replace(started, train=both))) == 2
    assert recipe_remarks(load_config("imagenet_zcu102")) == ()
    calibrated = dataclasses.replace(started, post_training=PostTraining(images=512))
    assert recipe_remarks(calibrated) == ()  # nothing is trained


def test_accuracy_near_chance_is_remarked() -> None:
    labels = np.arange(360) % 10
    assert chance_remarks(0.9, labels, subnet="largest") == ()
    (remark,) = chance_remarks(0.11, labels, subnet="largest")
    assert "11.00% of 360 images" in remark and "(10.00%)" in remark
    assert chance_remarks(0.15, labels, subnet="largest")
    assert not chance_remarks(0.30, labels, subnet="largest")
    uneven = np.array([0] * 90 + [1] * 10)  # 88 % is no better than always "0"
    assert chance_remarks(0.88, uneven, subnet="largest")


def test_memory_grows_with_the_batch_and_shrinks_with_its_parts() -> None:
    study = load_config("digits_zcu102")

    def needed(**changes: object) -> float:
        recipe = dataclasses.replace(study.train, **changes)  # type: ignore[arg-type]
        return training_mib(dataclasses.replace(study, train=recipe), load_space("tiny28"))

    assert 130 < needed(batch_size=64) < 137  # measured: 133 MiB
    assert needed(batch_size=256) > needed(batch_size=64) > needed(batch_size=64, accumulate=2)
    assert needed(checkpoint_activations=True) < needed()
