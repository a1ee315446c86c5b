"""From an image file to a class: the host programs, in Python and in C++, against the reference."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.hls.emit.project import emit_project
from qnas.data.files import ImageFiles
from qnas.data.pixels import PixelConfig
from qnas.data.preprocessing import Preprocessing
from qnas.errors import ConfigError
from qnas.integer.network import IntegerNetwork
from tests.accel.projects import Design, design, small

NAMES = ("cat", 'a "quoted" one', "what??/", "back\\slash", "naïve", "日本", "two\nlines")
needs_libraries = pytest.mark.skipif(
    any(
        subprocess.run(["pkg-config", "--exists", name]).returncode
        for name in ("libjpeg", "libpng")
    )
    if shutil.which("pkg-config")
    else True,
    reason="no libjpeg or libpng",
)


@dataclass(frozen=True)
class Exported:
    """A project with its programs built, and what its training did to images."""

    folder: Path
    network: IntegerNetwork
    pixels: PixelConfig

    def reference(self, files: list[Path]) -> NDArray[np.int64]:
        """(n, classes): qnas's own reading and integer network."""
        arch = self.network.architecture
        images = ImageFiles(
            files[0].parent,
            tuple(file.name for file in files),
            (1,) * len(files),
            arch.image_size,
            arch.in_channels,
            self.pixels,
        )
        return self.network.logits(self.network.quantize_images(images[:]))

    def run(self, program: str, *arguments: str | Path, stdin: bytes = b"") -> Any:
        command = [sys.executable, "host/run.py"] if program == "python" else ["build/classify"]
        return subprocess.run(
            [*command, *map(str, arguments)], cwd=self.folder, input=stdin, capture_output=True
        )

    def answers(self, program: str, *arguments: str | Path, stdin: bytes = b"") -> list[Any]:
        done = self.run(program, *arguments, "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return [json.loads(line) for line in done.stdout.splitlines()]


def images_design(channels: int) -> Design:
    """The small design, of 12 x 12 pixels; of colours it takes three images a pass."""
    first = small()
    arch = replace(first.network.architecture, in_channels=channels, image_size=12)
    return design(arch, replace(first.plan.folding, batch=channels))


def emitted(channels: int, preprocessing: Preprocessing | None) -> tuple[IntegerNetwork, Any]:
    chosen = images_design(channels)
    network = replace(chosen.network, logit_step=1 / 4096)
    return network, emit_project(
        [KernelNetwork(network, chosen.plan, "small")],
        name="small",
        images=chosen.images,
        labels=chosen.labels,
        preprocessing=preprocessing,
    )


@pytest.fixture(
    scope="module",
    params=[
        (3, PixelConfig(crop=0.9)),
        pytest.param(
            (1, PixelConfig(interpolation="bilinear", background=90)), marks=pytest.mark.slow
        ),
    ],
    ids=["colour", "grey"],
)
def exported(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Exported:
    channels, pixels = request.param
    network, files = emitted(channels, Preprocessing(NAMES, pixels))
    folder = tmp_path_factory.mktemp("images") / "project"
    files.write(folder)
    build = ["make", "-s", "sim", "classify", "CXXFLAGS=-O0"]
    subprocess.run(build, cwd=folder, check=True, capture_output=True)
    return Exported(folder, network, pixels)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return sorted(write_images(tmp_path_factory.mktemp("files")))


def write_images(folder: Path) -> list[Path]:
    """JPEG, PNG and PPM files of every kind of pixel, wide and tall, smaller and larger."""
    rng = np.random.default_rng(0)
    for height, width in ((40, 57), (131, 64), (12, 12), (13, 30), (5, 11), (300, 200)):
        name = f"{height}x{width}"
        row, column = np.mgrid[0:height, 0:width]
        waves = [127 + 100 * np.sin(column / 7 + c) * np.cos(row / (5 + c)) for c in range(4)]
        noisy = np.stack(waves, -1) + rng.normal(0, 20, (height, width, 4))
        rgba = np.clip(noisy, 0, 255).astype(np.uint8)
        colour = Image.fromarray(np.ascontiguousarray(rgba[..., :3]))
        grey, palette = colour.convert("L"), colour.quantize(16)
        colour.save(folder / f"colour{name}.jpg", quality=60)
        colour.save(folder / f"smooth{name}.jpg", quality=90, subsampling=1, progressive=True)
        grey.save(folder / f"grey{name}.jpg")
        for kind, image in {
            "colour": colour,
            "grey": grey,
            "palette": palette,
            "bits": grey.convert("1"),
            "alpha": Image.fromarray(rgba),
            "deep": Image.fromarray(rgba[..., 0].astype(np.uint16) * 257),
        }.items():
            image.save(folder / f"{kind}{name}.png")
        palette.save(folder / f"keyed{name}.png", transparency=3)
        colour.save(folder / f"colour{name}.ppm")
        grey.save(folder / f"grey{name}.pgm")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        colour.save(folder / f"turned{orientation}.jpg", exif=exif)
        colour.save(folder / f"turned{orientation}.png", exif=exif)
        said = f'<x tiff:Orientation="{orientation}"/>'.encode()
        colour.save(folder / f"described{orientation}.jpg", xmp=said)
    return list(folder.iterdir())


@pytest.mark.parametrize("program", ["python", pytest.param("c++", marks=needs_libraries)])
def test_every_kind_of_file_gives_the_references_logits(
    program: str, exported: Exported, files: list[Path]
) -> None:
    found = exported.answers(program, files[0].parent)
    assert [one["image"] for one in found] == [str(file) for file in files]
    expected = exported.reference(files)
    wrong = [
        file.name
        for file, one, logits in zip(files, found, expected, strict=True)
        if one["logits"] != logits.tolist()
    ]
    assert not wrong
    classes = expected.argmax(axis=1)
    assert [one["class"] for one in found] == classes.tolist() and len({*classes.tolist()}) > 1
    assert [one["name"] for one in found] == [NAMES[index] for index in classes]
    weights = np.exp((expected - expected.max(axis=1, keepdims=True)) / 4096)
    scores = np.array([one["scores"] for one in found])
    assert np.allclose(scores, weights / weights.sum(axis=1, keepdims=True), rtol=1e-4)


@pytest.mark.parametrize("program", ["python", pytest.param("c++", marks=needs_libraries)])
def test_a_stream_gives_what_its_frames_as_files_give(
    program: str, exported: Exported, files: list[Path]
) -> None:
    frames = [file for file in files if file.suffix in (".ppm", ".pgm")]
    found = exported.answers(program, "-", stdin=b"".join(file.read_bytes() for file in frames))
    assert [one["image"] for one in found] == [f"frame {i}" for i in range(len(frames))]
    assert [one["logits"] for one in found] == exported.reference(frames).tolist()
    done = exported.run(program, "-", stdin=frames[0].read_bytes()[:-1])
    assert done.returncode == 2 and b"must end with a whole frame" in done.stderr


@pytest.mark.parametrize("program", ["python", pytest.param("c++", marks=needs_libraries)])
def test_people_read_the_class_the_scores_and_the_times(
    program: str, exported: Exported, files: list[Path]
) -> None:
    some = files[:4]
    done = exported.run(program, *some, "--batch", "2", "--top", "2")
    lines = done.stdout.decode().replace("two\nlines", "two lines").splitlines()
    assert done.returncode == 0 and len(lines) == 5
    for file, logits, line in zip(some, exported.reference(some), lines, strict=False):
        best, second = np.argsort(-logits, kind="stable")[:2]
        names = [NAMES[index].replace("\n", " ") for index in (best, second)]
        assert line.startswith(f"{file}: {names[0]} ({names[0]} ") and f"%, {names[1]} " in line
    assert "of the C simulation" in lines[-1] and "images/s in calls of up to 2" in lines[-1]
    alone = "in a pass of 3 that it fills alone" in lines[-1]
    assert alone == (exported.network.architecture.in_channels == 3)


@pytest.mark.parametrize("program", ["python", pytest.param("c++", marks=needs_libraries)])
def test_a_damaged_file_is_named_and_the_others_are_answered(
    program: str, exported: Exported, files: list[Path], tmp_path: Path
) -> None:
    good = [file for file in files if file.stem == "colour40x57"]
    for file in good:
        shutil.copy(file, tmp_path / f"good{file.suffix}")
        cut = file.read_bytes()[: file.stat().st_size // 2]
        (tmp_path / f"cut{file.suffix}").write_bytes(cut)
    (tmp_path / "text.jpg").write_text("not an image")
    done = exported.run(program, tmp_path, "--json")
    assert done.returncode == 1
    names = [Path(json.loads(line)["image"]).name for line in done.stdout.splitlines()]
    assert names == ["good.jpg", "good.png", "good.ppm"]
    for name in (b"cut.jpg", b"cut.png", b"cut.ppm", b"text.jpg"):
        assert name in done.stderr


@needs_libraries
def test_the_programs_refuse_what_is_not_theirs(exported: Exported, files: list[Path]) -> None:
    for program in ("python", "c++"):
        for arguments, reason in (
            ((), b"input must be given"),
            ((files[0], "--batch", "-1"), b"must be at least 1"),
            ((files[0], "--network", "other"), b"got 'other'" if program == "python" else b"other"),
            (("--camera", "0"), b"apt install"),
        ):
            done = exported.run(program, *arguments)
            assert done.returncode == 2 and reason in done.stderr, (program, arguments)
    weights = exported.folder / "data" / "weights.bin"
    whole = weights.read_bytes()
    try:
        weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        for program in ("python", "c++"):
            done = exported.run(program, files[0])
            assert done.returncode == 2 and b"Copy the project again" in done.stderr
    finally:
        weights.write_bytes(whole)


def test_a_project_without_pixels_says_so(tmp_path: Path) -> None:
    _, files = emitted(1, None)
    facts = json.loads(files["host/preprocessing.json"])
    assert facts == {"class_names": [*"0123456"], "image": None}
    assert "IMAGES.npy" in files["README.md"].decode()
    with pytest.raises(ConfigError, match="one a class"):
        emitted(1, Preprocessing(("cat", "dog")))
