"""The shipped devices, and that an own file serves like one of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from qnas.accel.device import Device, device_names, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.errors import ConfigError
from qnas.spaces import load_space
from qnas.testing import DeviceContract

EXPECTED = {
    *("kv260", "pynq_z2", "u250", "u280", "u50", "ultra96", "vck190", "zcu102", "zcu104"),
}
SMALLEST = load_space("digits").smallest()


def test_the_boards_that_are_promised() -> None:
    assert set(device_names()) == EXPECTED


class TestShipped(DeviceContract):
    @pytest.fixture(params=device_names())
    def device(self, request: pytest.FixtureRequest) -> Device:
        return load_device(request.param)

    def test_an_own_file_by_path_serves_like_a_shipped_one(
        self, device: Device, tmp_path: Path
    ) -> None:
        import qnas.accel

        shipped = Path(qnas.accel.__file__).parent / "devices" / f"{device.name}.toml"
        own = tmp_path / "mine.toml"
        own.write_text(shipped.read_text().replace(f'name = "{device.name}"', 'name = "mine"'))
        loaded = load_device(own)
        assert dataclasses.replace(loaded, name=device.name) == device
        assert best_plan(SMALLEST, loaded)[1] == best_plan(SMALLEST, device)[1]
        own.write_text(own.read_text().replace(f"lut = {device.lut}", f"lut = -{device.lut}"))
        with pytest.raises(ConfigError, match="lut"):
            load_device(own)
