"""The header of a safetensors file: 8 bytes of length, little endian, then JSON padded with spaces.

Source: the format's description in the safetensors package.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from qnas._util.serialization import canonical_json

_ALIGNMENT_BYTES = 8  # tensors begin at a multiple of it
SEAL = "sha256 of the tensors"


def metadata_of(data: bytes) -> dict[str, str]:
    """The metadata of a whole file; ValueError or KeyError if it has none."""
    header, _ = _split(data)
    metadata: dict[str, str] = json.loads(header)["__metadata__"]
    return metadata


def in_order(data: bytes) -> bytes:
    """`data` with the keys of its header sorted.

    The safetensors package writes the keys of the metadata in a random order; sorted keys give
    files of equal contents equal bytes.
    """
    header, tensors = _split(data)
    return _joined(json.loads(header), tensors)


def sealed(data: bytes) -> bytes:
    """`data` with the SHA-256 of its tensors added to its metadata, and with sorted keys."""
    header, tensors = _split(data)
    content = json.loads(header)
    content["__metadata__"] = content.get("__metadata__", {}) | {SEAL: _sha256(tensors)}
    return _joined(content, tensors)


def is_whole(data: bytes) -> bool:
    """Whether the tensors match the file's seal; true for a file without a seal."""
    header, tensors = _split(data)
    seal = json.loads(header).get("__metadata__", {}).get(SEAL)
    return seal in (None, _sha256(tensors))


def _sha256(tensors: bytes) -> str:
    return hashlib.sha256(tensors).hexdigest()


def _joined(header: Any, tensors: bytes) -> bytes:
    text = canonical_json(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT_BYTES)
    return len(text).to_bytes(8, "little") + text + tensors


def _split(data: bytes) -> tuple[bytes, bytes]:
    end = 8 + int.from_bytes(data[:8], "little")
    return data[8:end], data[end:]
