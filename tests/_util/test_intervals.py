from __future__ import annotations

import pytest

from qnas._util.intervals import accuracy_text, wilson_interval


@pytest.mark.parametrize(
    ("share", "count", "low", "high"),
    [
        (1.0, 4, 4 / (4 + 1.959964**2), 1.0),  # z^2 / (n + z^2) of nothing wrong
        (0.0, 4, 0.0, 1.959964**2 / (4 + 1.959964**2)),
        (0.5, 10, 0.236593, 0.763407),
    ],
)
def test_the_interval_is_wilsons(share: float, count: int, low: float, high: float) -> None:
    assert wilson_interval(share, count) == pytest.approx((low, high), abs=1e-5)


def test_an_accuracy_is_shown_with_its_number_of_images() -> None:
    assert accuracy_text(1.0, 4) == "100.00% of 4 (51.01% to 100.00%)"
