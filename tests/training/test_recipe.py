"""What a recipe can ask for: each does what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from qnas._util.timm_support import import_timm
from qnas.errors import CheckpointError, ConfigError, TrainingError
from qnas.supernet.model import Supernet
from qnas.training.loop import train_supernet
from qnas.training.recipe import Recipe
from qnas.training.teacher import distillation, load_teacher
from tests.tiny import TINY, digits
from tests.training.test_loop import Killed, source, train

SHORT = Recipe(epochs=1, batch_size=32, log_steps=1)


def losses(directory: Path) -> list[float]:
    return [json.loads(s)["loss"] for s in (directory / "train.jsonl").read_text().splitlines()]


def test_activation_checkpointing_changes_no_gradient() -> None:
    torch.manual_seed(0)
    net, images = Supernet(TINY, input_step=1 / 31), torch.from_numpy(digits(16)[0])
    net.initialise_steps(images)
    found = []
    for again in (False, True):
        net.zero_grad(set_to_none=True)
        net(images, TINY.largest(), checkpoint_activations=again).square().mean().backward()
        found.append({n: p.grad for n, p in net.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys() and len(found[0]) > 20
    assert all(torch.equal(found[1][name], grad) for name, grad in found[0].items())


def test_bfloat16_is_near_float32_and_keeps_weights_in_it(tmp_path: Path) -> None:
    plain = train(tmp_path / "plain", recipe=SHORT)
    mixed = train(tmp_path / "mixed", recipe=replace(SHORT, amp=True))
    assert all(p.dtype is torch.float32 for p in mixed.parameters())
    assert losses(tmp_path / "mixed") == pytest.approx(losses(tmp_path / "plain"), rel=0.05)
    assert not torch.equal(plain.head.weight, mixed.head.weight)


@pytest.mark.parametrize(("optimizer", "schedule"), [("lamb", "step"), ("sgd", "poly")])
def test_optimizers_and_schedules_of_timm(optimizer: str, schedule: str, tmp_path: Path) -> None:
    recipe = replace(SHORT, epochs=4, optimizer=optimizer, schedule=schedule, log_steps=0)
    before = train(tmp_path / "no", recipe=replace(recipe, learning_rate=0.0, epochs=1))
    after = train(tmp_path / "yes", recipe=recipe)
    assert not torch.equal(before.head.weight, after.head.weight)
    lines = (tmp_path / "yes" / "train.jsonl").read_text().splitlines()
    assert len({json.loads(line)["learning_rate"] for line in lines}) > 1


@pytest.mark.parametrize(("key", "value"), [("optimizer", "sdg"), ("schedule", "cosinus")])
def test_unknown_ones_are_refused(key: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"train.{key}"):
        train(tmp_path, recipe=replace(SHORT, **{key: value}))


def test_the_average_is_what_is_saved(tmp_path: Path) -> None:
    last = train(tmp_path / "last", recipe=SHORT)
    mean = train(tmp_path / "mean", recipe=replace(SHORT, ema_decay=0.99))
    start = train(tmp_path / "start", recipe=replace(SHORT, learning_rate=0.0))
    assert losses(tmp_path / "mean") == losses(tmp_path / "last"), "it trains the same"
    moved, averaged = ((net.head.weight - start.head.weight).norm().item() for net in (last, mean))
    assert 0 < averaged < moved


def test_tensorboard_has_what_the_log_has(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(tmp_path, recipe=replace(SHORT, tensorboard=True))
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = [event.value for event in events.Scalars("train/loss")]
    assert found == pytest.approx(losses(tmp_path), rel=1e-6)


@pytest.fixture
def teaching(tmp_path: Path) -> Recipe:
    """A recipe with a timm model saved here as its teacher."""
    torch.manual_seed(5)
    model = import_timm("timm").create_model("resnet10t", num_classes=10, in_chans=1)
    save_file(model.state_dict(), tmp_path / "teacher.safetensors")
    path = str(tmp_path / "teacher.safetensors")
    return replace(SHORT, teacher="resnet10t", teacher_file=path)


def test_a_teacher_of_timm_teaches(teaching: Recipe, tmp_path: Path) -> None:
    alone = train(tmp_path / "alone", recipe=SHORT)
    taught = train(tmp_path / "taught", recipe=teaching)
    ignored = train(tmp_path / "ignored", recipe=replace(teaching, teacher_alpha=0.0))
    assert not torch.equal(taught.head.weight, alone.head.weight)
    assert torch.equal(ignored.head.weight, alone.head.weight)
    teacher = load_teacher(teaching, num_classes=10, image_shape=(1, 8, 8))
    assert teacher is not None and not teacher.training
    assert not any(p.requires_grad for p in teacher.parameters())


def test_a_teacher_of_other_classes_is_refused(teaching: Recipe) -> None:
    with pytest.raises(ConfigError, match="resnet10t for 7 classes"):
        load_teacher(teaching, num_classes=7, image_shape=(1, 8, 8))
    with pytest.raises(ConfigError, match=r"train.teacher"):
        load_teacher(replace(teaching, teacher="resnet11x"), num_classes=10, image_shape=(1, 8, 8))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda t: t * torch.nan, "no finite numbers"),
        (lambda t: (10 * t).to(torch.int8), r"of torch\.int8, not torch\.float32"),
        (lambda t: t[:3], r"fc\.weight of shape \(3, 512\), not \(10, 512\)"),
        (lambda t: None, r"without 1 tensors such as fc\.weight"),
    ],
)
def test_a_teacher_of_damaged_weights_is_refused(
    teaching: Recipe, tmp_path: Path, change: Callable[[Tensor], Tensor | None], fault: str
) -> None:
    state = load_file(teaching.teacher_file)
    changed = change(state.pop("fc.weight"))
    state |= {} if changed is None else {"fc.weight": changed}
    torch.save({"model": state}, tmp_path / "bad.pth")
    recipe = replace(teaching, teacher_file=str(tmp_path / "bad.pth"))
    with pytest.raises(ConfigError, match=fault):
        load_teacher(recipe, num_classes=10, image_shape=(1, 8, 8))


def test_distillation_is_least_at_the_teachers_logits() -> None:
    told = torch.tensor([[2.0, 0.0, -1.0]])
    logits = told.clone().requires_grad_()
    distillation(logits, told, temperature=2.0).backward()
    assert logits.grad is not None and logits.grad.abs().max() < 1e-6
    worse = distillation(-told, told, temperature=2.0)
    assert worse > distillation(told, told, temperature=2.0)


def test_a_checkpoint_of_another_space_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(tmp_path, stop=2)
    with pytest.raises(CheckpointError, match=r"of the space 'tiny', not of 'wider'"):
        train_supernet(
            replace(TINY, name="wider", embed_dims=(16, 32)),
            source(96),
            recipe=SHORT,
            seed=0,
            input_step=1 / 31,
            directory=tmp_path,
        )


def test_losses_that_are_no_numbers_keep_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(SHORT, epochs=3, checkpoint_epochs=1)
    with pytest.raises(Killed):
        train(tmp_path, recipe=recipe, stop=2)
    good = (tmp_path / "checkpoint.safetensors").read_bytes()
    with monkeypatch.context() as patch, pytest.raises(TrainingError, match="last good checkpoint"):
        patch.setattr(
            "qnas.training.step.F.cross_entropy",
            lambda logits, *rest, **settings: logits.sum() * float("nan"),
        )
        train(tmp_path, recipe=recipe)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == good
    train(tmp_path, recipe=recipe)
    assert (tmp_path / "supernet.safetensors").exists()
