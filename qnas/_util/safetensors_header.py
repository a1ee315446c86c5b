"""The header of a safetensors file: 8 bytes of length, little endian, then JSON padded with spaces.

Source: the format's description in the safetensors package.
"""

from __future__ import annotations

import json

from qnas._util.serialization import canonical_json

_ALIGNMENT_BYTES = 8  # tensors begin at a multiple of it


def metadata_of(data: bytes) -> dict[str, str]:
    """The metadata of a whole file; ValueError or KeyError if it has none."""
    header, _ = _split(data)
    metadata: dict[str, str] = json.loads(header)["__metadata__"]
    return metadata


def in_order(data: bytes) -> bytes:
    """The same file with its header's keys sorted.

    The package writes several keys of metadata in an order of chance; files of equal contents are
    to have equal bytes.
    """
    header, tensors = _split(data)
    text = canonical_json(json.loads(header)).encode()
    text += b" " * (-len(text) % _ALIGNMENT_BYTES)
    return len(text).to_bytes(8, "little") + text + tensors


def _split(data: bytes) -> tuple[bytes, bytes]:
    end = 8 + int.from_bytes(data[:8], "little")
    return data[8:end], data[end:]
