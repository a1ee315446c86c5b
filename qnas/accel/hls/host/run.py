"""Classify images:  python host/run.py INPUT... [--backend sim|pynq|xrt] [--binary FILE]

INPUT is an image file (JPEG, PNG and others), a folder of them, an .npy file of (B, C, H, W) floats
normalised as for training, or - for a stream of PPM frames; --camera takes frames of a camera.
Prints a line an image: its name, its class and the most likely classes with their scores; then how
long the calls of the kernel took. Exit status 1 if a file cannot be read, 2 for what does not
belong to this design.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from backends import BACKENDS, BATCH, Backend
from numpy.typing import NDArray
from preprocessing import Floats, Preprocessing, camera, inputs
from qnas_host import Design, HostError

HERE = Path(__file__).resolve().parent
T = TypeVar("T")


def main() -> int:
    options = _options()
    try:
        return _run(options)
    except BrokenPipeError:  # what reads the output has seen enough
        return 0
    except ModuleNotFoundError as error:
        whose = " It comes with the board's or the card's software." if options.binary else ""
        text = f"the Python package `{error.name}` must be installed; got none.{whose}"
        print(f"run.py: {text}", file=sys.stderr)
        return 2
    except (HostError, OSError, ValueError, ImportError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help="file, folder, .npy, or -")
    parser.add_argument("--camera", help="0 or /dev/video0, or a film: frames by OpenCV")
    parser.add_argument("--backend", choices=sorted(BACKENDS), default="sim")
    parser.add_argument("--binary", help="bitstream (pynq), .xclbin (xrt) or library (sim)")
    parser.add_argument("--batch", type=int, help=f"images a call: {BATCH}, or 1 of a stream")
    parser.add_argument("--network", default="0", help="index or label, where there are several")
    parser.add_argument("--top", type=int, default=5, help="classes that a line names")
    parser.add_argument("--json", action="store_true", help="a JSON object a line, with all logits")
    parser.add_argument("--logits", help="write (B, classes) integers to this .npy file")
    return parser.parse_args()


def _run(options: argparse.Namespace) -> int:
    design, reader = Design(HERE.parent), Preprocessing(HERE.parent)
    network = design.network(options.network)
    stream = options.camera is not None or "-" in options.inputs
    usual = 1 if stream else design.whole_passes(BATCH)
    batch = options.batch if options.batch is not None else usual
    if not (options.inputs or options.camera):
        raise HostError("An input must be given; got none. Name files, a folder, or a camera.")
    if options.backend != "sim" and not options.binary:
        raise HostError(f"`--binary` must be given for {options.backend}; got nothing.")
    if batch < 1 or options.top < 1:
        raise HostError("`--batch` and `--top` must be at least 1; got less.")
    arguments = (options.binary,) if options.binary else ()
    backend = BACKENDS[options.backend](design, *arguments, batch=batch)
    if options.camera or any(not one.endswith(".npy") for one in options.inputs):
        reader.load()
    images = inputs(options.inputs, reader)
    if options.camera is not None:
        images = camera(options.camera, reader)
    kept, times, failed = [], Times(), False
    for name, found in answers(images, backend, design, network.index, times=times):
        if isinstance(found, HostError):
            print(f"run.py: {found}", file=sys.stderr)
            failed = True
            continue
        kept += [found] if options.logits else []
        row = Answer(name, found, reader.class_names, network.logit_step)
        print(row.as_json() if options.json else row.line(options.top), flush=stream)
    if options.logits:
        np.save(options.logits, np.array(kept, dtype=np.int32).reshape(-1, design.classes))
    if not options.json:
        print(times.text(pass_images=design.pass_images, simulated=options.backend == "sim"))
    return int(failed)


@dataclass
class Times:
    """Seconds of the first call, which takes one image, and of the others with their images."""

    first_s: float | None = None
    others: list[tuple[int, float]] = field(default_factory=list)
    read: list[float] = field(default_factory=list)

    def add(self, images: int, seconds: float) -> None:
        """Add a call."""
        if self.first_s is None:
            self.first_s = seconds
        else:
            self.others.append((images, seconds))

    def text(self, *, pass_images: int = 1, simulated: bool) -> str:
        """One line for people. Images that only fill a pass are not counted."""
        if self.first_s is None:
            return "no image"
        parts = [f"first image {self.first_s * 1e3:.3f} ms"]
        if pass_images > 1:
            parts[0] += f", in a pass of {pass_images} that it fills alone"
        if self.others:
            images, seconds = (sum(column) for column in zip(*self.others, strict=True))
            most = max(count for count, _ in self.others)
            parts.append(f"{images / seconds:,.1f} images/s in calls of up to {most}")
        parts.append(f"read and resized in {1e3 * sum(self.read) / len(self.read):.3f} ms an image")
        note = " (of the C simulation: nothing about a board)" if simulated else ""
        return f"calls of the kernel{note}: {'; '.join(parts)}"


def answers(
    images: Iterable[tuple[str, Floats | HostError]],
    backend: Backend,
    design: Design,
    network: int,
    *,
    times: Times,
) -> Iterator[tuple[str, NDArray[np.int32] | HostError]]:
    """Name and logits (classes,) of every image, in order. The first image gets a call of its own,
    for its time; the others share calls of `backend.batch`."""
    timed, size = _timed(images, times.read), 1
    while part := list(islice(timed, size)):
        good = [image for _, image in part if not isinstance(image, HostError)]
        logits: Iterator[NDArray[np.int32]] = iter(())
        if good:
            words = np.concatenate([design.image_words(image[None], network) for image in good])
            start = time.perf_counter()
            raw = backend.run(words, network)
            times.add(len(good), time.perf_counter() - start)
            logits = iter(design.logits(raw))
            size = backend.batch
        for name, image in part:
            yield name, image if isinstance(image, HostError) else next(logits)


def _timed(items: Iterable[T], seconds: list[float]) -> Iterator[T]:
    waiting = iter(items)
    while True:
        start = time.perf_counter()
        try:
            item = next(waiting)
        except StopIteration:
            return
        seconds.append(time.perf_counter() - start)
        yield item


@dataclass
class Answer:
    """The logits of an image, and what they say."""

    image: str
    logits: NDArray[np.int32]
    class_names: list[str]
    logit_step: float | None

    @property
    def order(self) -> list[int]:
        """Classes, the most likely first; the lower number of equal ones."""
        return np.argsort(-self.logits.astype(np.int64), kind="stable").tolist()

    @property
    def scores(self) -> NDArray[np.float64] | None:
        """(classes,): the softmax of the logits in their step; None if the step is not known."""
        if self.logit_step is None:
            return None
        steps = (self.logits.astype(np.float64) - self.logits.max()) * self.logit_step
        return np.exp(steps) / np.exp(steps).sum()

    def line(self, top: int) -> str:
        """One line for people: the class, then `top` classes with their scores."""
        scores, first = self.scores, self.order[:top]
        said = [
            f"{self.class_names[index]} {int(self.logits[index])}"
            if scores is None
            else f"{self.class_names[index]} {scores[index]:.1%}"
            for index in first
        ]
        return f"{self.image}: {self.class_names[first[0]]} ({', '.join(said)})"

    def as_json(self) -> str:
        """One line for programs."""
        scores, best = self.scores, self.order[0]
        facts: dict[str, Any] = {
            "image": self.image,
            "class": best,
            "name": self.class_names[best],
            "logits": self.logits.tolist(),
            "scores": None if scores is None else scores.tolist(),
        }
        return json.dumps(facts)


if __name__ == "__main__":
    sys.exit(main())
