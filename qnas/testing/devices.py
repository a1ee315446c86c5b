"""The contract of every Device: positive numbers with sources, and a plan for a small subnet."""

from __future__ import annotations

import dataclasses

import pytest

from qnas._util.serialization import encode
from qnas.accel.device import MAX_PORT_BITS, OTHER_PORTS, RESOURCES, Device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.check import check_plan
from qnas.architecture import Architecture
from qnas.spaces import load_space


class DeviceContract:
    """Tests of one Device. Override the fixture `device`.

    The fixture `architecture` is the smallest subnet of `digits`; override it with another subnet
    if that one does not fit the device.
    """

    @pytest.fixture
    def device(self) -> Device:
        raise NotImplementedError

    @pytest.fixture
    def architecture(self) -> Architecture:
        return load_space("digits").smallest()

    def test_every_number_is_positive_and_names_its_source(self, device: Device) -> None:
        for field in dataclasses.fields(Device):
            value = getattr(device, field.name)
            if isinstance(value, int | float):
                assert value > 0 or (field.name == "uram" and value == 0)
            if field.name not in ("name", "family", "sources"):
                assert device.sources_of(field.name), f"{device.name}: {field.name} has no source"
        known = {field.name for field in dataclasses.fields(Device)}
        assert all(set(source.of) <= known and source.text for source in device.sources)

    def test_a_source_is_a_document_or_says_that_it_is_an_assumption(self, device: Device) -> None:
        for source in device.sources:
            assert source.url.startswith("https://") or source.text.startswith("assumed: ")
        for field in ("clock_mhz", "margins"):
            assert "assumed" in device.sources_of(field)[0].text

    def test_limits_leave_room_and_json_brings_it_back(self, device: Device) -> None:
        for resource, limit in device.limits().items():
            have = getattr(device, resource)
            assert limit < have or have == limit == 0
        assert Device.from_json(encode(device)) == device

    def test_one_port_never_asks_more_than_the_memory_gives(self, device: Device) -> None:
        assert device.port_gbytes_per_s <= device.dram_sustained_gbytes_per_s

    def test_all_weight_ports_together_do_not_either(self, device: Device) -> None:
        most = device.most_weight_ports
        assert most * device.port_gbytes_per_s <= device.dram_sustained_gbytes_per_s
        assert most + OTHER_PORTS <= device.axi_ports
        assert most * device.port_bits <= MAX_PORT_BITS

    def test_a_small_subnet_has_a_plan_that_fits(
        self, device: Device, architecture: Architecture
    ) -> None:
        plan, estimate = best_plan(architecture, device)
        assert all(getattr(estimate.resources, r) <= device.limit(r) for r in RESOURCES)
        assert plan.architecture == architecture
        assert len(plan.ports) <= device.axi_ports
        check_plan(plan, device)
