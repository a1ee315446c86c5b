"""A study of seconds in a folder, and the command line on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner, Result

from qnas.cli.main import cli

TINY_SPACE = f"{Path(__file__).parents[1] / 'tiny.py'}:TINY"


def study(
    *,
    search: Mapping[str, int],
    train: Mapping[str, int] | None = None,
    space: str = "digits",
    **tables: Mapping[str, float],
) -> str:
    """TOML of the study `tiny`: one epoch, unless `train` says otherwise."""
    lines = ['name = "tiny"', f'space = "{space}"', 'data = "digits"', 'device = "zcu102"']
    for name, table in {"search": search, "train": train or {"epochs": 1}, **tables}.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


PIPELINE = study(
    search={"trials": 6, "population": 4, "batch": 2},
    splits={"search_fraction": 0.45, "report_fraction": 0.05},
)


def qnas(command: str, folder: Path, *more: str) -> Result:
    """`qnas COMMAND` on the folder's study.toml, with its runs beside it."""
    arguments = [command, str(folder / "study.toml"), "--runs", str(folder / "runs"), *more]
    return CliRunner().invoke(cli, arguments)
