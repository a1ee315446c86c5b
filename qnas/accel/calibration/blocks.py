"""Measured blocks of the RTL as designs to learn from: kind, family and parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qnas.accel.calibration.calibration import Calibration, fit
from qnas.accel.calibration.designs import APART, Designs, Setup
from qnas.accel.cost.blocks import block_resources
from qnas.accel.rtl.block import FAMILIES, RtlBlock
from qnas.accel.rtl.kinds import KINDS
from qnas.accel.rtl.table import Row

LEARNED, COUNTED = ("lut", "ff"), ("dsp", "bram18")
NAMES = tuple(sorted({name for kind in KINDS.values() for name in kind.parameters}))


def designs_of_blocks(blocks: Sequence[RtlBlock], rows: Sequence[Row] = ()) -> Designs:
    """The blocks as designs, with what `rows` measured of them; without rows, nothing."""
    found = [block_resources(block) for block in blocks]
    parameters = [dict(block.parameters) for block in blocks]
    amounts = (*LEARNED, *COUNTED)
    labels = np.array([block.label for block in blocks], np.str_)
    features = {
        **{kind: [APART * (block.kind == kind) for block in blocks] for kind in KINDS},
        "family": [APART * FAMILIES.index(block.family) for block in blocks],
        **{name: [given.get(name, 0) for given in parameters] for name in NAMES},
    }
    return Designs(
        labels,
        labels,
        {name: np.array(column, float) for name, column in features.items()},
        {name: np.array([getattr(f, name) for f in found], float) for name in amounts},
        {name: np.array([getattr(r, name) for r in rows], float) for name in amounts if rows},
    )


def fit_blocks(rows: Sequence[Row]) -> Calibration:
    """Fit a calibration to measured blocks.

    Raises:
        ConfigError: There are too few rows.
    """
    designs = designs_of_blocks([row.block for row in rows], rows)
    tools = sorted({row.tools for row in rows})
    return fit(designs, subject="block", setup=Setup(", ".join(tools), "synthesized"))
