"""Images that a user gave as arrays, kept in the run directory so that the run can be resumed."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from qnas._util.serialization import Value, canonical_json, decode
from qnas.data.files import ImageFiles
from qnas.data.image_set import ImageSet
from qnas.data.pixels import PixelConfig
from qnas.errors import CheckpointError, ConfigError, problem


@dataclass(frozen=True, slots=True)
class GivenImages(Value):
    """The entry of an ImageSet in a run's manifest: its name and its digest."""

    name: str
    digest: str

    @classmethod
    def of(cls, images: ImageSet) -> GivenImages:
        """Make the entry of `images`.

        Raises:
            ConfigError: The images are on disk; a study refers to those by name (`folder:DIR`).
        """
        if isinstance(images.images, ImageFiles):
            rule, remedy = "must be arrays, or the name of data", "Give `folder:DIR` instead."
            raise ConfigError(problem("data", rule, f"an ImageSet of files, {images.name}", remedy))
        return cls(images.name, images.digest)


def write_images(path: Path, images: ImageSet) -> None:
    """Write arrays, labels and all other fields to `path`, a safetensors file, atomically."""
    from safetensors.numpy import save_file

    fields = ("name", "num_classes", "input_step", "held_out", "validation")
    metadata = {field: str(getattr(images, field)) for field in fields}
    values = {"class_names": images.class_names, "pixels": images.pixels}
    metadata |= {field: canonical_json(value) for field, value in values.items()}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        save_file(
            {"images": images.images[:], "labels": images.labels}, temporary, metadata=metadata
        )
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_images(path: Path, given: GivenImages) -> ImageSet:
    """Read the ImageSet that `write_images` wrote.

    Raises:
        CheckpointError: The file is missing, or has other images.
    """
    from safetensors import SafetensorError

    try:
        found = _read(path)
        reason = f"others, digest {found.digest[:12]}"
        if found.digest == given.digest:
            return found
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
    rule = f"must hold the images that the run was given, digest {given.digest[:12]}"
    raise CheckpointError(problem(str(path), rule, reason, "Give the study its images again."))


def _read(path: Path) -> ImageSet:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        pixels = json.loads(metadata.get("pixels", "null"))
        return ImageSet(
            name=metadata["name"],
            images=file.get_tensor("images"),
            labels=file.get_tensor("labels"),
            num_classes=int(metadata["num_classes"]),
            input_step=float(metadata["input_step"]),
            held_out=int(metadata["held_out"]),
            validation=int(metadata["validation"]),
            class_names=tuple(json.loads(metadata.get("class_names", "[]"))),
            pixels=None if pixels is None else decode(PixelConfig, pixels, subject="pixels"),
        )
