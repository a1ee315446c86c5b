"""The documentation as a program: its blocks are written, run, and held against what they show.

A block with a title (```toml title="study.toml") is a file of that name. A `console` block has
commands behind `$ ` and below each what it prints. What is shown is compared without its numbers,
which differ from machine to machine; of a table only the first column; a line `...` stands for any
number of lines. A command whose shown output begins with `qnas: ` must end with status 2, any other
with 0. A `python` block without a title is executed, a `toml` block parsed. Other blocks (`sh`,
`text`) are for reading: what needs a board, GPUs or Vitis.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
BOX = re.compile(r"[\u2500-\u257f]+")
STATUS_BAD_INPUT = 2


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file it is (or ""), its text, and where it stands."""

    language: str
    title: str
    text: str
    where: str


@dataclass(frozen=True)
class Command:
    """A line behind `$ `, and the lines that it is shown to print."""

    line: str
    shown: tuple[str, ...]


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced block of `page`, with the files that it includes in place of `--8<--` lines."""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type != "fence":
            continue
        title = re.search(r'title="([^"]+)"', token.info)
        where = f"{page.relative_to(ROOT)}:{token.map[0] + 1 if token.map else 0}"
        language = (token.info.split() or [""])[0]
        yield Block(language, title[1] if title else "", _included(token.content), where)


def commands(block: Block) -> list[Command]:
    """The commands of a `console` block."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and found[-1][0].endswith("\\"):
            found[-1] = (found[-1][0][:-1] + line.strip(), [])
        else:
            assert found, f"{block.where}: a console block begins with a command"
            found[-1][1].append(line)
    return [Command(line, tuple(shown)) for line, shown in found]


def follow(page: Path, folder: Path) -> int:
    """Do in `folder` what `page` says, in its order; returns how many blocks were executed."""
    path = list(sys.path)
    try:
        return _follow(page, folder)
    finally:  # another page may have files of the same names
        sys.path[:] = path
        sys.path_importer_cache.pop(".", None)
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]


def _follow(page: Path, folder: Path) -> int:
    names: dict[str, Any] = {"__name__": "__main__"}
    done = 0
    for block in blocks(page):
        if block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "python":
            exec(compile(block.text, block.where, "exec"), names)
        elif block.language == "console":
            for command in commands(block):
                _run(command, folder, block.where)
        else:
            continue
        done += 1
    return done


def plain(line: str) -> str:
    """A shown line as it is compared: of a table the first column; numbers are `#`."""
    if BOX.search(line):
        line = next((cell for cell in BOX.split(line) if cell.strip()), "")
    return " ".join("#" if re.search(r"\d", word) else word for word in line.split())


def aligned(shown: tuple[str, ...], printed: str) -> list[str | None]:
    """For each shown line the printed one that it stands for, behind those before it; None for one
    that is not there, and for `...` and empty lines, which stand for none."""
    found: list[str | None] = []
    lines, place = printed.splitlines(), 0
    for line in shown:
        hits = (i for i in range(place, len(lines)) if _alike(line, lines[i]))
        hit = None if line.strip() in ("", "...") else next(hits, None)
        found.append(None if hit is None else lines[hit].rstrip())
        place = place if hit is None else hit + 1
    return found


def missing(shown: tuple[str, ...], printed: str) -> str | None:
    """The first shown line that `printed` lacks behind those before it; None if it has all."""
    for line, hit in zip(shown, aligned(shown, printed), strict=True):
        if hit is None and line.strip() not in ("", "..."):
            return plain(line) or line
    return None


def _alike(shown: str, printed: str) -> bool:
    """Equal but for numbers; of rules in tables the kind alone, whatever their length."""
    a, b = plain(shown), plain(printed)
    return a == b and (a != "" or set(shown.strip()) == set(printed.strip()))


def execute(command: Command, folder: Path) -> tuple[int, str]:
    """Its status and what it prints; the working directory must be `folder`."""
    if _is_qnas(command.line):
        return _qnas(command.line)
    return _shell(command.line, folder)


def _run(command: Command, folder: Path, where: str) -> None:
    status, printed = execute(command, folder)
    first = next((line for line in command.shown if line.strip()), "")
    wanted = STATUS_BAD_INPUT if first.startswith("qnas: ") else 0
    assert status == wanted, f"{where}: `{command.line}` ended with {status}:\n{printed}"
    lacking = missing(command.shown, printed)
    assert lacking is None, f"{where}: `{command.line}` does not print {lacking!r}:\n{printed}"


def _is_qnas(line: str) -> bool:
    """Whether `line` is the qnas command alone, which runs here rather than in a process."""
    return line.startswith("qnas ") and not set(line) & set("|>&;$")


def _qnas(line: str) -> tuple[int, str]:
    from click.testing import CliRunner

    from qnas.cli.main import cli

    result = CliRunner().invoke(cli, shlex.split(line)[1:])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def _shell(line: str, folder: Path) -> tuple[int, str]:
    """Run by bash in `folder`, where `qnas` and `python` are those of this interpreter."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    python_path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": python_path},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def _included(text: str) -> str:
    """`text` with the file in place of each line `--8<-- "FILE"`, as pymdownx.snippets does it."""
    return re.sub(
        r'^--8<-- "([^"]+)"$',
        lambda match: (ROOT / match[1]).read_text(encoding="utf-8").rstrip("\n"),
        text,
        flags=re.MULTILINE,
    )
