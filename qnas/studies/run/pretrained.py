"""A user's own weights: those that a study starts from, and the study of a trained ViT, with its
architecture fixed and its row widths searched."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from qnas._util.timm_support import is_weights_file
from qnas.data.pixels import PixelConfig
from qnas.space import SearchSpace
from qnas.studies.config import Study, resolved
from qnas.studies.sections import SearchConfig, TuneConfig, require
from qnas.studies.sources import DataSource, DeviceSource, plain_name, stem_of
from qnas.supernet.post_training.settings import PostTraining
from qnas.training.recipe import Recipe

if TYPE_CHECKING:
    from qnas.supernet.pretrained import Imported, Pretrained


def pretrained_of(config: Study) -> Pretrained:
    """The weights that a study starts from, with the properties that the study states."""
    from qnas.supernet.pretrained import Pretrained

    return Pretrained(
        config.pretrained,
        model=config.pretrained_model,
        heads=config.pretrained_heads,
        activation=config.pretrained_activation,
        epsilon=config.pretrained_epsilon,
        qk_norm=config.pretrained_qk_norm,
        pooling=config.pretrained_pooling,
    )


def check_weights(config: Study, space: SearchSpace) -> Imported | None:
    """Report what a supernet of `space` would load from the study's file of weights.

    Returns None if the study names no file; weights that timm downloads are checked when training
    begins. Raises ConfigError if the file, or a teacher's file, is missing, and as
    `load_pretrained`.
    """
    for key, file in (
        ("pretrained", config.pretrained),
        ("teacher_file", config.train.teacher_file),
    ):
        path = Path(file)
        there = path.is_file() or (key == "pretrained" and path.is_dir())
        require(there or not is_weights_file(file), key, "must be a file that exists", file)
    if not is_weights_file(config.pretrained):
        return None
    from qnas.supernet.pretrained.load import check_pretrained

    imported = check_pretrained(space, pretrained_of(config))
    check_calibrated(config, imported)
    return imported


def check_calibrated(config: Study, imported: Imported) -> None:
    """Raise ConfigError if a study with [post_training] would quantize another network than the
    pretrained one."""
    if not config.post_training:
        return
    head = "" if imported.head else "the head is not loaded"
    fault = "; ".join(filter(None, (imported.outside, head)))
    rule = "must have a space that holds the pretrained ViT and its head, as nothing is trained"
    require(not fault, "post_training", rule, fault)


def other_pixels(config: Study, imported: Imported) -> tuple[str, ...]:
    """A remark if the study normalises its images differently from the images that the weights were
    trained on, where both are known."""
    if not imported.mean or not config.data_name.startswith(("folder:", "idx:")):
        return ()
    own = config.images.statistics(imported.architecture.in_channels)
    mean, std = ([round(float(value), 4) for value in values.flatten()] for values in own)
    theirs = [[round(v, 4) for v in values] for values in (imported.mean, imported.std)]
    if theirs == [mean, std]:
        return ()
    return (
        f"its images had mean {theirs[0]} and std {theirs[1]}, those of the study have {mean} and "
        f"{std}: see [images]",
    )


OBJECTIVES = ("error", "latency")
SEARCH = SearchConfig(trials=160, population=32, dsp_shares=(1.0,))
# A few epochs near the calibrated weights; mild crops, as the model is trained already.
TUNE = TuneConfig(epochs=5, learning_rate=1e-4, step_learning_rate=1e-4)
TRAIN = Recipe(min_crop=0.6)
POST_TRAINING = PostTraining(images=512)
READ_FROM_FILES = ("folder:", "idx:")  # data whose bytes [images] makes into numbers


def study_of_model(
    model: str,
    *,
    data: DataSource,
    device: DeviceSource,
    name: str = "",
    image_size: int = 0,
    activation_bits: int = 6,
    fps_targets: tuple[int, ...] = (),
    timm_model: str = "",
    heads: int = 0,
    activation: str = "",
    epsilon: float = 0.0,
    qk_norm: bool | None = None,
    pooling: str = "",
    images: PixelConfig | None = None,
    search: SearchConfig = SEARCH,
    tune: TuneConfig = TUNE,
    post_training: PostTraining = POST_TRAINING,
    seed: int = 0,
) -> Study:
    """Read `model` and make the study that quantizes it; the arguments are those of
    `qnas.quantize`. Raises as `own_model` and `Study`."""
    from qnas.supernet.pretrained.own_space import own_model

    rule = "must be at least 1, as nothing is trained"
    require(bool(post_training), "post_training.images", rule, post_training.images)
    stem = _stem(model)
    begun = resolved(
        Study(
            name or f"{stem}_{plain_name(stem_of(device))}",
            space="digits",  # until the model is read
            data=data,
            device=device,
            objectives=OBJECTIVES,
            seed=seed,
            fps_targets=fps_targets,
            pretrained=model,
            pretrained_model=timm_model,
            pretrained_heads=heads,
            pretrained_activation=activation,
            pretrained_epsilon=epsilon,
            pretrained_qk_norm=qk_norm,
            pretrained_pooling=pooling,
            images=images or PixelConfig(),
            search=search,
            train=TRAIN,
            tune=tune,
            post_training=post_training,
        ),
        Path.cwd(),
    )
    own = own_model(
        pretrained_of(begun), name=stem, image_size=image_size, activation_bits=activation_bits
    )
    if images is None and own.mean and begun.data_name.startswith(READ_FROM_FILES):
        images = PixelConfig(mean=own.mean, std=own.std)
    return dataclasses.replace(begun, space=own.space, images=images or PixelConfig())


def _stem(model: str) -> str:
    """A plain name for a model: of its file or folder, or timm's."""
    path = Path(model.rstrip("/")) if is_weights_file(model) else None
    return plain_name((path.stem or path.resolve().name) if path else model, "model")
