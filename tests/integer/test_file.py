"""The stored integer network is the network."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from safetensors.numpy import load, save

from qnas._util.safetensors_header import metadata_of
from qnas.errors import CheckpointError
from qnas.integer.network import load_integer, save_integer
from qnas.testing.random_network import random_network
from tests.tiny import TINY, digits


def test_round_trip_keeps_every_stage(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    for seed in range(3):
        network = random_network(TINY.sample(Random(seed)), seed)
        save_integer(network, path)
        back = load_integer(path)
        assert back.architecture == network.architecture and back.softmaxes == network.softmaxes
        patches = network.quantize_images(digits(5)[0])
        pairs = zip(network.trace(patches), back.trace(patches), strict=True)
        assert all(a[0] == b[0] and np.array_equal(a[1], b[1]) for a, b in pairs)


def test_integers_are_stored_in_the_bytes_they_need_and_wider_files_are_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "network.safetensors"
    network = random_network(TINY.largest(), 1)
    save_integer(network, path)
    tensors = load(path.read_bytes())
    assert tensors["stem:weight"].dtype == np.int8
    assert {array.dtype for array in tensors.values()} <= {
        np.dtype(t) for t in (bool, "i1", "i2", "i4", "i8")
    }
    wide = {n: a if a.dtype == bool else a.astype(np.int64) for n, a in tensors.items()}
    header = metadata_of(path.read_bytes())
    path.write_bytes(save(wide, metadata=header))
    patches = network.quantize_images(digits(5)[0])
    assert np.array_equal(load_integer(path).logits(patches), network.logits(patches))


def test_equal_networks_are_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_integer(random_network(TINY.largest(), 1), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("damage", ["absent", "truncated", "other", "range"])
def test_damage_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "network.safetensors"
    network = random_network(TINY.smallest(), 1)
    if damage == "range":
        network.weights["stem"].shift[0] = 50
    save_integer(network, path)
    data = path.read_bytes()
    if damage == "absent":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(data[:-9])
    elif damage == "other":
        path.write_bytes(data.replace(b"position", b"notition"))
    with pytest.raises(CheckpointError, match="must be a whole integer network"):
        load_integer(path)
