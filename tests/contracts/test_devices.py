"""What every shipped device must hold: sourced, positive numbers on which a plan can be made."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from qnas.accel.check import check_plan
from qnas.accel.device import RESOURCES, Device, device_names, load_device
from qnas.accel.lower import lower
from qnas.errors import ConfigError
from qnas.objectives.folding_search import best_plan
from qnas.serial import encode
from qnas.spaces import load_space

EXPECTED = {
    *("kv260", "pynq_z2", "u250", "u280", "u50", "ultra96", "vck190", "zcu102", "zcu104"),
}
SMALLEST = load_space("digits").smallest()


@pytest.fixture(scope="module", params=device_names())
def device(request: pytest.FixtureRequest) -> Device:
    return load_device(request.param)


def test_the_boards_that_are_promised() -> None:
    assert set(device_names()) == EXPECTED


def test_every_number_is_positive_and_names_its_source(device: Device) -> None:
    for field in dataclasses.fields(Device):
        value = getattr(device, field.name)
        if isinstance(value, int | float):
            assert value > 0 or (field.name == "uram" and value == 0)
        if field.name not in ("name", "family", "sources"):
            assert device.sources_of(field.name), f"{device.name}: {field.name} has no source"
    known = {field.name for field in dataclasses.fields(Device)}
    assert all(set(source.of) <= known and source.text for source in device.sources)


def test_a_source_is_a_document_or_says_that_it_is_an_assumption(device: Device) -> None:
    for source in device.sources:
        assert source.url.startswith("https://") or source.text.startswith("assumed: ")
    for field in ("clock_mhz", "margins"):
        assert "assumed" in device.sources_of(field)[0].text


def test_limits_leave_room_and_json_brings_it_back(device: Device) -> None:
    for resource, limit in device.limits().items():
        have = getattr(device, resource)
        assert limit < have or have == limit == 0
    assert Device.from_json(encode(device)) == device


def test_one_port_never_asks_more_than_the_memory_gives(device: Device) -> None:
    assert device.port_gbytes_per_s <= device.dram_sustained_gbytes_per_s


def test_the_smallest_digits_subnet_has_a_plan_that_fits(device: Device) -> None:
    plan, estimate = best_plan(SMALLEST, device)
    assert all(getattr(estimate.resources, r) <= device.limit(r) for r in RESOURCES)
    assert plan == lower(SMALLEST, device, plan.folding)
    check_plan(plan, device)


def test_an_own_file_by_path_serves_like_a_shipped_one(device: Device, tmp_path: Path) -> None:
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
