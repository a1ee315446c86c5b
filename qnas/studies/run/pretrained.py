"""The pretrained weights that a study names, and the check that its space contains them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qnas._util.timm_support import is_weights_file
from qnas.space import SearchSpace
from qnas.studies.config import Study
from qnas.studies.sections import require

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
