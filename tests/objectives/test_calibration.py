"""Pairs are read strictly; what is learned from them is better than the estimate, and covered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnas.errors import ConfigError
from qnas.objectives.calibration.evaluation import evaluate, leave_one_out
from qnas.objectives.calibration.pairs import FEATURES, Pairs, read_pairs
from qnas.objectives.calibration.regressor import fit_pairs

HEADER = ["kernel", *FEATURES, "impl_lut", "impl_logic_lut", "impl_ff"]


def _pairs(designs: int = 200, *, scale: float = 1.0, seed: int = 0) -> Pairs:
    """Four kernels; implemented is 0.6 of the estimate, give or take 5 %."""
    rng = np.random.default_rng(seed)
    size = scale * np.exp(rng.uniform(5, 9, designs))
    columns = {name: size * np.exp(rng.normal(0, 0.1, designs)) for name in FEATURES}
    for impl, raw in (
        ("impl_lut", "hls_lut"),
        ("impl_logic_lut", "hls_lut"),
        ("impl_ff", "hls_ff"),
    ):
        columns[impl] = 0.6 * columns[raw] * np.exp(rng.normal(0, 0.05, designs))
    return Pairs(np.array([f"k{i % 4}" for i in range(designs)]), columns)


def _write(path: Path, rows: list[list[object]], header: list[str] = HEADER) -> Path:
    path.write_text("\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n")
    return path


def test_calibration_beats_the_estimate_and_covers() -> None:
    for found in leave_one_out(_pairs()).values():
        assert found["mape_raw"] > 0.6 and found["mape"] < 0.08
        assert 0.8 <= found["coverage_90"] <= 0.98


def test_intervals_widen_where_designs_are_larger_than_known() -> None:
    train = _pairs()
    near = evaluate(train, _pairs(seed=1))
    far = evaluate(train, _pairs(seed=1, scale=50.0))
    for name in near:
        assert far[name]["width_90"] > 1.5 * near[name]["width_90"]
        assert far[name]["extrapolated"] > 0.5 > near[name]["extrapolated"]


def test_same_pairs_same_prediction() -> None:
    train, test = _pairs(40), _pairs(10, seed=3)
    first, second = (fit_pairs(train).predict(test) for _ in range(2))
    assert np.array_equal(first.high, second.high)


@pytest.mark.parametrize(
    ("value", "rule"), [("nan", "finite"), ("-3", "above 0"), ("0", "above 0"), ("", "finite")]
)
def test_bad_numbers_are_named(tmp_path: Path, value: str, rule: str) -> None:
    rows: list[list[object]] = [["k", *[7] * (len(HEADER) - 1)] for _ in range(6)]
    rows[2][-1] = value
    with pytest.raises(ConfigError, match=f"line 4: impl_ff.*{rule}"):
        read_pairs(_write(tmp_path / "pairs.csv", rows))


def test_too_few_designs_and_missing_columns(tmp_path: Path) -> None:
    rows: list[list[object]] = [["k", *[7] * (len(HEADER) - 1)] for _ in range(4)]
    with pytest.raises(ConfigError, match="at least 5 designs"):
        read_pairs(_write(tmp_path / "few.csv", rows))
    with pytest.raises(ConfigError, match="impl_ff"):
        read_pairs(_write(tmp_path / "cut.csv", [r[:-1] for r in rows * 2], HEADER[:-1]))
