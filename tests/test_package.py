"""The wheel has what the checkout has: every file of the package is one that setuptools takes."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]


def test_every_file_that_is_not_python_is_package_data() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["qnas"]
    files = [
        path.relative_to(ROOT / "qnas")
        for path in sorted((ROOT / "qnas").rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    left_out = [
        file
        for file in files
        if not (file.suffix == ".py" and _is_package(file))
        and not any(_takes(pattern, file) for pattern in patterns)
    ]
    assert len(files) > 200 and left_out == []


def _is_package(file: Path) -> bool:
    """Whether setuptools finds `file` as code: all folders down to it are packages."""
    folders = list(file.parents)[:-1]
    return all((ROOT / "qnas" / folder / "__init__.py").exists() for folder in folders)


def _takes(pattern: str, file: Path) -> bool:
    name = PurePosixPath(file).as_posix()
    return fnmatch(name, pattern) or fnmatch(name, pattern.removeprefix("**/"))
