"""The pictures of the picks: their numbers are those of verification, network and data."""

from __future__ import annotations

import base64
import io
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from qnas._util.intervals import wilson_interval
from qnas._util.serialization import write_json
from qnas.accel.cost.prediction import Prediction, Range
from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.errors import CheckpointError
from qnas.space import MATRIX_KINDS
from qnas.studies.report.content import ReportContent
from qnas.studies.report.figures.bits import mean_bits
from qnas.studies.report.figures.certainty import certainty, certainty_picture, tuned, tuned_picture
from qnas.studies.report.figures.ladder import confusion, confusion_picture, shown_classes
from qnas.studies.report.thumbnails import EDGE, data_uri, read_wrong_images, wrong_images
from qnas.studies.results.picks import choose
from qnas.studies.run.predictions import Predictions
from qnas.studies.run.training_records import BeforeAfter, Tuning
from tests.studies.analytic import SPACE
from tests.studies.results.test_front import records, trial

RECORDS = records(trial(0, error=1, cycles=10, dsp=1))


def random_predictions(classes: int, *, count: int = 500) -> Predictions:
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=count)
    right = rng.random(count) < 0.7
    predicted = np.where(right, labels, rng.integers(classes, size=count))
    return Predictions(np.arange(count) * 3, labels, predicted)


def test_predictions_survive_their_file(tmp_path: Path) -> None:
    found = random_predictions(5)
    found.write(tmp_path / "predictions.csv")
    again = Predictions.read(tmp_path / "predictions.csv")
    for name in ("images", "labels", "predicted"):
        assert np.array_equal(getattr(found, name), getattr(again, name))
    (tmp_path / "predictions.csv").write_text("image,label\n1,2\n")
    with pytest.raises(CheckpointError, match="image, label, predicted"):
        Predictions.read(tmp_path / "predictions.csv")


def test_a_confusion_matrix_counts_every_image() -> None:
    found = random_predictions(7)
    pairs = Counter(zip(found.labels.tolist(), found.predicted.tolist(), strict=True))
    counts = found.confusion()
    assert {(i, j): n for (i, j), n in np.ndenumerate(counts) if n} == dict(pairs)
    content = ReportContent("a", "b", (), RECORDS, (), {}, {}, shown="knee", predictions=found)
    picture = confusion_picture(content)
    assert picture is not None
    (cells,) = picture.figure.data
    assert [list(row) for row in cells.text] == [
        [f"{n}" if n else "" for n in row] for row in counts.tolist()
    ]
    assert np.allclose(cells.z, counts / counts.sum(axis=1, keepdims=True))
    assert "all 500 images" in picture.caption and f"{len(found.wrong):,} are" in picture.caption


def test_of_many_classes_those_in_errors_are_drawn() -> None:
    counts = np.diag(np.full(60, 9))
    counts[40, 50] = 3
    assert {40, 50} < set(shown_classes(counts).tolist())
    (cells,) = confusion(counts, names=[f"class {i}" for i in range(60)]).data
    assert len(cells.x) == 20 and "class 50" in cells.x


def test_bits_are_those_of_the_row_slots_of_the_plan() -> None:
    architecture = SPACE.sample(Random(3))
    plan, _ = best_plan(architecture, load_device("zcu102"))
    for block, found in enumerate(mean_bits(architecture)):
        for kind, value in zip(MATRIX_KINDS, found, strict=True):
            names = {f"block{block}.{n}" for n in (kind if kind == "qkv" else [kind])}
            stages = [stage for stage in plan.stages if stage.name in names]
            slots = sum(stage.slots for stage in stages)
            assert value == pytest.approx(4 * slots / sum(stage.rows for stage in stages))


def test_a_thumbnail_is_the_image() -> None:
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8) - 20
    head, _, data = data_uri(image).partition(",")
    assert head == "data:image/png;base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert np.array_equal(shown, np.rint(255 * (image[0] + 20) / 63))
    large = np.random.default_rng(0).random((3, 100, 200), dtype=np.float32)
    picture = Image.open(io.BytesIO(base64.b64decode(data_uri(large).partition(",")[2])))
    assert picture.mode == "RGB" and picture.size == (EDGE, EDGE // 2)


def test_the_front_has_the_interval_of_its_error_and_of_its_prediction() -> None:
    one = trial(0, error=10.0, cycles=10, dsp=100)
    amounts = {**one.predicted.amounts, "dsp": Range(100, 80, 130)}
    found = records(replace(one, predicted=Prediction(amounts)))
    content = ReportContent("a", "b", (), found, (), {}, {}, search_images=50)
    (front,) = certainty(content).data
    low, high = wilson_interval(0.1, 50)
    assert front.error_y.array[0] == pytest.approx(100 * high - 10)
    assert front.error_y.arrayminus[0] == pytest.approx(10 - 100 * low)
    assert list(front.x) == [100] and front.error_x.array[0] == 30
    assert front.error_x.arrayminus[0] == 20
    picture = certainty_picture(content)
    assert picture is not None and "50 images" in picture.caption
    assert "predicted dsp" in picture.caption
    plain = certainty_picture(replace(content, records=RECORDS))
    assert plain is not None and "without an interval" in plain.caption


def test_a_tuned_pick_is_drawn_before_and_after() -> None:
    found = records(trial(0, error=10.0, cycles=10, dsp=1))
    before = BeforeAfter(inherited=0.9, tuned=0.94)
    tuning = Tuning("", "", search=BeforeAfter(0.91, 0.93), report=before)
    content = ReportContent(
        *("a", "b", (), found, choose(found, ()), {}, {}),
        tunings={"knee": tuning},
        report_images=200,
    )
    drawn = tuned(content).data[-1]
    assert list(drawn.y) == pytest.approx([10.0, 6.0]) and drawn.name == "A knee"
    latency = found.front()[0].amount("latency")
    assert drawn.x[0] < latency < drawn.x[1]  # side by side, also for one candidate
    assert tuned(content).layout.xaxis.range == pytest.approx((0.9 * latency, 1.1 * latency))
    low, high = wilson_interval(0.06, 200)
    assert drawn.error_y.array[1] == pytest.approx(100 * high - 6)
    assert drawn.error_y.arrayminus[1] == pytest.approx(6 - 100 * low)
    picture = tuned_picture(content)
    assert picture is not None and "200 images" in picture.caption
    assert picture.caption.endswith("the tuned weights of knee.")
    worse = replace(tuning, search=BeforeAfter(0.93, 0.91))
    kept = tuned_picture(replace(content, tunings={"knee": worse}))
    assert kept is not None and kept.caption.endswith("keep what they inherit.")
    assert tuned_picture(replace(content, tunings={})) is None


def test_wrong_images_are_spread_over_all_and_survive_their_file(tmp_path: Path) -> None:
    found = random_predictions(5)
    pixels = np.random.default_rng(1).random((500, 1, 8, 8), dtype=np.float32)
    names = ("a", "b", "c", "d", "e")
    some = wrong_images(pixels, found, names=names, most=10)
    write_json(tmp_path / "wrong.json", some)
    assert read_wrong_images(tmp_path / "wrong.json") == some and len(some.images) == 10
    ends = [found.images[found.wrong[0]], found.images[found.wrong[-1]]]
    assert [some.images[0].image, some.images[-1].image] == ends
    for one in some.images:
        (place,) = np.flatnonzero(found.images == one.image)
        assert (one.label, one.predicted) == (found.labels[place], found.predicted[place])
        assert one.label != one.predicted and one.source == data_uri(pixels[place])
    assert read_wrong_images(tmp_path / "none.json").images == ()
