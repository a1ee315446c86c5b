"""A correction of a run's inputs costs only what depends on it, and a refusal shows both values."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from qnas.accel.device import load_device
from qnas.cli.main import cli
from qnas.studies.run.membership import read_membership
from tests.cli.tiny_study import qnas

FILES = ("supernet.safetensors", "study.journal", "front.csv")
CODE = """
from qnas.objectives.base import FunctionObjective
from qnas.space import SearchSpace

SPACE = SearchSpace(
    name="small", image_size=8, patch_size=4, in_channels=1, num_classes=3, head_dim=8,
    embed_dims=(16, 24), depths=(1, 2), num_heads=(1, 2), mlp_ratios=(1.0, 2.0),
)
DEPTH = FunctionObjective("depth", "blocks", "minimize", lambda c: float(c.architecture.depth))
"""
STUDY = """
name = "tiny"
space = "mine.py:SPACE"
data = "folder:images"
device = "board.toml"
objectives = ["error", "mine.py:DEPTH"]
verify_images = 4
[train]
epochs = 1
[search]
trials = 4
population = 4
[splits]
search_fraction = 0.2
report_fraction = 0.2
"""
PER_CLASS = 30

pytestmark = pytest.mark.slow


def board(**numbers: object) -> str:
    """The ZCU102 as a user's file."""
    device = load_device("zcu102")
    keys = ("name", "part", "family", "lut", "ff", "dsp", "bram18", "uram", "clock_mhz")
    keys += ("dram_gbytes_per_s", "dram_efficiency", "port_bits")
    values = {key: numbers.get(key, getattr(device, key)) for key in keys}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([*lines, "[margins]", *(f"{k} = 0.7" for k in keys[3:8])]) + "\n"


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as far as its projects, with its images, space, objective and board beside it."""
    folder = tmp_path_factory.mktemp("corrections") / "here"
    rng = np.random.default_rng(0)
    for label in range(3):
        (folder / "images" / f"class{label}").mkdir(parents=True)
        for index in range(PER_CLASS):
            levels = rng.integers(0, 120, (8, 8)) + 40 * label
            image = Image.fromarray(levels.astype(np.uint8))
            image.save(folder / "images" / f"class{label}" / f"{index:02}.png")
    (folder / "mine.py").write_text(CODE)
    (folder / "board.toml").write_text(board())
    (folder / "study.toml").write_text(STUDY)
    for command in ("train", "search", "export"):
        result = qnas(command, folder)
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def copy(searched: Path, tmp_path: Path) -> Path:
    """The run copied to another place, with all that it names."""
    return shutil.copytree(searched, tmp_path / "there")


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / "runs/tiny" / name).read_bytes() for name in FILES}


def file_of(folder: Path, split: str) -> Path:
    """The first image file of a split."""
    membership = read_membership(folder / "runs/tiny/splits.safetensors")
    assert membership is not None
    place = np.flatnonzero(membership.parts == ("train", "search", "report").index(split))[0]
    return sorted((folder / "images").rglob("*.png"))[place]


def facts(folder: Path) -> Any:
    return json.loads((folder / "runs/tiny/manifest.json").read_text())["stages"]["train"]


def test_a_copy_with_all_that_it_names_is_the_same_run(copy: Path) -> None:
    before = contents(copy)
    for command, says in (("train", "is there"), ("search", "complete"), ("export", "are there")):
        result = qnas(command, copy)
        assert result.exit_code == 0 and says in result.stdout, result.output
    assert contents(copy) == before
    for name in ("board.toml", "mine.py"):
        (copy / name).unlink()  # a run is read where they are not
    manifest = copy / "runs/tiny/manifest.json"
    manifest.write_text(manifest.read_text().replace("/here/board.toml", "/gone/board.toml"))
    for command in (["report"], ["pick", "--at-most", "depth=5"]):
        result = CliRunner().invoke(cli, [command[0], str(copy / "runs/tiny"), *command[1:]])
        assert result.exit_code == 0, result.output
    result = CliRunner().invoke(cli, ["explain", str(copy / "runs/tiny/picks/knee")])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("epochs = 1", "epochs = 2", ("`train.epochs`", ", 1; got 2.", "another name")),
        ("trials = 4", "trials = 5", ()),
        ("verify_images = 4", "verify_images = 6", ()),
        ("population = 4", "population = 3", ("`search.population`", ", 4; got 3.", "journal")),
        ('"mine.py:DEPTH"]', '"dsp"]', ("`objectives`", '"mine.py:DEPTH"', '"dsp"', "journal")),
        ("report_fraction = 0.2", "report_fraction = 0.3", ("`splits.report_", ", 0.2; got 0.3")),
    ],
)
def test_a_changed_study_is_refused_with_both_values_or_costs_what_it_changes(
    old: str, new: str, says: tuple[str, ...], copy: Path
) -> None:
    (copy / "study.toml").write_text(STUDY.replace(old, new))
    result = qnas("export" if "verify" in new else "search", copy)
    if not says:
        assert result.exit_code == 0, result.output
        assert ("`verify_images` was 4 and is now 6" in result.stdout) is ("verify" in new)
    else:
        assert result.exit_code == 2 and all(text in result.stderr for text in says), result.stderr


def test_a_board_s_name_and_part_cost_an_export(copy: Path) -> None:
    before = contents(copy)
    (copy / "board.toml").write_text(board(name="my_board", part="xczu9eg-ffvb1156-1-e"))
    result = qnas("export", copy)
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "`device.name` was zcu102 and is now my_board" in said and "1 of 1 picks" in said
    project = copy / "runs/tiny/picks/knee/project"
    assert json.loads((project / "plan.json").read_text())["device"] == "my_board"
    assert "xczu9eg-ffvb1156-1-e" in (project / "build.tcl").read_text()
    assert contents(copy) == before
    assert "picks are there" in qnas("export", copy).stdout


def test_another_board_is_refused_by_its_name(copy: Path) -> None:
    (copy / "study.toml").write_text(STUDY.replace("board.toml", "kv260"))
    result = qnas("export", copy)
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "qnas: `device` must be what" in said and "zcu102; got kv260." in said
    assert "study.journal" in said


def test_a_board_s_numbers_cost_a_search_and_no_training(copy: Path) -> None:
    weights = contents(copy)["supernet.safetensors"]
    (copy / "board.toml").write_text(board(dsp=1200))
    result = qnas("export", copy)
    assert result.exit_code == 2
    assert "`device.dsp`" in result.stderr and "2520; got 1200." in result.stderr
    assert "study.journal" in result.stderr and "trained supernet" in result.stderr
    (copy / "runs/tiny/study.journal").unlink()
    assert qnas("search", copy).exit_code == 0
    assert qnas("export", copy).exit_code == 0
    assert contents(copy)["supernet.safetensors"] == weights


def test_a_space_s_changed_choice_is_shown(copy: Path) -> None:
    (copy / "mine.py").write_text(CODE.replace("depths=(1, 2)", "depths=(1, 2, 3)"))
    result = qnas("search", copy)
    assert result.exit_code == 2
    assert "`space.depths`" in result.stderr and "[1, 2]; got [1, 2, 3]." in result.stderr


def test_a_damaged_image_may_be_removed_and_others_keep_their_splits(copy: Path) -> None:
    """As a message on it advises. Those of the report cost an export, those of the search a
    search."""
    before = contents(copy)
    file_of(copy, "report").unlink()
    result = qnas("export", copy)
    assert result.exit_code == 0, result.output
    assert "1 removed of 18 images of the report split" in " ".join(result.stdout.split())
    assert contents(copy) == before and "largest_accuracy" not in facts(copy)
    file_of(copy, "train").write_bytes(file_of(copy, "search").read_bytes() + b"\0")
    result = qnas("train", copy)
    assert result.exit_code == 0 and "is there" in result.stdout, result.output
    assert facts(copy)["images_changed"] == "1 replaced of 54 images of the train split"
    assert "largest_accuracy" in facts(copy)  # counted again
    file_of(copy, "search").unlink()
    result = qnas("search", copy)
    assert result.exit_code == 2 and "18 images of the search split" in result.stderr
    assert "1 removed of 18 images of the search split" in result.stderr
    (copy / "runs/tiny/study.journal").unlink()
    assert qnas("search", copy).exit_code == 0
    assert contents(copy)["supernet.safetensors"] == before["supernet.safetensors"]


def test_new_images_are_other_data(copy: Path) -> None:
    (copy / "images/class0/new.png").write_bytes(file_of(copy, "train").read_bytes())
    result = qnas("search", copy)
    assert result.exit_code == 2
    assert "`data`" in result.stderr and "made with, 90 images (" in result.stderr
    assert "got 91 images (" in result.stderr


def test_an_interrupted_training_goes_on_without_the_damaged_image(
    searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(searched, folder, ignore=shutil.ignore_patterns("runs"))
    study = STUDY.replace("epochs = 1", "epochs = 3\ncheckpoint_epochs = 1\nbatch_size = 18")
    (folder / "study.toml").write_text(study)
    damaged = folder / file_of(searched, "train").relative_to(searched)
    whole = damaged.read_bytes()
    from qnas.training.session import Session

    saved = Session.save

    def save_and_damage(session: Session) -> None:
        saved(session)
        damaged.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))

    monkeypatch.setattr(Session, "save", save_and_damage)
    failed = qnas("train", folder)
    assert failed.exit_code == 2 and str(damaged) in failed.stderr, failed.output
    monkeypatch.setattr(Session, "save", saved)
    damaged.unlink()
    result = qnas("train", folder)
    assert result.exit_code == 0, result.output
    assert "1 removed of" in " ".join(result.stdout.split())
    log = (folder / "runs/tiny/train.jsonl").read_text().splitlines()
    places = [(entry["epoch"], entry["step"], entry["steps"]) for entry in map(json.loads, log)]
    assert places == [(1, 3, 9), (2, 4, 6), (3, 6, 6)]
