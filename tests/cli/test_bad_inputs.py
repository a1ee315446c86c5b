"""Bad input of every kind through the command line: status 2, one clear sentence, no file more."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from qnas.cli.main import cli
from tests.cli.bad import Bad, cases

CASES = cases()


def listing(folder: Path) -> dict[str, bytes | None]:
    """Every path below `folder`, with its content if it is a file."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def sentence(case: Bad) -> re.Pattern[str]:
    """The message as `qnas.errors.problem` makes it: subject, rule, value, remedy."""
    subject, rule, value, remedy = map(
        re.escape, (case.subject, case.rule, case.value, case.remedy)
    )
    return re.compile(
        rf"^qnas: .*`[^`]*{subject}[^`]*` {rule}.*; got .*{value}.*\. .*{remedy}",
        re.DOTALL | re.MULTILINE,
    )


def refused(case: Bad, folder: Path) -> None:
    """Run the case's command where it is told to be refused; `folder` stays as it is."""
    before = listing(folder)
    result = CliRunner().invoke(cli, shlex.split(case.command))
    assert result.exit_code == 2, f"{result.output}\n{result.exception!r}"
    assert sentence(case).search(result.stderr), result.stderr
    assert listing(folder) == before


def test_there_are_many_and_each_is_another() -> None:
    assert len(CASES) >= 60 and len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(case: Bad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in case.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    refused(case, tmp_path)
