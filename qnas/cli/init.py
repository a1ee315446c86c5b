"""`qnas init`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas._util.files import expanded
from qnas.cli.output import note, result, settings

if TYPE_CHECKING:
    from qnas.studies.starter import Starter

DEVICE = "zcu102"


@click.command("init")
@click.argument("data", metavar="DATA")
@click.option(
    "--device", help="Board: a name, or the path of a TOML file. Asked for on a terminal."
)
@click.option("--name", help="Name of the study. Default: from the folder's name.")
@click.option(
    "--size",
    type=click.IntRange(min=4),
    help="Height and width in pixels to which files are resized. Default: from the files.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write. Default: NAME.toml",
)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def command(
    data: str, device: str | None, name: str | None, size: int | None, out: Path | None, force: bool
) -> None:
    """Write a commented study for your images, which `qnas check` accepts.

    DATA is a folder of images, one folder a class (CLASS/IMAGE, or train/CLASS/IMAGE and
    val/CLASS/IMAGE); or what a study takes as `data`, such as numpy:FILE.npz. Classes, image size
    and channels are read from the files. The space is one that the board can hold.
    """
    from qnas._util.serialization import write_atomically
    from qnas.studies.sources import plain_name
    from qnas.studies.starter import look_at, starter_study

    images = look_at(data, size=size or 0)
    name = name or plain_name(expanded(data.rpartition(":")[2]).resolve().stem)
    path = out or Path(f"{name}.toml")
    _refuse_existing(path, force=force)
    device = device or _asked_device()
    made = starter_study(images, _placed(device, path), name=name, folder=path.parent)
    write_atomically(path, made.text)
    result(lambda: _document(made, path), lambda: _show(made, path))


def _refuse_existing(path: Path, *, force: bool) -> None:
    from qnas.errors import ConfigError, problem

    if path.exists() and not force:
        rule, remedy = "must be a new file", "Give another --out, or --force to replace it."
        raise ConfigError(problem(str(path), rule, "one that exists", remedy))


def _asked_device() -> str:
    """The board that the user of a terminal names; DEVICE elsewhere."""
    from qnas.accel.device import device_names

    if not (sys.stdin.isatty() and sys.stdout.isatty()) or settings().json or settings().quiet:
        note(f"No --device: the study is for {DEVICE}. `qnas devices` lists others.")
        return DEVICE
    names = device_names()
    click.echo(f"Boards: {', '.join(names)}")
    answer: str = click.prompt("Which board", default=DEVICE, type=click.Choice(names))
    return answer


def _placed(device: str, path: Path) -> str:
    """A device's file as it is written in a study at `path`: absolute."""
    return str(Path(device).resolve()) if device.endswith(".toml") else device


def _document(made: Starter, path: Path) -> dict[str, Any]:
    """What --json prints."""
    return {
        "file": str(path),
        "study": made.study.name,
        "images": made.images,
        "device": made.found.device.name,
        "space": made.study.search_space(),
    }


def _show(made: Starter, path: Path) -> None:
    images, space = made.images, made.study.search_space()
    kind = "colour" if images.channels == 3 else "grey"
    click.echo(f"{images.count:,} {kind} images of {images.classes} classes, {images.size} pixels.")
    size = f"embed dim {space.embed_dims[0]} to {space.embed_dims[-1]}"
    click.echo(
        f"A space of 10^{space.log10_size():.0f} networks, {size}, fits {made.found.device.name}."
    )
    click.echo(f"Study: {path}. Next: `qnas check {path}`, then `qnas run {path}`.")
