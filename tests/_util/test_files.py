"""Files that would wait for ever or never end are refused; so are those that are too large."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qnas._util import files
from qnas._util.files import read_text
from qnas._util.serialization import read_json, read_toml
from qnas.errors import CheckpointError, ConfigError


def become_zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def become_large(path: Path) -> None:
    path.write_text("a = 1")
    os.truncate(path, 1 << 34)  # without blocks on the disk


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "Not a regular file"),
        (become_zero, "Not a regular file"),
        (Path.mkdir, "Not a regular file"),
        (become_large, "Larger than 16 MiB"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("nowhere"), "No such file"),
    ],
)
def test_what_is_no_file_is_refused(
    tmp_path: Path, make: Callable[[Path], None], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "x")
    with pytest.raises(ConfigError, match=f"must be a readable TOML file; got {reason}"):
        read_toml(tmp_path / "x")
    monkeypatch.setattr("qnas._util.serialization.JSON_MIB", 16)
    with pytest.raises(CheckpointError, match=f"must be a whole JSON file; got .*{reason}"):
        read_json(tmp_path / "x")


def test_a_mark_of_byte_order_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    assert read_toml(tmp_path / "x") == {"a": 1}
    assert read_text(tmp_path / "x", most_mib=1) == "a = 1\r\n"


def test_the_bound_is_met_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MIB", 4)
    (tmp_path / "x").write_text("1234")
    assert read_text(tmp_path / "x", most_mib=1) == "1234"
    (tmp_path / "x").write_text("12345")
    with pytest.raises(OSError, match="Larger than 1 MiB"):
        read_text(tmp_path / "x", most_mib=1)
