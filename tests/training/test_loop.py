"""Training: reproducible, resumable after a kill, and it learns."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from safetensors.torch import load_file, save

from qnas._util.serialization import read_json
from qnas.architecture import Architecture
from qnas.errors import CheckpointError, ConfigError, TrainingError
from qnas.space import Singleton
from qnas.supernet.cpu import native
from qnas.supernet.model import Supernet
from qnas.supernet.storage import load_supernet
from qnas.training.augmentation import Affine, CropAndFlip, augment
from qnas.training.logs import Interval
from qnas.training.loop import train_supernet
from qnas.training.recipe import Recipe
from qnas.training.source import ArraySource
from qnas.training.step import spread_sample, step_subnets
from tests.tiny import TINY, digits

RECIPE = Recipe(epochs=6, batch_size=32, checkpoint_epochs=1, rerank_epochs=2)


class Killed(Exception):
    pass


def train(directory: Path, *, recipe: Recipe = RECIPE, seed: int = 0, stop: int = 99) -> Supernet:
    def on_interval(now: Interval) -> None:
        if now.epoch == stop:
            raise Killed

    return train_supernet(
        TINY,
        source(96),
        recipe=recipe,
        seed=seed,
        input_step=1 / 31,
        directory=directory,
        on_interval=on_interval,
    )


def source(count: int, *, shift_pixels: float = 0.5) -> ArraySource:
    transform = Affine(shift_pixels)
    return ArraySource(*digits(count), 10, transform, repr(transform))


def digest(directory: Path) -> str:
    return hashlib.sha256((directory / "supernet.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("stops", [(3, 5), (4,)])  # float, quantized; the end of the float phase
def test_interrupted_run_ends_bit_for_bit_like_an_uninterrupted_one(
    stops: tuple[int, ...], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, ema_decay=0.9)  # with the average of both phases
    train(tmp_path / "whole", recipe=recipe)
    for stop in stops:
        with pytest.raises(Killed):
            train(tmp_path / "parts", recipe=recipe, stop=stop)
    assert not (tmp_path / "parts" / "supernet.json").exists()
    train(tmp_path / "parts", recipe=recipe)
    assert digest(tmp_path / "parts") == digest(tmp_path / "whole")


@contextmanager
def handled(number: int) -> Iterator[None]:
    """The signal raises Killed, as an entry point may have it."""

    def handler(*_: object) -> None:
        raise Killed

    before = signal.signal(number, handler)
    try:
        yield
    finally:
        assert signal.signal(number, before) is handler  # the training put it back


def interrupted(directory: Path, *, number: int, step: int) -> None:
    """Train until a signal comes in the middle of the given step."""

    def on_interval(now: Interval) -> None:
        if now.step == step:
            signal.raise_signal(number)

    train_supernet(
        TINY,
        source(96),
        recipe=replace(RECIPE, log_steps=1, checkpoint_epochs=10),
        seed=0,
        input_step=1 / 31,
        directory=directory,
        on_interval=on_interval,
    )


@pytest.mark.parametrize(
    ("number", "step"),
    [(signal.SIGTERM, 2), (signal.SIGINT, 4), (signal.SIGTERM, 18)],  # of 18
)
def test_a_signal_writes_a_checkpoint_from_which_it_goes_on(
    number: int, step: int, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, log_steps=1, checkpoint_epochs=10)
    train(tmp_path / "whole", recipe=recipe)
    with handled(number), pytest.raises(Killed):
        interrupted(tmp_path / "parts", number=number, step=step)
    assert not (tmp_path / "parts" / "supernet.json").exists()
    steps: list[int] = []
    resumed = train_supernet(
        TINY,
        source(96),
        recipe=recipe,
        seed=0,
        input_step=1 / 31,
        directory=tmp_path / "parts",
        on_interval=lambda now: steps.append(now.step),
    )
    assert not resumed.training and steps == list(range(step + 1, 19))
    assert digest(tmp_path / "parts") == digest(tmp_path / "whole")


def test_a_checkpoint_is_written_after_so_many_minutes(tmp_path: Path) -> None:
    recipe = replace(RECIPE, checkpoint_epochs=10)
    often = replace(recipe, checkpoint_minutes=1e-9)
    train(tmp_path / "whole", recipe=recipe)
    for directory, given in (("seldom", recipe), ("often", often)):
        with pytest.raises(Killed):
            train(tmp_path / directory, recipe=given, stop=2)
    assert not (tmp_path / "seldom" / "checkpoint.safetensors").exists()
    assert (tmp_path / "often" / "checkpoint.safetensors").exists()
    train(tmp_path / "often", recipe=recipe)  # how often is no part of what was trained
    assert digest(tmp_path / "often") == digest(tmp_path / "whole")


def test_kill_minus_nine_and_resume(tmp_path: Path) -> None:
    train(tmp_path / "whole")
    code = (
        "import sys, pathlib\nfrom tests.training.test_loop import train\n"
        "train(pathlib.Path(sys.argv[1]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "killed")])
    checkpoint = tmp_path / "killed" / "checkpoint.safetensors"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    train(tmp_path / "killed")
    assert digest(tmp_path / "killed") == digest(tmp_path / "whole")


def passes(directory: Path) -> str:
    return str(read_json(directory / "supernet.json")["training"]["passes"])


def test_what_quantized_is_recorded_and_a_change_of_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path / "whole")
    before = native.operators("cpu")
    assert passes(tmp_path / "whole") == before
    with pytest.raises(Killed):
        train(tmp_path / "parts", stop=4)
    other = "torch" if before == "compiled" else "compiled"
    monkeypatch.setattr(native, "operators", lambda device, *, bfloat16: other)
    train(tmp_path / "parts")
    (told,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert passes(tmp_path / "parts") == f"{before}, from step 9 {other}" in told
    assert "differ from those of an uninterrupted one" in told


@pytest.mark.skipif(native.operators("cpu") == "torch", reason="no g++")
def test_the_same_seed_trains_other_weights_without_the_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this fails, the documentation says too little of the passes."""
    recipe = replace(RECIPE, epochs=1)
    train(tmp_path / "compiled", recipe=recipe)
    monkeypatch.setattr(native, "takes", lambda x: False)
    train(tmp_path / "torch", recipe=recipe)
    assert digest(tmp_path / "compiled") != digest(tmp_path / "torch")


def test_seeds_differ(tmp_path: Path) -> None:
    train(tmp_path / "a", seed=0)
    train(tmp_path / "b", seed=1)
    assert digest(tmp_path / "a") != digest(tmp_path / "b")


def test_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(tmp_path, stop=2)
    with pytest.raises(CheckpointError, match="other settings"):
        train(tmp_path, seed=1)


@pytest.mark.parametrize("damage", ["cut short", "one bit", "empty", "no metadata"])
def test_damaged_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    with pytest.raises(Killed):
        train(tmp_path, stop=2)
    path = tmp_path / "checkpoint.safetensors"
    whole = path.read_bytes()
    contents = {
        "cut short": whole[:100],
        "one bit": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
        "empty": b"",
        "no metadata": save({"a": torch.ones(2)}),
    }
    path.write_bytes(contents[damage])
    with pytest.raises(CheckpointError, match="must be a checkpoint of this run"):
        train(tmp_path)


def test_divergence_stops_with_a_remedy(tmp_path: Path) -> None:
    recipe = Recipe(epochs=3, batch_size=32)
    object.__setattr__(recipe, "learning_rate", 1e30)  # more than a recipe takes
    with pytest.raises(TrainingError, match=r"Lower train.learning_rate"):
        train(tmp_path, recipe=recipe)
    assert not (tmp_path / "supernet.safetensors").exists()


def test_it_learns(tmp_path: Path) -> None:
    losses: list[float] = []
    train_supernet(
        TINY,
        source(640, shift_pixels=0.0),
        recipe=Recipe(epochs=8, batch_size=64, sandwich=True),
        seed=0,
        input_step=1 / 31,
        directory=tmp_path,
        on_interval=lambda now: losses.append(now.loss),
    )
    # In floating point, and then on with quantizers: the first subnet of a sandwich is the largest.
    assert losses[3] < 0.9 * losses[0] and losses[-1] < 0.7 * losses[0]


def test_the_first_phase_trains_the_largest_in_floating_point_alone(tmp_path: Path) -> None:
    phases: list[str] = []
    recipe = replace(RECIPE, float_share=1.0, epochs=2)
    trained = train_supernet(
        TINY,
        source(96),
        recipe=recipe,
        seed=0,
        input_step=1 / 31,
        directory=tmp_path,
        on_interval=lambda now: phases.append(now.phase),
    )
    assert phases == ["float", "float"]
    again = Supernet(TINY, input_step=1 / 31)
    again.load_state_dict(trained.state_dict())
    again.calibrate(source(96).calibration(96))
    for name, tensor in trained.state_dict().items():  # its steps are calibrated
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_subnets_learn_from_the_largest_as_the_first_phase_left_it(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=2)
    taught = train(tmp_path / "taught", recipe=recipe)
    for name, change in (("labels", {"distill": "none"}), ("ignored", {"distill_alpha": 0.0})):
        train(tmp_path / name, recipe=replace(recipe, **change))  # type: ignore[arg-type]
    assert (
        digest(tmp_path / "labels") == digest(tmp_path / "ignored") != digest(tmp_path / "taught")
    )
    left = load_file(tmp_path / "taught" / "pretrained.safetensors")
    assert not torch.equal(left["head.weight"], taught.head.weight)


def test_a_lost_teacher_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(tmp_path, stop=5)
    (tmp_path / "pretrained.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"pretrained\.safetensors"):
        train(tmp_path)


def test_patches_are_left_out_of_the_first_phase_alone(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=2)
    whole = train(tmp_path / "whole", recipe=recipe)
    fewer = train(tmp_path / "fewer", recipe=replace(recipe, patch_drop=0.5))
    assert not torch.equal(whole.head.weight, fewer.head.weight)
    quantized = replace(recipe, float_share=0.0)
    train(tmp_path / "none", recipe=quantized)
    train(tmp_path / "dropped", recipe=replace(quantized, patch_drop=0.5))
    assert digest(tmp_path / "none") == digest(tmp_path / "dropped")


def test_somebody_without_a_terminal_hears_of_a_long_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qnas.training.session.SILENT_S", 0.0)
    steps: list[int] = []
    train_supernet(
        TINY,
        source(96),
        recipe=replace(RECIPE, epochs=2),
        seed=0,
        input_step=1 / 31,
        directory=tmp_path,
        on_interval=lambda now: steps.append(now.step),
    )
    assert steps == [1, 2, 3, 4, 5, 6]
    assert len((tmp_path / "train.jsonl").read_text().splitlines()) == 2  # one an epoch


def test_subnets_are_a_function_of_seed_and_step() -> None:
    recipe = Recipe(random_subnets=2, sandwich=True)
    first = step_subnets(TINY, 3, 7, recipe=recipe)
    assert first == step_subnets(TINY, 3, 7, recipe=recipe)
    assert first != step_subnets(TINY, 3, 8, recipe=recipe)
    assert first[0] == TINY.largest() and first[1] == TINY.smallest() and len(first) == 4


def test_without_a_sandwich_all_are_random() -> None:
    chosen = step_subnets(TINY, 3, 7, recipe=Recipe(random_subnets=3))
    assert len(chosen) == 3 and chosen[0] != TINY.largest()


def test_spread_sampling_reaches_both_ends_and_shrinks() -> None:
    wide = replace(TINY, embed_dims=(16, 24, 32), depths=(1, 2, 3, 4), num_heads=(1, 2, 3))
    rng = Random(0)

    def largest_share(archs: list[Architecture]) -> float:
        return sum(a.embed_dim == 32 and a.depth == 4 for a in archs) / len(archs)

    spread = [spread_sample(wide, rng) for _ in range(300)]
    assert all(arch in wide for arch in spread)
    assert largest_share(spread) > 1.5 * largest_share([wide.sample(rng) for _ in range(300)])
    assert any(a.embed_dim == 16 and a.depth == 1 for a in spread)
    recipe = Recipe(sampling="spread", shrink_share=0.5, random_subnets=64)
    early, late = (step_subnets(wide, 0, 0, recipe=recipe, done=done) for done in (0.0, 0.5))
    assert min(a.embed_dim for a in early) == 24 > min(a.embed_dim for a in late)


def test_a_subnet_alone_is_trained_once_a_step() -> None:
    arch = TINY.middle()
    assert step_subnets(Singleton(arch), 0, 0, recipe=RECIPE) == [arch]


@pytest.mark.parametrize(
    ("idea", "other"), [("sandwich", False), ("distill", "none"), ("layer_scaling", False)]
)
def test_an_idea_left_out_trains_something_else(
    idea: str, other: bool | str, tmp_path: Path
) -> None:
    recipe = Recipe(epochs=1, batch_size=32, sandwich=True, distill="largest")
    if idea == "sandwich":
        recipe = replace(recipe, distill="none")
    with_it = train(tmp_path / "with", recipe=recipe).state_dict()
    without = train(tmp_path / "without", recipe=replace(recipe, **{idea: other})).state_dict()  # type: ignore[arg-type]
    assert any(not torch.equal(with_it[name], without[name]) for name in with_it)
    scales = [tensor for name, tensor in without.items() if name.endswith("_scale")]
    untouched = all(torch.equal(tensor, torch.ones_like(tensor)) for tensor in scales)
    assert untouched == (idea == "layer_scaling")


def test_a_trained_subnet_goes_on_alone_with_the_same_rows(tmp_path: Path) -> None:
    supernet, arch = train(tmp_path / "shared"), TINY.middle()
    images, start = source(96).calibration(96), supernet.narrowed(arch)
    ranks = {n: t.clone() for n, t in start.state_dict().items() if n.endswith(".rank")}
    assert torch.equal(start(images, arch), supernet(images, arch))
    tuned = train_supernet(
        start.space,
        source(96),
        recipe=replace(RECIPE, epochs=2, float_share=0.0, rerank_until=0.0),
        seed=0,
        input_step=start.input_step,
        directory=tmp_path / "alone",
        start=start,
    )
    assert all(torch.equal(tuned.state_dict()[name], rank) for name, rank in ranks.items())
    loaded = load_supernet(tmp_path / "alone")
    assert loaded.space == Singleton(arch)
    assert not torch.equal(loaded.head.weight, supernet.narrowed(arch).head.weight)


def test_augmentation_moves_little_and_off_means_off() -> None:
    images = torch.from_numpy(digits(16)[0])
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(augment(images, shift_pixels=0.0, generator=generator), images)
    moved = augment(images, shift_pixels=0.5, generator=generator)
    assert moved.shape == images.shape
    assert 0 < (moved - images).abs().mean() < images.std()


def test_crops_move_by_whole_pixels_and_mirrors_are_mirrors() -> None:
    images, labels = (torch.from_numpy(part) for part in digits(64))
    generator = torch.Generator().manual_seed(0)
    mirrored, same = CropAndFlip(0, flip=True)(images, labels, generator)
    flipped = (mirrored == images.flip(-1)).flatten(1).all(1)
    assert torch.equal(same, labels) and 16 < flipped.sum() < 48
    assert (mirrored == images).flatten(1).all(1)[~flipped].all()
    moved, _ = CropAndFlip(1, flip=False)(images, labels, generator)
    inner = [
        (moved[:, :, 1:-1, 1:-1] == images[:, :, 1 + y : 7 + y, 1 + x : 7 + x]).flatten(1).all(1)
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
    ]
    assert torch.stack(inner).any(0).all() and all(0 < found.sum() < 64 for found in inner)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 0),
        ("learning_rate", -1.0),
        ("distill", "teacher"),
        ("distill", "largest"),
        ("random_subnets", 0),
        ("shrink_share", 0.5),  # needs sizes that are drawn evenly
    ],
)
def test_recipe_refuses_nonsense(key: str, value: float | str) -> None:
    with pytest.raises(ConfigError, match=f"train.{key}"):
        Recipe(**{"sampling": "uniform", key: value})  # type: ignore[arg-type]
