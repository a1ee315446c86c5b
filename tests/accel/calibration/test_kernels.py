"""Predictions of RTL kernels by the table that comes with qnas, and what files refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qnas.accel.calibration.calibration import fit
from qnas.accel.calibration.designs import Designs, Setup
from qnas.accel.calibration.evaluation import leave_out, predicted, score
from qnas.accel.calibration.file import read_calibration, write_calibration
from qnas.accel.calibration.kernels import (
    measurement_of,
    shipped_designs,
    sources_digest,
    table_designs,
)
from qnas.accel.calibration.predictor import CalibratedPredictor, shipped_calibration
from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.prediction import Prediction
from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_kernel, best_plan
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.rtl.kernel.grid import KERNELS, digits, small28
from qnas.accel.rtl.kernel.table import read_kernels
from qnas.errors import CheckpointError, ConfigError
from qnas.spaces import load_space
from tests.accel.designs import tiny, zcu102

PREDICTOR = CalibratedPredictor(shipped_calibration())


def test_kernels_of_networks_left_out_are_predicted_within_their_intervals() -> None:
    """Networks of the table, each from all others: cycles within 1 %, LUT and FF within 5 % on the
    median, and 85 % of what was measured inside the intervals."""
    _, designs = shipped_designs()
    found = predicted(designs, leave_out(designs))
    for name, most in (("cycles", 0.01), ("cycles_first", 0.01), ("lut", 0.05), ("ff", 0.05)):
        one = found[name]
        assert np.median(abs(one.value / one.measured - 1)) <= most
    for name in ("lut", "ff", "dsp", "bram18", "cycles"):
        assert (score(found)[name]["coverage_90"] or 0) >= 0.85


def test_a_kernel_of_the_table_is_its_measurement() -> None:
    row = next(row for row in read_kernels() if row.synthesized and row.simulated)
    (plan, *_) = KERNELS[row.kernel].plans()
    found = PREDICTOR.predict(estimate(plan), [plan])
    assert found.backend == "rtl"
    for name, value in measurement_of(row).items():
        assert (found.value(name), found.kind(name)) == (value, "measured")
        assert found[name].low == found[name].high
    assert found.kind("fps") == "measured" and "measured" in found.text("lut")


def test_what_is_kept_of_the_table_goes_by_the_sources_that_made_it(tmp_path: Path) -> None:
    """A change of an estimate that shows on large kernels alone makes the table's designs anew."""
    (tmp_path / "cost").mkdir()
    source = tmp_path / "cost" / "estimate.py"
    source.write_text("LUT = 1\n")
    before = sources_digest(tmp_path)
    assert sources_digest(tmp_path) == before
    source.write_text("LUT = 2\n")
    changed = sources_digest(tmp_path)
    assert changed != before
    (tmp_path / "board.toml").write_text("lut = 1\n")
    assert sources_digest(tmp_path) != changed


def test_other_kernels_are_predicted_and_say_of_which_kernel() -> None:
    plan = lower(tiny(), zcu102(), Folding(tm=4, tt=2, tk=4, vl=2))
    estimated = estimate(plan)
    found, plain = PREDICTOR.predict(estimated, [plan]), Prediction.of(estimated)
    assert found.label("lut") == "predicted, RTL kernel"
    assert plain.label("lut") == "modelled, C++ kernel" and plain.title == "C++ kernel, modelled"
    assert found["lut"].low < found["lut"].value < found["lut"].high
    assert found["fps"].value == pytest.approx(plan.clock_mhz * 1e6 / found["cycles"].value)
    assert found["fps"].low <= found["fps"].value <= found["fps"].high
    assert found.value("cycles") < estimated.cycles  # the C++ has deeper pipelines


@pytest.mark.parametrize("confidence", [0.0, 0.9])
def test_the_folding_search_keeps_limits_by_predictions(confidence: float) -> None:
    """LUTs decide: of 28 x 28 pixels the fastest kernel fits as C++ and not as RTL."""
    board, predictor = load_device("zcu102"), replace(PREDICTOR, confidence=confidence)
    middle = tuple(load_space("digits").reference_subnets())[1]
    for archs in ((middle,), (digits(), digits(dim=32)), (small28(),)):
        kernel = best_kernel(archs, board, predictor=predictor)
        found = predictor.predict(kernel.estimates[0], kernel.plans)
        assert found["lut"].most(confidence) <= board.limit("lut")
    plain, _ = best_plan(small28(), board)
    assert PREDICTOR.predict(estimate(plain), [plain])["lut"].value > board.limit("lut")


def test_intervals_widen_beyond_known_sizes_as_errors_grow_with_size() -> None:
    """The smallest designs err otherwise: what is learned with them is wrong of large ones."""
    size = np.repeat(2.0 ** np.arange(2, 9), 3)
    rng = np.random.default_rng(0)
    lut = 1000 * size
    truth = lut * np.exp(0.05 * (size > 4) + rng.normal(0, 0.002, len(size)))
    names = np.arange(len(size)).astype(np.str_)
    groups = np.array([f"net{i % 3}{int(np.log2(s))}" for i, s in enumerate(size)])
    designs = Designs(names, groups, {"size": size}, {"lut": lut}, {"lut": truth})
    known, larger = designs.subset(size < 50), designs.subset(size > 50)
    fitted = fit(known, subject="rtl", setup=Setup("tool", "stage"))
    inside, outside = fitted.predict(known), fitted.predict(larger)
    assert fitted.corrections["lut"].slope > 0
    width = [np.median(np.log(found.high / found.low)) for found in (inside, outside)]
    assert width[1] > 2 * width[0]
    held = (outside.low[:, 0] <= larger.measured["lut"]) & (
        larger.measured["lut"] <= outside.high[:, 0]
    )
    assert held.mean() >= 0.85


def _designs(count: int) -> Designs:
    rows = [row for row in read_kernels() if row.synthesized][:count]
    return table_designs(rows)


def test_a_file_of_kernels_is_of_this_version_whole_and_not_contradicted(tmp_path: Path) -> None:
    path, setup = tmp_path / "kernels.json", Setup("pyosys", "synthesized")
    write_calibration(path, fit(_designs(6), subject="rtl", setup=setup))
    assert read_calibration(path).designs.names.tolist() == _designs(6).names.tolist()
    data = json.loads(path.read_text())
    for change, error, rule in (
        ({"model": "0" * 16}, ConfigError, "must be of this version's plans and estimates"),
        ({"format": 2}, ConfigError, "must be of format 3"),
        ({"subject": "vhdl"}, CheckpointError, "subject"),
        ({"designs": {**data["designs"], "groups": []}}, CheckpointError, "as long as `names`"),
    ):
        path.write_text(json.dumps({**data, **change}))
        with pytest.raises(error, match=rule):
            read_calibration(path)
    columns = data["designs"]
    columns["names"][1] = columns["names"][0]
    columns["measured"]["lut"][1] = 2 * columns["measured"]["lut"][0]
    path.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="must agree on lut of one design"):
        read_calibration(path)


def test_too_few_kernels_are_refused() -> None:
    with pytest.raises(ConfigError, match="must be 5 at least"):
        fit(_designs(4), subject="rtl", setup=Setup("pyosys", "synthesized"))
