"""Every family that a device may name has delays, and a slower grade slower ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qnas.accel.device import device_names, load_device
from qnas.accel.family import FAMILIES, Family
from qnas.accel.hls.analysis.delays import delays_of


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_delays(family: Family) -> None:
    delays = delays_of(replace(load_device("zcu102"), family=family, part="unknown"))
    assert all(getattr(delays, name) > 0 for name in delays.__slots__)


def test_every_board_has_delays_of_its_family() -> None:
    adds = {name: delays_of(load_device(name)).add for name in device_names()}
    assert adds["zcu102"] == adds["u250"] == 670 < adds["ultra96"] == 770 < adds["kv260"] == 804
    assert adds["pynq_z2"] == 1600


def test_the_period_is_what_the_uncertainty_leaves() -> None:
    board = load_device("zcu102")
    delays = delays_of(board)
    assert delays.arguments(150.0, board)[0] == "4867"  # picoseconds: 73 % of 6.67 ns
    assert delays.arguments(150.0, board)[-2:] == ["27", "18"]
