"""Images in arrays, in IDX files and in folders."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.cli.bad.case import STUDY, Bad


def _npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _idx(*shape: int, data: bytes = b"") -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + data


def cases() -> Iterator[Bad]:
    images, labels = np.arange(1920, dtype=np.uint8).reshape(30, 8, 8), np.arange(30) % 10
    good = _npz(images=images, labels=labels)
    plain, again = "must be an .npz file of plain arrays", "Write it again"
    unpickled = np.array([{"a": 1}] * 30, dtype=object)
    for name, content, subject, rule, value in (
        ("of objects", _npz(images=images, labels=unpickled), "i.npz", plain, "allow_pickle=False"),
        ("cut", good[:200], "i.npz", plain, ""),
        ("damaged", good[:50] + bytes(60) + good[110:], "i.npz", plain, ""),
        ("of no labels", _npz(images=images), "i.npz", "must hold `labels`", "images"),
        (
            "of large classes",
            _npz(images=images, labels=labels * 2**58),
            "labels",
            "must be",
            "25940",
        ),
        ("of two classes", _npz(images=images, labels=labels % 2), "classes", "must be 10", "2"),
        (
            "of other sizes",
            _npz(images=images[:, :4], labels=labels),
            "images",
            "must be (1, 8",
            "4",
        ),
        (
            "of no images",
            _npz(images=images[:0], labels=labels[:0]),
            "images",
            "must be (n, H, W)",
            "(0",
        ),
        ("of few", _npz(images=images[:10], labels=labels[:10]), "", "must", ""),
    ):
        text = STUDY.replace('data = "digits"', 'data = "numpy:i.npz"')
        remedy = again if rule == plain else ""
        yield Bad(
            f"arrays {name}",
            {"s.toml": text, "i.npz": content},
            "train s.toml",
            subject,
            rule,
            value,
            remedy,
        )
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz")
    kinds, idx, fetch = "must be (n, H, W)", "must be an IDX file", "Fetch the file again."
    labelled = gzip.compress(_idx(4, data=bytes(range(4))))
    for name, content, zipped, subject, rule, value in (
        ("that wraps", _idx(1 << 16, 1 << 16, 1 << 16, 1 << 16), labelled, "images", kinds, "65"),
        ("of axes", _idx(*[1] * 200, data=b"\1"), labelled, "images", idx, "200 dimensions"),
        ("of nothing", b"", labelled, "images", idx, "b''"),
        ("of no labels", _idx(4, 1, 1, data=b"abcd"), b"", "labels", idx, "b''"),
        ("of a header", b"\0\0\x08\x03\0", labelled, "images", idx, "5 bytes"),
        ("that is flat", _idx(4, data=b"abcd"), labelled, "images", kinds, "(4,)"),
        (
            "zipped badly",
            _idx(4, 1, 1, data=b"abcd"),
            b"\x1f\x8b\x08\0" + b"\0" * 30,
            "labels",
            "must be a whole",
            "",
        ),
        ("of letters", _idx(4, 1, 1, data=b"abcd"), _idx(4, data=b"0123"), "labels", "must", "51"),
    ):
        text = STUDY.replace('data = "digits"', 'data = "idx:d"')
        files = {"s.toml": text, f"d/{names[0]}": content, f"d/{names[1]}": zipped}
        remedy = "" if rule in (kinds, "must") else fetch
        yield Bad(f"IDX {name}", files, "train s.toml", subject, rule, value, remedy)
    for name, path, rule in (
        ("without classes", "d/train/image.png", "must hold a folder of images for each class"),
        ("with an empty class", "d/train/a/notes.txt", "must hold an image"),
        ("that is none", "d", "must be a folder"),
    ):
        text = STUDY.replace('data = "digits"', 'data = "folder:d"')
        files = {"s.toml": text, path: "", **({"d/train/b/n.txt": ""} if "/a/" in path else {})}
        yield Bad(f"folder {name}", files, "train s.toml", "d", rule, "", "")
