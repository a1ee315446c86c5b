"""The architecture is a value: JSON both ways, a stable key, one encoding."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest

from qnas.architecture import Architecture, BlockSpec, W8Shares, w8_rows
from qnas.errors import ConfigError
from qnas.spaces import load_space


def test_json_and_key_round_trip_on_a_thousand_architectures() -> None:
    space, rng = load_space("digits"), Random(1)
    for _ in range(1000):
        arch = space.sample(rng)
        back = Architecture.from_json(json.loads(json.dumps(arch.to_json())))
        assert back == arch and hash(back) == hash(arch) and back.key == arch.key


def test_key_is_stable() -> None:
    """A changed key would orphan every stored study: this one was computed once, for all time."""
    block = BlockSpec(num_heads=2, mlp_hidden=96, w8=W8Shares(qkv=1, proj=2, fc1=3, fc2=4))
    arch = Architecture(
        image_size=8,
        patch_size=2,
        in_channels=1,
        num_classes=10,
        embed_dim=48,
        head_dim=16,
        blocks=(block, block),
    )
    assert arch.key == "de609bd57408aa71"


def test_files_from_before_activations_had_a_width_still_decode() -> None:
    arch = load_space("digits").smallest()
    data = arch.to_json()
    assert data.pop("activation_bits") == 6
    assert Architecture.from_json(data) == arch
    wide = replace(arch, activation_bits=8)
    assert Architecture.from_json(wide.to_json()) == wide and wide.key != arch.key


@pytest.mark.parametrize(
    ("rows", "eighths", "expected"), [(48, 0, 0), (48, 8, 48), (10, 4, 5), (10, 3, 4), (1, 4, 1)]
)
def test_w8_rows_round_half_up(rows: int, eighths: int, expected: int) -> None:
    assert w8_rows(rows, eighths) == expected


def test_unknown_key_names_the_nearest() -> None:
    data = load_space("digits").smallest().to_json()
    data["embed_dimm"] = data.pop("embed_dim")
    with pytest.raises(ConfigError, match=r"embed_dimm.*Did you mean 'embed_dim'"):
        Architecture.from_json(data)


def test_unknown_key_deep_inside_names_the_nearest() -> None:
    data = load_space("digits").smallest().to_json()
    data["blocks"][1]["w8"]["fc11"] = 3
    with pytest.raises(ConfigError, match=r"blocks\.1\.w8\.fc11.*Did you mean 'fc1'"):
        Architecture.from_json(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embed_dim": 0}, "`embed_dim` must be at least 1; got 0"),
        ({"patch_size": 3}, "must be a multiple of `patch_size`"),
        ({"head_w8": 9}, "must be a share in eighths"),
        ({"activation_bits": 7}, "`activation_bits` must be 6 or 8; got 7"),
        ({"embed_dim": "48"}, "embed_dim` must be a valid integer; got '48'"),
        ({"blocks": []}, "`number of blocks` must be at least 1"),
    ],
)
def test_broken_values_are_refused(change: dict[str, object], message: str) -> None:
    data = load_space("digits").smallest().to_json() | change
    with pytest.raises(ConfigError, match=message):
        Architecture.from_json(data)
