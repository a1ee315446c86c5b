"""Every page's blocks are written, run or parsed; every command it names exists."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from qnas._util.serialization import decode
from qnas.cli.main import cli
from qnas.studies.config import Study
from tests.docs.pages import DOCS, ROOT, aligned, blocks, commands, follow, missing, plain

SLOW = ("tutorial.md",)  # its own test
FOLLOWED = [
    page
    for page in sorted(DOCS.rglob("*.md"))
    if page.name not in SLOW and any(True for _ in blocks(page))
]
TEXTS = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
OPTION = re.compile(r"--[a-z][a-z-]*")


@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    follow(page, tmp_path)


def _lines() -> Iterator[tuple[str, str]]:
    """Every line that someone may type, with where it stands."""
    for page in TEXTS:
        for block in blocks(page):
            if block.language == "console":
                yield from ((command.line, block.where) for command in commands(block))
            elif block.language == "sh":
                yield from ((line, block.where) for line in block.text.splitlines())


def test_commands_and_options_that_are_named_exist() -> None:
    seen = 0
    for line, where in _lines():
        words = line.split("#")[0].split()
        if "qnas" not in words[:-1] or words[words.index("qnas") + 1].startswith("-"):
            continue
        name = words[words.index("qnas") + 1]
        command = cli.get_command(click.Context(cli), name)
        assert command is not None, f"{where}: there is no `qnas {name}`"
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        named = set(OPTION.findall(" ".join(words[words.index("qnas") :])))
        assert named <= known | {"--help"}, f"{where}: {line}"
        seen += 1
    assert seen >= 20


def test_targets_of_make_and_files_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for line, where in _lines():
        words = line.split("#")[0].split()
        if words[:1] == ["make"] and len(words) > 1 and "/" not in line:
            for target in words[1:]:
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{where}: {line}"
        for word in words:
            if word.startswith("tests/"):
                assert (ROOT / word).exists(), f"{where}: {word}"


def test_the_readme_has_a_study_and_links_that_lead_somewhere() -> None:
    readme = ROOT / "README.md"
    (study,) = (block for block in blocks(readme) if block.language == "toml")
    assert decode(Study, tomllib.loads(study.text), subject="README").fps_targets == (1000,)
    links = re.findall(r"\]\((?!https?:)([^)#]+)", readme.read_text())
    assert len(links) >= 15 and [link for link in links if not (ROOT / link).exists()] == []


def test_what_is_shown_is_compared_without_numbers_and_in_order() -> None:
    assert plain("│ cycles │   4,732 │") == "cycles"
    assert plain("Trial 12 of 0.5 %") == "Trial # of # %"
    printed = "a 1\nb 2\nc 3\n"
    assert missing(("a 7", "...", "c 9"), printed) is None
    assert missing(("c 9", "a 7"), printed) == "a #"
    assert missing(("d 1",), printed) == "d #"


def test_a_page_is_refreshed_with_what_its_commands_print() -> None:
    page = ROOT / "docs" / "tutorial.md"
    shown = ("┏━━┓", "┃ a ┃ 1 ┃", "...", "last 2")
    printed = "┏━━━━┓\n┃ a ┃ 12,345 ┃\nother\nlast 17\n"
    assert aligned(shown, printed) == ["┏━━━━┓", "┃ a ┃ 12,345 ┃", None, "last 17"]
    (block, *_) = (b for b in blocks(page) if b.language == "console")
    assert block.text in page.read_text()  # or there would be nothing to replace
