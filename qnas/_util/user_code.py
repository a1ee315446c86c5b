"""A user's own data set or space: `my_study/data.py:load`, a name in a Python file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from qnas.errors import ConfigError, problem

SEPARATOR = ".py:"


def is_reference(name: str) -> bool:
    """Whether `name` points into a Python file rather than at something that qnas ships."""
    return SEPARATOR in name


def resolve(name: str, folder: Path) -> str:
    """The reference with its path made absolute, looked up from `folder`; other names as is."""
    if not is_reference(name):
        return name
    path, attribute = name.rsplit(":", 1)
    return f"{(folder / path).resolve()}:{attribute}"


def load_reference(reference: str, *, subject: str) -> Any:
    """What FILE.py:NAME names. The file is executed: it is the user's own.

    Raises ConfigError if there is no such file or name in it, or if the file fails.
    """
    path, attribute = reference.rsplit(":", 1)
    spec = importlib.util.spec_from_file_location(f"qnas_user_{Path(path).stem}", path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise ConfigError(
            problem(subject, "must be a Python file and a name in it", reference, "Check the path.")
        )
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        return getattr(module, attribute)
    except Exception as error:  # whatever a user's file raises is about that file
        raise ConfigError(
            problem(
                subject,
                "must be a name in a Python file that runs",
                f"{reference}: {type(error).__name__}: {error}",
                "Correct the file.",
            )
        ) from error
