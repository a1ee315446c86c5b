"""Blocks of the measured table: estimated within a few per cent, and learned from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from qnas.accel.calibration.active import propose, widths
from qnas.accel.calibration.blocks import designs_of_blocks, fit_blocks
from qnas.accel.calibration.evaluation import Scores, leave_out, predicted, score
from qnas.accel.cost.blocks import block_resources
from qnas.accel.rtl.grid import array, grid
from qnas.accel.rtl.table import Row, read_table
from qnas.errors import ConfigError

ROWS = read_table()
# Formulas that were written before their blocks were measured, and how far they are off at most:
# statistics count registers that Yosys shares, and between 64 and 128 words it stacks whole cells.
FORETOLD_BLINDLY = {"norm_statistics": 0.2, "buffer(banks=4, bits=4, block=0, depth=96)": 0.3}


def _left_out(rows: Sequence[Row]) -> Scores:
    designs = designs_of_blocks([row.block for row in rows], rows)
    return score(predicted(designs, leave_out(designs)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.block.label)
def test_an_estimate_is_near_what_was_measured(row: Row) -> None:
    found = block_resources(row.block)
    assert (found.dsp, found.bram18) == (row.dsp, row.bram18)
    for name in ("lut", "ff"):
        truth = getattr(row, name)
        share = FORETOLD_BLINDLY.get(row.block.kind, FORETOLD_BLINDLY.get(row.block.label, 0.12))
        assert abs(getattr(found, name) - truth) <= 10 + share * truth


def test_every_block_that_can_be_measured_has_an_estimate() -> None:
    for block in grid():
        assert block_resources(block).lut > 0


def test_blocks_that_were_left_out_are_foretold() -> None:
    scores = _left_out(ROWS[::3])
    for name in ("lut", "ff"):
        mape, inside = scores[name]["mape"], scores[name]["coverage_90"]
        assert mape is not None and mape < 0.1 and inside is not None and inside > 0.75
    assert scores["dsp"]["mape_raw"] == scores["bram18"]["mape_raw"] == 0
    order = np.random.default_rng(0).permutation(len(ROWS))
    known, others = ([ROWS[i] for i in part] for part in (order[:20], order[20:]))
    test = designs_of_blocks([row.block for row in others], others)
    scores = score(predicted(test, fit_blocks(known).predict(test)))
    assert all((scores[name]["mape"] or 0) < 0.1 for name in ("lut", "ff"))


def test_an_error_that_all_share_is_learned() -> None:
    """Estimates of arrays a third short: blocks left out are predicted well all the same."""
    arrays = [row for row in ROWS if row.block.kind == "array"]
    worse = [dataclasses.replace(row, lut=round(1.5 * row.lut)) for row in arrays]
    scores = _left_out(worse[::2])["lut"]
    before, after = scores["mape_raw"], scores["mape"]
    assert before is not None and after is not None and after < 0.2 * before


def test_far_from_what_was_measured_intervals_are_wider() -> None:
    model = fit_blocks([row for row in ROWS if row.block.kind == "array"])
    near, far = array(4, 4, 4), array(48, 48, 64)
    found = model.predict(designs_of_blocks([near, far]))
    width = np.log(found.high[:, :2]) - np.log(found.low[:, :2])
    assert (width[1] > width[0]).all() and found.far.tolist() == [False, True]
    assert (found.low <= found.value).all() and (found.value <= found.high).all()


def test_the_next_block_is_of_what_is_uncertain() -> None:
    known = [row for row in ROWS if row.block.kind != "buffer"]
    targets = [row.block for row in ROWS if row.block.kind == "buffer"]
    first, *_ = propose(known, targets, candidates=[row.block for row in ROWS], count=2)
    assert first.kind == "buffer"
    by_block = {row.block: row for row in ROWS}
    before, after = (widths(rows, targets) for rows in (known, [*known, by_block[first]]))
    assert after < before


def test_too_few_teach_nothing() -> None:
    with pytest.raises(ConfigError, match="5 at least"):
        fit_blocks(ROWS[:4])
