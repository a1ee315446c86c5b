"""Files of equal contents have equal bytes, whatever order the package writes its header in."""

from __future__ import annotations

import json

import numpy as np
from safetensors.numpy import load, save

from qnas._util.safetensors_header import in_order, is_whole, metadata_of, sealed

TENSORS = {"b": np.arange(3, dtype=np.float32), "a": np.arange(5, dtype=np.int8)}
METADATA = {f"key {i}": "v" * i for i in range(9)}


def reversed_header(data: bytes) -> bytes:
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header = dict(reversed(header.items()))
    header["__metadata__"] = dict(reversed(header["__metadata__"].items()))
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[end:]


def test_order_of_keys_does_not_show() -> None:
    data = save(TENSORS, metadata=METADATA)
    assert in_order(data) == in_order(reversed_header(data))
    assert metadata_of(in_order(data)) == METADATA


def test_tensors_stay_and_begin_aligned() -> None:
    data = in_order(save(TENSORS, metadata=METADATA))
    assert int.from_bytes(data[:8], "little") % 8 == 0
    found = load(data)
    assert all(np.array_equal(found[name], tensor) for name, tensor in TENSORS.items())


def test_a_seal_shows_a_changed_tensor() -> None:
    plain = save(TENSORS, metadata=METADATA)
    data = sealed(plain)
    assert is_whole(data) and is_whole(plain) and is_whole(save(TENSORS))
    assert sealed(reversed_header(plain)) == data and metadata_of(data).items() > METADATA.items()
    assert not is_whole(data[:-1] + bytes([data[-1] ^ 1]))
