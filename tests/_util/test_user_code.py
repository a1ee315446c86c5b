"""Own data and own space by reference to a Python file."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from qnas._util.extensions import resolve
from qnas.data import load_data
from qnas.errors import ConfigError
from qnas.spaces import load_space

MINE = """
import numpy as np
from qnas.data import ImageSet
from qnas.space import SearchSpace

def load():
    return ImageSet(
        name="mine",
        images=np.linspace(-1, 1, 20 * 64, dtype=np.float32).reshape(20, 1, 8, 8),
        labels=np.arange(20) % 2,
        num_classes=2,
        input_step=1 / 31,
    )

SPACE = SearchSpace(
    name="mine", image_size=8, patch_size=4, in_channels=1, num_classes=2, head_dim=8,
    embed_dims=(16,), depths=(1,), num_heads=(1,), mlp_ratios=(1.0,),
)
WRONG = 3

def broken():
    raise RuntimeError("no images here")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "syntax.py").write_text("def")
    (tmp_path / "space.py").write_text(MINE.replace("depths=(1,)", "depths=(0,)"))
    return tmp_path


def test_data_and_space_of_a_file(folder: Path) -> None:
    assert load_data(resolve("mine.py:load", folder)).num_classes == 2
    assert load_space(resolve("mine.py:SPACE", folder)).embed_dims == (16,)
    assert resolve("digits", folder) == "digits"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("absent.py:load", "must be a Python file"),
        ("mine.py:absent", "has no attribute 'absent'"),
        ("syntax.py:load", "SyntaxError"),
        ("mine.py:WRONG", "must be a function that returns an ImageSet"),
        ("mine.py:broken", "no images here"),
        ("mine.py:SPACE", "must be a function that returns an ImageSet"),
        ("space.py:SPACE", r"space\.py:SPACE: `depths` must be at least 1; got 0\. Choose a pos"),
    ],
)
def test_bad_data_references(folder: Path, reference: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_data(resolve(reference, folder))


def test_a_space_must_be_a_search_space(folder: Path) -> None:
    with pytest.raises(ConfigError, match="must be a SearchSpace"):
        load_space(resolve("mine.py:WRONG", folder))


def test_modules_of_others_are_not_asked_for_names(folder: Path) -> None:
    """One that makes its names when asked may import half a library, or warn."""
    asked = []
    lazy = ModuleType("lazy")
    lazy.__file__ = str(folder / "lazy.py")
    lazy.__getattr__ = asked.append  # type: ignore[method-assign, assignment]
    sys.modules["lazy"] = lazy
    try:
        assert load_space(resolve("mine.py:SPACE", folder)).name == "mine"
    finally:
        del sys.modules["lazy"]
    assert asked == []
