"""A first study for the user's images: a space of their size and classes that the board can hold.

The choices of the spaces are those of `tiny28`, and of a network four times as wide for images of
64 pixels and more; `starter_study` takes the larger one of which all three reference subnets fit
the board, and the smaller one otherwise.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qnas._util.files import expanded
from qnas._util.serialization import decode, encode
from qnas.data import PixelConfig, check_data_name, load_data, peek_data
from qnas.data.files import ImageFiles
from qnas.data.splits import spread
from qnas.errors import ConfigError, printable, problem
from qnas.space import SearchSpace
from qnas.studies.config import Study, resolved
from qnas.studies.run.checks import inspect_data
from qnas.studies.run.feasibility import Feasibility, assess

SIZES = (16, 24, 32, 48, 64, 96, 128, 160, 192, 224)  # of images made from files
LOOKED_AT = 200  # files whose headers give the size and the channels
GREY_MODES = ("1", "L", "LA", "I", "I;16", "F")
MOST_PATCHES, WANTED_PATCHES = 200, 64
LEAST_PATCH = 2  # pixels: a patch of one has one channel, and says nothing of its neighbours
WIDE_FROM = 64  # pixels of an image from which the wider space is tried
STEPS, BATCH = 6000, 64  # of the training: the demo has 2,200 steps, Fashion-MNIST 5,340
MOST_EPOCHS = 200
WIDE: dict[str, Any] = {
    "head_dim": 32,
    "embed_dims": (64, 96, 128),
    "depths": (3, 4, 5, 6),
    "num_heads": (2, 3, 4),
    "mlp_ratios": (1.0, 2.0, 3.0),
}
NARROW: dict[str, Any] = {
    "head_dim": 16,
    "embed_dims": (16, 32, 48),
    "depths": (1, 2, 3),
    "num_heads": (1, 2),
    "mlp_ratios": (0.5, 1.0, 2.0),
}

TEMPLATE = """\
# {about}, on a {board}.
# `qnas check` says whether the board can do it, `qnas run` does it.
name = {name}  # of the folder {folder}
data = {data}
device = {device}  # `qnas devices` lists the boards
# clock_mhz = {clock}  # of the accelerator, in place of the board's
objectives = ["error", "latency", "dsp"]  # `qnas objectives` lists them
fps_targets = [{target}]  # each makes a pick; the middle subnet: {fps} FPS ({kernel})
verify_images = {verify_images}  # of the report split, that the C simulation runs; 0 for all

[space]  # the networks to search; the number of classes follows from the data
name = {space}
image_size = {size}  # pixels{resizing}
patch_size = {patch}  # {patches} patches
in_channels = {channels}  # {kind}
head_dim = {head_dim}  # channels of an attention head
embed_dims = {embed_dims}
depths = {depths}  # blocks
num_heads = {heads}  # of each block
mlp_ratios = {ratios}  # hidden units / embed dim, of each block

[search]
trials = {search.trials}
population = {search.population}
# batch = 8  # images of a pass: more FPS of a small network, for memory and a longer wait

[splits]  # shares of the images; the search never sees those that the report quotes
search_fraction = {splits.search_fraction}
report_fraction = {splits.report_fraction}

[train]
epochs = {train.epochs}
batch_size = {train.batch_size}
learning_rate = {train.learning_rate:g}
{augmentation}

# [tune]
# picks = true  # `qnas run` also fine-tunes each pick
"""
OF_ARRAYS = "augment = 0.5  # shifts of up to so many pixels"
OF_FILES = """\
min_crop = 0.5  # smallest share of an image's area in a random crop
flip = true  # false if a mirrored image would be of another class, as of text"""


@dataclass(frozen=True, slots=True)
class Images:
    """What is known of the user's images.

    Attributes:
        source: The study's value of `data`.
        size: Height and width that the network gets, in pixels.
        channels: 3 for colour, 1 for grey.
        count: Number of images.
        classes: Number of classes.
        names: Names of the classes; empty if the data set has none.
        resized: Whether files are resized to `size`.
    """

    source: str
    size: int
    channels: int
    count: int
    classes: int
    names: tuple[str, ...] = ()
    resized: bool = False


@dataclass(frozen=True, slots=True)
class Starter:
    """A study's TOML, and what it was made from."""

    text: str
    study: Study
    images: Images
    found: Feasibility


def look_at(source: str, *, size: int = 0) -> Images:
    """Find the size, channels and classes of a data set.

    Args:
        source: A folder of images in class folders, or what a study accepts as `data`.
        size: Height and width in pixels to which files are resized; 0 for the largest of SIZES that
            half of the images reach with their shorter side.

    Raises:
        UnknownNameError: It is no data set.
        ConfigError: Its images or classes have a fault, or are known only to a Python function.
    """
    if expanded(source).is_dir():
        source = f"folder:{source}"
    check_data_name(source)
    if source.startswith("folder:"):
        return _files(source, expanded(source.partition(":")[2]), size)
    header = peek_data(source, size=0, channels=3)
    if header is None:
        rule, remedy = "must be a folder or file of images", "Write the study yourself."
        raise ConfigError(problem("data", rule, f"{source}, a Python function", remedy))
    _, channels, height, _ = header.shape
    return Images(source, height, channels, header.shape[0], header.num_classes)


def _files(source: str, root: Path, size: int) -> Images:
    found = load_data(f"folder:{root}", size=32, channels=3, pixels=PixelConfig())
    files = found.images
    assert isinstance(files, ImageFiles)
    places = spread(len(files), LOOKED_AT)
    headers = list(files.each(places.tolist(), files.header))
    sides = sorted(min(header.width, header.height) for header in headers)
    median = sides[len(sides) // 2]
    fitting = [known for known in SIZES if known <= median]
    channels = 1 if all(header.mode in GREY_MODES for header in headers) else 3
    chosen = size or (fitting[-1] if fitting else SIZES[0])
    return Images(
        source, chosen, channels, len(files), found.num_classes, found.class_names, resized=True
    )


def starter_study(images: Images, device: str, *, name: str, folder: Path) -> Starter:
    """Make a study for `images` on `device`, whose file will be in `folder`.

    Raises:
        CapacityError: Not even the smaller space fits the device.
        ConfigError: The images cannot be divided into three splits, or no patch size divides them.
    """
    wide = images.size >= WIDE_FROM
    for choices in (WIDE, NARROW) if wide else (NARROW,):
        study = _study(images, device, choices, name=name, folder=folder)
        found = assess(study)
        if all(subnet.fits for subnet in found.reference_subnets):
            break
    found.require()
    inspect_data(study, study.search_space())
    return Starter(_text(images, study, found, folder), study, images, found)


def _study(
    images: Images, device: str, choices: dict[str, Any], *, name: str, folder: Path
) -> Study:
    space = SearchSpace(
        name=f"{name}_space",
        image_size=images.size,
        patch_size=_patch(images.size),
        in_channels=images.channels,
        num_classes=images.classes,
        **choices,
    )
    data = {
        "name": name,
        "space": encode(space),
        "data": _placed(images.source, folder),
        "device": device,
        "verify_images": min(50, images.count // 5),
        "train": {"epochs": _epochs(images.count), "batch_size": BATCH, "learning_rate": 2e-3},
    }
    return resolved(decode(Study, data, subject="study"), folder)


def _patch(size: int) -> int:
    """The patch size that divides an image into about WANTED_PATCHES."""
    possible = [p for p in range(LEAST_PATCH, size // 2 + 1) if size % p == 0]
    possible = [p for p in possible if (size // p) ** 2 <= MOST_PATCHES]
    if not possible:
        rule = "must have a divisor, from 2 on, that leaves at most 14 patches in a row"
        raise ConfigError(problem("image size", rule, size, "Give another --size."))
    return min(possible, key=lambda p: abs(math.log((size // p) ** 2 / WANTED_PATCHES)))


def _epochs(images: int) -> int:
    steps = max(math.ceil(0.6 * images / BATCH), 1)  # of an epoch: three fifths are trained on
    return min(max(round(STEPS / steps), 1), MOST_EPOCHS)


def _placed(source: str, folder: Path) -> str:
    """`source` with its path relative to `folder` if it lies there, else absolute."""
    kind, colon, text = source.partition(":")
    if not colon:
        return source
    path = expanded(text).resolve()
    inside = path.is_relative_to(folder.resolve())
    return f"{kind}:{path.relative_to(folder.resolve()) if inside else path}"


def _text(images: Images, study: Study, found: Feasibility, folder: Path) -> str:
    """The study's TOML, with a comment on every choice."""
    space, board = study.search_space(), found.device
    middle = found.reference_subnets[1].predicted
    fps = middle.value("fps") if middle else 0.0
    shown = ", ".join(images.names[:6]) + (", ..." if len(images.names) > 6 else "")
    kind = "colour" if images.channels == 3 else "grey"
    about = f"{images.count:,} {kind} images of {images.classes} classes"
    return TEMPLATE.format(
        about=f"{about} ({printable(shown)})" if shown else about,
        board=board.name,
        clock=f"{board.clock_mhz:g}",
        name=_toml(study.name),
        folder=f"runs/{study.name}",
        data=_toml(_placed(images.source, folder)),
        device=_toml(str(study.device)),
        target=_round_down(fps),
        fps=f"{fps:,.0f}",
        kernel=middle.title if middle else "does not fit",
        verify_images=study.verify_images,
        space=_toml(space.name),
        size=space.image_size,
        resizing="; files are resized to it and cropped to the centre" if images.resized else "",
        patch=space.patch_size,
        patches=(images.size // space.patch_size) ** 2,
        channels=space.in_channels,
        kind=kind,
        head_dim=space.head_dim,
        embed_dims=list(space.embed_dims),
        depths=list(space.depths),
        heads=list(space.num_heads),
        ratios=list(space.mlp_ratios),
        search=study.search,
        splits=study.splits,
        train=study.train,
        augmentation=OF_FILES if images.resized else OF_ARRAYS,
    )


def _round_down(value: float) -> int:
    """The largest number of two leading digits that is not above `value`."""
    scale = int(10 ** max(math.floor(math.log10(max(value, 1))) - 1, 0))
    return max(math.floor(value / scale) * scale, 1)


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
