"""A full disk, two at once, a folder that may not be written, outputs cut short: in every stage a
sentence and status 2, or the same results; and nothing is lost for the next command."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forked import Forked, differences, import_parts, results
from tests.kills import STAGES, STUDY

# In a process of its own (`make verify-full`): a fork of one whose threads have computed can hang.
pytestmark = [pytest.mark.slow, pytest.mark.full]

BAD_INPUT = 2
# Files of the training that a finished run does not read.
OF_TRAINING = (
    *("pretrained.safetensors", "supernet.json"),
    *("train.jsonl", "train_accuracy.jsonl"),
)
CAP_VERSION, OVERRIDES = 0x20080522, 0b110  # of Linux: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
# Bytes of the largest file that a stage can write: less than its results need.
FULL = {"train": 20_000, "search": 30_000, "export": 9_000, "verify": 1_000, "report": 9_000}


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """`before_STAGE` and `after`: the folder of a study before each stage, and at the end. Others
    may look into it, unlike pytest's folders."""
    import_parts()
    folder = Path(tempfile.mkdtemp(prefix="qnas-disturbances-"))
    folder.chmod(0o755)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    work = folder / "work"
    work.mkdir()
    (work / "study.toml").write_text(STUDY)
    try:
        for stage in STAGES:
            shutil.copytree(work, folder / f"before_{stage}")
            process = start(stage, work)
            assert process.wait() == 0, process.text
        work.rename(folder / "after")
        yield folder
    finally:
        shutil.rmtree(folder)


def start(stage: str, work: Path, **options: object) -> Forked:
    arguments = (stage, str(work / "study.toml"), "--runs", str(work / "runs"))
    scratch = Path(tempfile.mkdtemp(dir=work.parent, prefix="scratch-"))
    scratch.chmod(0o777)
    return Forked(*arguments, scratch=scratch, **options)  # type: ignore[arg-type]


def obey_permissions() -> None:
    """Let root, too, be refused what a file's permissions refuse."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(CAP_VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    for place in (0, 1):  # effective and permitted
        sets[place] &= ~OVERRIDES
    assert libc.capset(header, sets) == 0


def said(process: Forked) -> str:
    """The sentence of a refusal."""
    text = process.text
    assert "Traceback" not in text, text
    assert "qnas: " in text, text
    return text.partition("qnas: ")[2]


def finished(stage: str, made: Path, work: Path) -> None:
    """The stage goes on from what is there, with the results of an undisturbed run."""
    process = start(stage, work)
    assert process.wait() == 0, process.text
    whole = results(made / "after/runs/tiny")
    found = results(work / "runs/tiny")
    same = {name: whole[name] for name in found if name in whole and name != "manifest.json"}
    assert differences(same, {name: found[name] for name in same}) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_a_sentence_and_loses_nothing(
    stage: str, made: Path, tmp_path: Path
) -> None:
    work = shutil.copytree(made / f"before_{stage}", tmp_path / "work")
    limits = (FULL[stage], resource.RLIM_INFINITY)
    if stage == "verify":  # the compiler's objects are to be written, too
        shutil.rmtree(made / "cache", ignore_errors=True)
    full = start(stage, work, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits))
    assert full.wait() == BAD_INPUT, full.text
    assert "too large" in said(full)
    finished(stage, made, work)


def test_of_two_at_once_one_waits_for_its_turn(made: Path, tmp_path: Path) -> None:
    work = shutil.copytree(made / "before_search", tmp_path / "work")
    both = [start("search", work) for _ in range(2)]
    statuses = [process.wait() for process in both]
    assert sorted(statuses, key=str) == [0, BAD_INPUT]
    assert "must be used by one qnas at a time" in said(both[statuses.index(BAD_INPUT)])
    finished("search", made, work)


@pytest.mark.parametrize("stage", ["search", "report"])
def test_a_folder_that_may_not_be_written_is_named(stage: str, made: Path) -> None:
    work = shutil.copytree(made / f"before_{stage}", made / f"read_only_{stage}")
    for path in (work, *work.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    process = start(stage, work, before=obey_permissions)
    assert process.wait() == BAD_INPUT, process.text
    assert "Permission denied" in said(process) and "permissions" in said(process)
    for path in (work, *work.rglob("*")):
        path.chmod(0o755)


def test_outputs_cut_short_are_named_or_made_again(made: Path, tmp_path: Path) -> None:
    """Of each kind of file one; what a sentence names may be restored."""
    work = shutil.copytree(made / "after", tmp_path / "work")
    run = work / "runs/tiny"
    whole = results(made / "after/runs/tiny")
    names = [n for n in whole if "/project/" not in n and n not in OF_TRAINING]
    names += ["picks/knee/project/src/qnas_top.cpp", "picks/knee/project/data/vectors.bin"]
    for name in [*names, "study.journal"]:
        path = run / name
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        process = start("run", work)
        status = process.wait()
        if status == 0:
            assert differences(whole, results(run)) == [], name
        else:
            assert status == BAD_INPUT, (name, process.text)
            assert path.name in said(process), name
            path.write_bytes(content)
