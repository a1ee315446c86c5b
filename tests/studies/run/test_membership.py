"""A file that is removed or replaced moves no other file into another split."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from qnas.data.files import ImageFiles
from qnas.data.pixels import PixelConfig
from qnas.data.splits import Splits
from qnas.errors import CheckpointError
from qnas.studies.run.membership import Membership, read_membership, write_membership

NAMES = tuple(f"class{i % 3}/{i:03}.png" for i in range(30))
FILES = ImageFiles(Path("any"), NAMES, (100,) * 30, size=8, channels=1, pixels=PixelConfig())
LABELS = np.arange(30) % 3
SPLITS = Splits.make(LABELS, seed=3, search_fraction=0.2, report_fraction=0.3)
KEPT = Membership.of(FILES, SPLITS)


def names_of(files: ImageFiles, splits: Splits) -> list[set[str]]:
    parts = (splits.train, splits.search, splits.report)
    return [{files.names[place] for place in part} for part in parts]


@pytest.mark.parametrize("part", ["train", "search", "report"])
def test_a_removed_file_is_missing_in_its_split_alone(part: str) -> None:
    gone = int(getattr(SPLITS, part)[1])
    fewer = FILES.subset([place for place in range(30) if place != gone])
    found = KEPT.carried_over(fewer)
    assert found is not None
    before, after = names_of(FILES, SPLITS), names_of(fewer, found[0])
    assert [old - new for old, new in zip(before, after, strict=True)] == [
        {NAMES[gone]} if name == part else set() for name in ("train", "search", "report")
    ]
    (lost,) = found[1]
    assert (lost.split, lost.removed, lost.replaced) == (part, 1, 0)
    assert str(lost).startswith(f"1 removed of {lost.files} images of the {part} split")


def test_a_replaced_file_stays_in_its_split_and_order_does_not_count() -> None:
    place = int(SPLITS.search[0])
    sizes = tuple(99 if i == place else 100 for i in range(30))
    changed = dataclasses.replace(FILES, sizes=sizes).subset(reversed(range(30)))
    found = KEPT.carried_over(changed)
    assert found is not None and names_of(changed, found[0]) == names_of(FILES, SPLITS)
    assert [str(lost) for lost in found[1]] == ["1 replaced of 7 images of the search split"]
    same = KEPT.carried_over(FILES)
    assert same is not None and same[1] == () and same[0].digest == SPLITS.digest


def test_new_files_are_other_data() -> None:
    renamed = dataclasses.replace(FILES, names=("class0/new.png", *NAMES[1:]))
    assert KEPT.carried_over(renamed) is None


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "splits.safetensors"
    assert read_membership(path) is None
    write_membership(path, KEPT)
    found = read_membership(path)
    assert found is not None and (found.parts == KEPT.parts).all()
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match=r"splits\.safetensors"):
        read_membership(path)
