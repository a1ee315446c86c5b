"""The curve of a training and the sensitivity of matrices: their numbers are those measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnas._util.intervals import wilson_interval
from qnas.studies.report.figures.bits import sensitivity, sensitivity_picture
from qnas.studies.report.figures.training import accuracy, loss, training_pictures
from qnas.studies.run.predictions import MatrixSensitivity, Sensitivity
from qnas.studies.run.run_directory import RunDirectory
from qnas.studies.run.training_records import AccuracyPoint, training_curve


@pytest.fixture
def files(tmp_path: Path) -> RunDirectory:
    found = RunDirectory(tmp_path)
    steps = [{"step": s, "steps": 40, "epochs": 4, "loss": 2.0 / s} for s in (10, 20, 20, 30, 40)]
    steps[1]["loss"] = 9.0  # of an interrupted epoch, which was done again
    found.training_log.write_text("".join(f"{json.dumps(step)}\n" for step in steps) + '{"st')
    point = {"phase": "quantized", "largest": 0.9, "smallest": 0.5, "random": 0.7, "images": 50}
    lines = [{**point, "epoch": epoch} for epoch in (1, 2, 2, 4)]
    lines[1]["largest"] = 0.1
    found.training_accuracy.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return found


def test_the_curve_has_every_line_once(files: RunDirectory) -> None:
    curve = training_curve(files)
    assert curve.losses == ((1, 0.2), (2, 0.1), (3, 2 / 30), (4, 0.05))
    assert [point.epoch for point in curve.accuracies] == [1, 2, 4]
    assert curve.accuracies[1] == AccuracyPoint(2, "quantized", 0.9, 0.5, 0.7, 50)
    (drawn,) = loss(curve).data
    assert list(zip(drawn.x, drawn.y, strict=True)) == list(curve.losses)


def test_accuracies_are_drawn_with_their_intervals(files: RunDirectory) -> None:
    curve = training_curve(files)
    figure = accuracy(curve.accuracies)
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert {name: set(trace.y) for name, trace in lines.items()} == {
        "largest": {90.0},
        "smallest": {50.0},
        "random": {70.0},
    }
    low, high = wilson_interval(0.9, 50)
    assert set(figure.data[0].y) == {100 * low, 100 * high}
    assert "on 50 images" in training_pictures(curve)[1].caption


def test_a_run_without_a_log_has_no_curve(tmp_path: Path) -> None:
    assert training_pictures(training_curve(RunDirectory(tmp_path))) == []


def test_a_loss_of_accuracy_counts_the_images_that_differ() -> None:
    value, half = MatrixSensitivity(0, "fc1", lost=12, gained=2).loss(100)
    assert value == 0.1
    assert half == pytest.approx(1.959964 * (15 - 100 / 102) ** 0.5 / 102)
    assert MatrixSensitivity(0, "fc1", lost=0, gained=0).loss(100)[1] > 0


def test_sensitivities_are_drawn_where_they_were_measured() -> None:
    found = Sensitivity(
        content="x",
        pick="knee",
        images=100,
        accuracy=0.9,
        blocks=2,
        matrices=(MatrixSensitivity(1, "fc1", 12, 2), MatrixSensitivity(0, "qkv", 0, 1)),
    )
    (cells,) = sensitivity(found).data
    assert cells.z[1][2] == 10.0 and cells.z[0][0] == -1.0
    assert [len([x for x in row if x is not None]) for row in cells.z] == [1, 1]
    picture = sensitivity_picture(found)
    assert picture is not None
    assert "2 of 8 are measured so far" in picture.caption and "100 images" in picture.caption
