"""The compiled passes on disk: kept with their digest, made again when damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qnas._util.cache import kept

PASS = """
import torch
from qnas.supernet.cpu import native
print(native.operators("cpu"), native.operators("cuda"), native.takes(torch.empty(1)))
print(native.why_not())
"""


def loaded(cache: Path, **environment: str) -> str:
    """What a fresh process says of the passes."""
    command, settings = [sys.executable, "-c", PASS], {"XDG_CACHE_HOME": str(cache), **environment}
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout.strip()


needs_compiler = pytest.mark.skipif(
    not any((Path(p) / "g++").exists() for p in os.environ["PATH"].split(":")), reason="no g++"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a cache that was filled just now."""
    cache = tmp_path_factory.mktemp("cache")
    assert loaded(cache) == "compiled torch True"
    (path,) = (cache / "qnas").glob("passes-*.so")
    return path.name.encode() + b"\n" + path.read_bytes()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda data: data[: len(data) // 3],
    "zeros inside": lambda data: data[:4096] + bytes(8192) + data[12288:],
    "one bit": lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
    "empty": lambda data: b"",
    "something else": lambda data: b"\x7fELF" * 40,
    "without its digest": lambda data: data[:-32],
}


@needs_compiler
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_library_is_made_again(tmp_path: Path, library: bytes, damage: str) -> None:
    name, _, whole = library.partition(b"\n")
    path = tmp_path / "qnas" / name.decode()
    path.parent.mkdir()
    path.write_bytes(DAMAGES[damage](whole))
    assert loaded(tmp_path) == "compiled torch True"
    assert path.stat().st_size == len(whole)


@needs_compiler
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert loaded(tmp_path / "file") == "compiled torch True"


def test_the_switch_and_a_missing_compiler_leave_torch(tmp_path: Path) -> None:
    assert loaded(tmp_path, QNAS_NATIVE="0") == "torch torch False\nQNAS_NATIVE=0"
    assert loaded(tmp_path, PATH=str(tmp_path)) == "torch torch False\nno g++"
    (tmp_path / "g++").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "g++").chmod(0o755)
    assert "g++ does not compile them" in loaded(tmp_path, PATH=f"{tmp_path}:/bin")


def test_kept_content_is_made_once_and_again_when_damaged(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        path.write_bytes(b"content")

    path = tmp_path / "cache" / "thing.o"
    assert kept(path, make) == kept(path, make) == b"content" and len(made) == 1
    for damage in (b"", b"content", path.read_bytes()[:-1], b"C" + path.read_bytes()[1:]):
        path.write_bytes(damage)
        assert kept(path, make) == b"content"
    assert len(made) == 5 and kept(path, make) == b"content" and len(made) == 5


def test_bfloat16_needs_instructions_of_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from qnas.supernet.cpu import native

    for flags, fast in (("fpu avx2 avx512f", False), ("fpu avx512_bf16", True)):
        monkeypatch.setattr(native, "_processor", lambda flags=flags: f"flags : {flags}")
        assert native.takes_bfloat16("cpu") == native.multiplies_bfloat16() == fast
        assert native.operators("cpu", bfloat16=True).endswith("bfloat16") == fast
    assert native.operators("cuda", bfloat16=True) == "torch, bfloat16"
