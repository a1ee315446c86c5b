"""Batches from files: reproducible, whatever the workers; timm's augmentation and mixing."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from qnas.data import load_data
from qnas.data.files import ImageFiles
from qnas.errors import ConfigError
from qnas.training.augmentation import Mixing
from qnas.training.file_source import FileSource
from qnas.training.recipe import Recipe
from qnas.training.source import BatchPlan
from tests.data.folders import make_folder

RECIPE = Recipe(auto_augment="rand-m9-mstd0.5-inc1", erasing=0.5)
MIXING = Mixing(0.8, 1.0, 3)


def source(root: Path, recipe: Recipe = RECIPE, **changes: object) -> FileSource:
    data = load_data(f"folder:{root}", size=24)
    assert isinstance(data.images, ImageFiles)
    fields = {"transform": MIXING} | changes
    return FileSource(data.images, data.labels, 3, recipe, **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("images"))


def plan(epoch: int = 0, first_step: int = 0) -> BatchPlan:
    return BatchPlan(seed=7, epoch=epoch, batch_size=6, first_step=first_step)


def test_batches_follow_seed_epoch_and_step(root: Path) -> None:
    first = list(source(root).batches(plan()))
    assert len(first) == 3
    for images, targets in first:
        assert images.shape == (6, 3, 24, 24) and images.dtype == torch.float32
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(6))
    resumed = list(source(root).batches(plan(first_step=1)))
    for (a, b), (c, d) in zip(first[1:], resumed, strict=True):
        assert torch.equal(a, c) and torch.equal(b, d)
    other = next(iter(source(root).batches(plan(epoch=1))))
    assert not torch.equal(first[0][0], other[0])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_workers_change_nothing(root: Path) -> None:
    alone = list(source(root).batches(plan()))
    many = list(source(root, replace(RECIPE, workers=2)).batches(plan()))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(alone, many, strict=True))


def test_global_randomness_stays_as_it_was(root: Path) -> None:
    states = random.getstate(), torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index,union-attr]
    list(source(root).batches(plan()))
    assert random.getstate() == states[0] and torch.equal(torch.get_rng_state(), states[1])
    assert np.array_equal(np.random.get_state()[1], states[2])  # type: ignore[index]


def test_without_augmentation_it_is_the_image(root: Path) -> None:
    plain = Recipe(min_crop=1.0, flip=False)
    whole = source(root, plain, transform=None)
    (batch, labels), *_ = whole.batches(plan())
    chosen = next(iter(plan().draws(len(whole)))).indices.numpy()
    assert labels.tolist() == whole.labels[chosen].tolist()
    square = chosen % 4 == 0  # the others are cut out of a wider image
    square[chosen >= 12] = (chosen[chosen >= 12] - 12) % 2 == 0
    wanted = torch.from_numpy(whole.files[chosen])
    assert square.any()
    torch.testing.assert_close(batch[square], wanted[square], atol=0.02, rtol=0)


def test_calibration_is_spread_over_the_classes(root: Path) -> None:
    found = source(root)
    places = np.linspace(0, 17, 6).round().astype(int)
    assert set(found.labels[places]) == {0, 1, 2}
    np.testing.assert_array_equal(found.calibration(6).numpy(), found.files[places])


def test_what_cannot_be_augmented_is_refused(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"auto_augment` must be a policy of timm's"):
        source(root, replace(RECIPE, auto_augment="nonsense"))
    grey = load_data(f"folder:{root}", size=24, channels=1)
    with pytest.raises(ConfigError, match="three channels"):
        FileSource(grey.images, grey.labels, 3, RECIPE)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="must be even in every part"):
        MIXING(torch.zeros(3, 3, 4, 4), torch.zeros(3, dtype=torch.long), torch.Generator())


def test_the_digest_follows_images_and_mixing(root: Path) -> None:
    digests = {source(root).digest, source(root, transform=None).digest}
    assert len(digests) == 2 and source(root).digest in digests
