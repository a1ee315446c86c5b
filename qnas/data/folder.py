"""A folder of images in ImageNet's layout: `train/CLASS/*.jpg`, `val/CLASS/*.jpg`.

Classes are numbered in the order of their names, and files are ordered by folder and name, as in
torchvision's ImageFolder, so a folder always gives the same set. Without `train`, the subfolders
are the classes, and a share of the images is held out for the report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qnas.data.files import ImageFiles
from qnas.data.image_file import LEAST_RANGE, level_range
from qnas.data.image_reading import DEEP, SUFFIXES
from qnas.data.image_set import ImageSet
from qnas.data.layout import LAYOUT, Unread, find_layout, image_files, some, subfolders
from qnas.data.pixels import PixelConfig
from qnas.data.splits import spread
from qnas.errors import ConfigError, printable, problem

HEADERS = 200  # files whose headers are checked
DECODED = 8  # files that are decoded to be checked


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str  # relative to the root
    bytes: int
    label: int


def load_folder(root: Path, *, size: int, channels: int, pixels: PixelConfig) -> ImageSet:
    """List the images of a folder, which are decoded on access: those of `train`, `val` and `test`.

    Splits may have any name that `split_names` knows. If only one of `val` and `test` exists, it is
    held out for the report; if both do, the search uses `val`.

    Args:
        root: The folder.
        size: Height and width in pixels to which images are resized.
        channels: 3 for colour, 1 for grey.
        pixels: Conversion of pixels to numbers.

    Returns:
        Images (n, channels, size, size) in that order.

    Raises:
        ConfigError: The folder has no classes, a class has no images, a held-out class has no
            training images, folders look like splits under unknown names, or a checked file is not
            an image.
    """
    if not root.is_dir():
        raise ConfigError(problem("data", "must be a folder", root, "Check the path."))
    layout, unread = find_layout(root), Unread()
    for folder in {root, layout.train, layout.validation or root, layout.test or root}:
        _count_loose(folder, unread)
    classes = _classes(layout.train)
    validation, test = (
        _held_out_entries(root, folder, classes, unread)
        for folder in (layout.validation, layout.test)
    )
    train = _train_entries(root, layout.train, classes, unread)
    everything = [*train, *validation, *test]
    files = ImageFiles(
        root=root,
        names=tuple(entry.name for entry in everything),
        sizes=tuple(entry.bytes for entry in everything),
        size=size,
        channels=channels,
        pixels=pixels,
    )
    return ImageSet(
        name=f"folder:{root}",
        images=files,
        labels=np.array([entry.label for entry in everything], np.int64),
        num_classes=len(classes),
        input_step=pixels.input_step(channels),
        held_out=len(test or validation),
        validation=len(validation) if test else 0,
        class_names=tuple(classes),
        pixels=pixels,
        remarks=(
            *unread.remarks(root, _named(layout.others)),
            *_part_remarks(layout.train, list(classes)),
            *(_class_remarks(layout.validation, validation, classes) if layout.validation else ()),
            *(_class_remarks(layout.test, test, classes) if layout.test else ()),
            *_header_remarks(files),
            *_dark_remarks(files),
        ),
    )


def class_names(root: Path) -> tuple[str, ...]:
    """Names of the classes of a folder, in the order of their numbers; ConfigError as
    `load_folder`."""
    if not root.is_dir():
        raise ConfigError(problem("data", "must be a folder", root, "Check the path."))
    return tuple(_classes(find_layout(root).train))


def _classes(folder: Path) -> dict[str, int]:
    names = subfolders(folder)
    if len(names) < 2:
        rule = "must hold a folder of images for each class, two or more"
        value = f"{printable(names[0])} alone" if names else "no folder"
        inside = names and subfolders(folder / names[0])
        remedy = f"Name {printable(str(folder / names[0]))}, or lay it out." if inside else LAYOUT
        raise ConfigError(problem(str(folder), rule, value, remedy))
    return {name: label for label, name in enumerate(names)}


def _train_entries(root: Path, part: Path, classes: dict[str, int], unread: Unread) -> list[_Entry]:
    """List the training images.

    Raises:
        ConfigError: A class has none.
    """
    entries = _entries(root, part, classes, unread)
    counts = np.bincount([entry.label for entry in entries], minlength=len(classes))
    for name, label in classes.items():
        if not counts[label]:
            rule, others = f"must hold an image ({', '.join(SUFFIXES)})", Unread()
            image_files(part / name, others)
            remedy = "Add images, or remove the class."
            raise ConfigError(problem(str(part / name), rule, others.text() or "none", remedy))
    return entries


def _held_out_entries(
    root: Path, part: Path | None, classes: dict[str, int], unread: Unread
) -> list[_Entry]:
    """List the images of a split other than `train`.

    Raises:
        ConfigError: The split exists and has no images.
    """
    if part is None:
        return []
    found = subfolders(part)
    unknown = sorted(set(found) - set(classes))
    if unknown:
        rule = "must hold the classes that are trained on, and no others"
        raise ConfigError(problem(str(part), rule, some(unknown), "Move them away."))
    entries = _entries(root, part, {name: classes[name] for name in found}, unread)
    if not entries:
        rule = "must hold a folder of images for each class"
        raise ConfigError(problem(str(part), rule, "no image in one", LAYOUT))
    return entries


def _count_loose(folder: Path, unread: Unread) -> None:
    """Count files beside the folders of classes or splits."""
    loose = sum(entry.is_file() and entry.name[0] != "." for entry in folder.iterdir())
    if loose:
        unread.add("in no folder of a class", loose)


def _entries(root: Path, part: Path, classes: dict[str, int], unread: Unread) -> list[_Entry]:
    entries = []
    for name, label in classes.items():
        place = (part / name).relative_to(root).as_posix()
        files = image_files(part / name, unread)
        entries += [_Entry(f"{place}/{file}", size, label) for file, size in files]
    return entries


def _named(folders: tuple[str, ...]) -> str:
    return f"the folder{'s' * (len(folders) > 1)} {some(folders)}" if folders else ""


def _class_remarks(folder: Path, entries: list[_Entry], classes: dict[str, int]) -> Iterator[str]:
    lacking = len(classes) - len({entry.label for entry in entries})
    if lacking:
        held = f"all but {lacking:,} of {len(classes):,} classes"
        yield f"{printable(str(folder))} has images of {held}."


def _part_remarks(folder: Path, classes: list[str]) -> Iterator[str]:
    """A remark if all class folders hold the same folders, as folds of cross-validation do."""
    inside = subfolders(folder / classes[0])
    if len(inside) > 1 and all(subfolders(folder / name) == inside for name in classes[1:]):
        yield (
            f"The classes are {some(classes)}, and each of them holds the same folders,"
            f" {some(inside)}. If the classes are {some(inside)}, and the folders above them parts"
            f" of the images, as folds are: {LAYOUT}"
        )


def _header_remarks(files: ImageFiles) -> Iterator[str]:
    """Remarks on the headers of files spread evenly over the set.

    Raises:
        ConfigError: A file cannot be read.
    """
    places = spread(len(files), HEADERS).tolist()
    count = len(places)
    headers = dict(zip(places, files.each(places, files.header), strict=True))
    if files.pixels.white and not any(header.mode in DEEP for header in headers.values()):
        yield f"`white` is not used: none of {count:,} files looked at has more than 8 bits."
    several = [place for place, header in headers.items() if header.several]
    if several:
        yield (
            f"{len(several):,} of {count:,} files looked at hold several images, as"
            f" {printable(str(files.path(several[0])))} does: the first of each is read."
        )


def _dark_remarks(files: ImageFiles) -> Iterator[str]:
    """Remarks on a few decoded files that are almost uniform; damaged files are skipped."""
    places = spread(len(files), DECODED).tolist()
    if max(files.each(places, lambda place: _seen(files, place))) < LEAST_RANGE:
        yield (
            f"All of {len(places)} files looked at, as {printable(str(files.path(places[0])))},"
            f" use fewer than {LEAST_RANGE} of 256 levels: if their pixels have more than 8 bits,"
            " write the value of white as `white` under [images]."
        )


def _seen(files: ImageFiles, place: int) -> int:
    try:
        return level_range(files.decode(place))
    except ConfigError:
        return LEAST_RANGE
