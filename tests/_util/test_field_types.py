"""Values made in Python have the types of those read from files, or are refused by field."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from qnas._util.serialization import canonical_json, digest
from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.data.pixels import PixelConfig
from qnas.data.splits import SplitConfig
from qnas.errors import ConfigError
from qnas.space import SearchSpace, Singleton
from qnas.spaces import load_space
from qnas.studies.config import Study
from qnas.studies.sections import CalibrationConfig, SearchConfig, TuneConfig
from qnas.training.recipe import Recipe

SPACE = load_space("digits")
ARCH = SPACE.largest()
STUDY = Study(name="s", space="digits", data="digits", device="zcu102")
INTEGERS = (np.int8, np.int32, np.int64, np.uint16, int)


@pytest.mark.parametrize("integer", INTEGERS)
def test_numpy_integers_become_pythons(integer: Any) -> None:
    space = replace(
        SPACE,
        image_size=integer(8),
        embed_dims=[integer(n) for n in (32, 40, 48)],  # type: ignore[arg-type]
        depths=np.array([2, 3], integer),  # type: ignore[arg-type]
        num_heads=(integer(1), 2, 3),
        mlp_ratios=(integer(1), np.float32(2), 3),  # type: ignore[arg-type]
    )
    assert space == SPACE and hash(space) == hash(SPACE)
    assert digest(space) == digest(SPACE) and canonical_json(space) == canonical_json(SPACE)
    arch = replace(ARCH, embed_dim=integer(48), blocks=list(ARCH.blocks))  # type: ignore[arg-type]
    assert arch == ARCH and arch.key == ARCH.key and json.dumps(arch.to_json())
    recipe = Recipe(epochs=integer(3), learning_rate=integer(1))
    assert canonical_json(recipe) == canonical_json(Recipe(epochs=3, learning_rate=1.0))


def block(**change: Any) -> Callable[[], object]:
    fields = {"num_heads": 1, "mlp_hidden": 8, "w8": W8Shares(1, 2, 3, 4)}
    return lambda: BlockSpec(**{**fields, **change})


def of(value: Any, **change: Any) -> Callable[[], object]:
    return lambda: replace(value, **change)


def new(cls: Any, **change: Any) -> Callable[[], object]:
    return lambda: cls(**change)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            of(SPACE, embed_dims=(32.0, 64)),
            r"`embed_dims\[0\]` must be an integer; got 32\.0\. Wri",
        ),
        (
            of(SPACE, embed_dims=(32, 64.5)),
            r"`embed_dims\[1\]` must be an integer; got 64\.5\. Cor",
        ),
        (of(SPACE, embed_dims=(True, 64)), r"`embed_dims\[0\]` must be an integer; got True"),
        (of(SPACE, depths=(np.True_, 2)), r"`depths\[0\]` must be an integer; got (np\.)?True"),
        (of(SPACE, depths=(np.float64(2), 3)), r"`depths\[0\]` must be an integer"),
        (of(SPACE, depths=np.array([2.0, 3.0])), r"`depths\[0\]` must be an integer"),
        (of(SPACE, depths=2), "`depths` must be a sequence; got 2"),
        (of(SPACE, depths="23"), "`depths` must be a sequence; got '23'"),
        (of(SPACE, depths={2, 3}), "`depths` must be a sequence"),
        (of(SPACE, depths={2: 3}), "`depths` must be a sequence"),
        (of(SPACE, depths=None), "`depths` must be a sequence; got None"),
        (of(SPACE, embed_dims=range(10**12)), "`embed_dims` must have at most 65,536 items"),
        (of(SPACE, num_heads=(Decimal(1),)), "must be an integer; got Decimal"),
        (of(SPACE, num_heads=("1",)), "must be an integer; got '1'"),
        (of(SPACE, num_heads=(np.array(1.5),)), "must be an integer"),
        (
            of(SPACE, mlp_ratios=(float("nan"),)),
            r"`mlp_ratios\[0\]` must be a finite number; got nan",
        ),
        (of(SPACE, mlp_ratios=(float("inf"),)), "must be a finite number; got inf"),
        (of(SPACE, mlp_ratios=(10**400,)), "must be a finite number; got 1000"),
        (of(SPACE, mlp_ratios=(True,)), "must be a finite number; got True"),
        (of(SPACE, mlp_ratios=(1 + 0j,)), "must be a finite number"),
        (of(SPACE, mlp_ratios=(0.0,)), "`mlp_hidden` must be at least 1; got 0"),
        (of(SPACE, mlp_ratios=(-1.0,)), "`mlp_hidden` must be at least 1; got -32"),
        (of(SPACE, name=5), "`name` must be text; got 5"),
        (of(SPACE, name=""), "`name` must be 1 to 100 printable characters"),
        (of(SPACE, name="a\x1b[31m"), "`name` must be 1 to 100 printable characters"),
        (of(SPACE, name="a" * 101), "`name` must be 1 to 100 printable characters"),
        (of(SPACE, activation_bits=6.0), "`activation_bits` must be an integer; got 6.0. Write 6."),
        (of(SPACE, image_size=10**12), "`image_size` must be at most 16,384; got 1000000000000"),
        (of(SPACE, num_classes=10**9), "`num_classes` must be at most 1,048,576"),
        (of(SPACE, depths=(10**9,)), "`depths` must be at most 1,024"),
        (of(SPACE, depths=(0, 1)), "`depths` must be at least 1; got 0"),
        (of(SPACE, embed_dims=(-8, 8)), "`embed_dims` must be at least 1; got -8"),
        (of(SPACE, num_heads=(10**6,)), "`num_heads` must be at most 1,024"),
        (of(SPACE, head_dim=10**6), "`head_dim` must be at most 4,096"),
        (
            of(SPACE, embed_dims=(65536,), depths=(1024,)),
            "must have at most 17,179,869,184 weights",
        ),
        (of(ARCH, embed_dim=48.0), "`embed_dim` must be an integer; got 48.0. Write 48."),
        (of(ARCH, embed_dim=True), "`embed_dim` must be an integer; got True"),
        (of(ARCH, embed_dim=10**9), "`embed_dim` must be at most 65,536"),
        (of(ARCH, blocks=ARCH.blocks * 1000), "`number of blocks` must be at most 1,024; got 3000"),
        (of(ARCH, blocks=(1, 2)), r"`blocks\[0\]` must be a BlockSpec; got 1"),
        (of(ARCH, blocks=ARCH.blocks[0]), "`blocks` must be a sequence"),
        (of(ARCH, stem_w8=8.0), "`stem_w8` must be an integer"),
        (block(num_heads=1.0), "`num_heads` must be an integer; got 1.0"),
        (block(mlp_hidden=2**21), "`mlp_hidden` must be at most 1,048,576"),
        (block(w8=3), "`w8` must be a W8Shares; got 3"),
        (new(W8Shares, qkv=1.0, proj=1, fc1=1, fc2=1), "`qkv` must be an integer"),
        (new(W8Shares, qkv=1, proj=False, fc1=1, fc2=1), "`proj` must be an integer; got False"),
        (new(Singleton, architecture=SPACE), "`architecture` must be a Architecture"),
        (of(STUDY, seed=1.0), "`seed` must be an integer; got 1.0"),
        (of(STUDY, seed=True), "`seed` must be an integer; got True"),
        (of(STUDY, fps_targets=(100.0,)), r"`fps_targets\[0\]` must be an integer"),
        (
            of(STUDY, limits={"lut": float("nan")}),
            r"`limits\.lut` must be a finite number; got nan",
        ),
        (of(STUDY, limits={"lut": "10"}), r"`limits\.lut` must be a finite number; got '10'"),
        (of(STUDY, limits=[("lut", 1.0)]), "`limits` must be a table"),
        (of(STUDY, objectives="error"), "`objectives` must be a sequence"),
        (of(STUDY, search={"trials": 3}), "`search` must be a SearchConfig"),
        (of(STUDY, name=b"s"), "`name` must be text"),
        (of(STUDY, space=5), "`space` must be one of str, SearchSpace; got 5"),
        (of(STUDY, pretrained_heads=3.0), "`pretrained_heads` must be an integer"),
        (of(STUDY, pretrained_qk_norm=1), "`pretrained_qk_norm` must be True or False; got 1"),
        (new(SearchConfig, trials=300.0), r"`search\.trials` must be an integer; got 300\.0"),
        (new(SearchConfig, trials=10**12), r"`search\.trials` must be at most 10,000,000"),
        (new(SearchConfig, racing=1), r"`search\.racing` must be True or False; got 1"),
        (new(SearchConfig, dsp_shares=(0.5, True)), r"dsp_shares\[1\]` must be a finite number"),
        (
            new(SearchConfig, settings={"a": None}),
            r"`search\.settings\.a` must be one of int, float, bool, str",
        ),
        (new(TuneConfig, epochs=2.0), r"`tune\.epochs` must be an integer"),
        (new(CalibrationConfig, file=1), r"`calibration\.file` must be text"),
        (new(Recipe, epochs=1.0), r"`train\.epochs` must be an integer; got 1\.0\. Write 1\."),
        (new(Recipe, epochs=10**12), r"`train\.epochs` must be at most 1000000"),
        (new(Recipe, learning_rate=float("nan")), r"`train\.learning_rate` must be a finite"),
        (new(Recipe, flip="yes"), r"`train\.flip` must be True or False; got 'yes'"),
        (new(SplitConfig, search_fraction="0.2"), r"`splits\.search_fraction` must be a finite"),
        (new(PixelConfig, background=1.5), r"`images\.background` must be an integer"),
        (new(PixelConfig, background=256), r"`images\.background` must lie in 0\.\.255"),
        (new(PixelConfig, white=-1), r"`images\.white` must be 0 or more"),
        (new(PixelConfig, interpolation="cubic"), r"`images\.interpolation` must be one of 'bicub"),
    ],
)
def test_wrong_types_and_sizes_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_what_is_right_stays_as_it_is() -> None:
    settings = {"a": 1, "b": 0.5, "c": True, "d": "x", "e": np.int64(2), "f": np.bool_(1)}
    found = SearchConfig(settings=settings).settings  # type: ignore[arg-type]
    assert list(map(type, found.values())) == [int, float, bool, str, int, bool]
    assert replace(SPACE, mlp_ratios=(Fraction(1, 2),)).mlp_ratios == (0.5,)  # type: ignore[arg-type]
    blocks = ARCH.blocks
    assert replace(ARCH, blocks=blocks).blocks is blocks
    assert isinstance(SearchSpace(**{f: getattr(SPACE, f) for f in SPACE.__slots__}), SearchSpace)
    assert Architecture.from_json(ARCH.to_json()) == ARCH
