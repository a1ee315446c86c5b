"""Devices: a user's file is checked number by number. What ships: tests/contracts."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from qnas._util.serialization import encode
from qnas.accel.cost.energy import EnergyCoefficients
from qnas.accel.device import Device, load_device
from qnas.accel.family import families_of_part
from qnas.errors import ConfigError, UnknownNameError

TEXT = """
name = "mine"
part = "xczu9eg"
family = "zynq-ultrascale-plus"
lut = 1000
ff = 2000
dsp = 10
bram18 = 20
uram = 0
clock_mhz = 100.0
dram_gbytes_per_s = 10.0
dram_efficiency = 0.5
port_bits = 128
[margins]
lut = 0.7
ff = 0.7
dsp = 0.7
bram18 = 0.9
uram = 0.9
"""


def _load(folder: Path, old: str = "", new: str = "") -> Device:
    assert old in TEXT
    path = folder / "mine.toml"
    path.write_text(TEXT.replace(old, new, 1) if old else TEXT)
    return load_device(path)


def test_zcu102_limits_are_the_margins_rounded_down() -> None:
    limits = load_device("zcu102").limits()
    assert limits == {"lut": 191856, "ff": 383712, "dsp": 2394, "bram18": 1641, "uram": 0}


def test_a_share_that_floats_miss_still_gives_the_whole_number(tmp_path: Path) -> None:
    assert _load(tmp_path).limit("dsp") == 7


def test_own_file_by_path_and_json_round_trip(tmp_path: Path) -> None:
    device = _load(tmp_path)
    assert load_device(str(tmp_path / "mine.toml")) == device
    assert Device.from_json(encode(device)) == device
    assert hash(device) == hash(_load(tmp_path))
    assert (device.dsp_wide_bits, device.dsp_narrow_bits, device.memory) == (27, 18, "DDR4")


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'zcu1o2'.*Did you mean 'zcu102'"):
        load_device("zcu1o2")


def test_unknown_resource() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'lut'"):
        load_device("zcu102").limit("luts")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("dsp = 10\n", "", "dsp"),
        ("dsp = 10", "dsp = 0", "dsp"),
        ("dsp = 10", "dsp = -10", "dsp"),
        ("dsp = 10", 'dsp = "ten"', "dsp"),
        ("dsp = 10", "dsp = 10.5", "dsp"),
        ("uram = 0", "uram = -1", "uram"),
        ("clock_mhz = 100.0", "clock_mhz = 0.0", "clock_mhz"),
        ("clock_mhz = 100.0", "clock_mhz = nan", "clock_mhz"),
        ("clock_mhz = 100.0", "clock_mhz = 1000.0", "port_bits"),  # faster than the memory
        ("dram_efficiency = 0.5", "dram_efficiency = 1.5", "dram_efficiency"),
        ("port_bits = 128", "port_bits = 96", "port_bits"),
        ("port_bits = 128", "port_bits = 32", "port_bits"),
        ("port_bits = 128", "port_bits = 128\nport_bit = 1", "port_bit"),
        ("port_bits = 128", "port_bits = 128\naxi_ports = 2", "axi_ports"),
        ("dsp = 10", "dsp = 10\ndsp_wide_bits = 0", "dsp_wide_bits"),
        ("dsp = 10", "dsp = 10\nmemory = 9", "memory"),
        ("dsp = 10", "dsp = true", "dsp"),
        ("clock_mhz = 100.0", "clock_mhz = true", "clock_mhz"),
        ("uram = 0", "uram = false", "uram"),
        ("lut = 1000", "lut = 900_000_000", "lut"),
        ("ff = 2000", "ff = 99999999999999999999", "ff"),
        ("bram18 = 20", "bram18 = 2_000_000", "bram18"),
        ("port_bits = 128", "port_bits = 128\naxi_ports = 100_000", "axi_ports"),
        ('"zynq-ultrascale-plus"', '"mars"', "family"),
        ('"zynq-ultrascale-plus"', '""', "family"),
        ('"zynq-ultrascale-plus"', '"stratix-10"', "family"),
        ('"mine"', '"mi\\u0007ne"', "name"),
        ('"mine"', '"my board"', "name"),
        ('"mine"', '"x]; exec rm"', "name"),
        ('"xczu9eg"', '"xc7z020clg400-1"', "family"),
        ('"xczu9eg"', '"xcvc1902"', "family"),
        ('"zynq-ultrascale-plus"', '"zynq-ultrascale-plus-rfsoc"', "family"),
        ('"zynq-ultrascale-plus"', '"ultrascale-plus"', "family"),
        ('"xczu9eg"', '""', "part"),
        ("lut = 0.7", "lut = 0.0", "margins.lut"),
        ("lut = 0.7", "lut = 1.1", "margins.lut"),
        ("lut = 0.7\n", "", "lut"),
        ("lut = 1000", "lut = = 3", "must be valid TOML"),
    ],
)
def test_bad_numbers_are_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        _load(tmp_path, old, new)


@pytest.mark.parametrize(
    ("new", "most"),
    [
        ("port_bits = 128", 1),  # three ports, as a kernel needs at least
        ("port_bits = 128\naxi_ports = 4", 2),
        ("port_bits = 128\naxi_ports = 5", 2),
        ("port_bits = 64\naxi_ports = 99", 4),  # 5 GB/s for ports of 0.8
        ("port_bits = 128\naxi_ports = 99", 2),  # for ports of 1.6
        ("port_bits = 256\naxi_ports = 99", 1),  # for ports of 3.2
    ],
)
def test_weight_ports_are_what_memory_and_interconnect_feed(
    tmp_path: Path, new: str, most: int
) -> None:
    assert _load(tmp_path, "port_bits = 128", new).most_weight_ports == most


def test_a_word_of_the_stream_is_at_most_as_wide_as_axi() -> None:
    card = load_device("u280")
    assert card.port_bits * card.most_weight_ports == 1024
    many = dataclasses.replace(card, port_bits=64)
    assert many.most_weight_ports == 8, "a digit names each"


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="readable TOML"):
        load_device(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lut", True),
        ("dsp", np.True_),
        ("bram18", 20.0),
        ("uram", "0"),
        ("axi_ports", None),
        ("clock_mhz", False),
        ("clock_mhz", float("inf")),
        ("dram_gbytes_per_s", "10"),
        ("dram_gbytes_per_s", 10**400),
        ("margins", {"lut": 0.7}),
        ("memory", 4),
        ("family", "mars"),
        ("name", "a" * 1000),
    ],
)
def test_wrong_types_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"`{field}`"):
        dataclasses.replace(load_device("zcu102"), **{field: value})


@pytest.mark.parametrize("share", [True, np.False_, "0.7", float("nan")])
def test_a_share_is_a_number(share: object) -> None:
    margins = load_device("zcu102").margins
    with pytest.raises(ConfigError, match=r"margins\.dsp"):
        dataclasses.replace(margins, dsp=share)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "plain"),
    [
        ("lut", np.int64(1000), 1000),
        ("uram", np.uint8(0), 0),
        ("port_bits", np.int32(128), 128),
        ("clock_mhz", np.float64(100), 100.0),
        ("clock_mhz", 100, 100.0),
        ("dram_efficiency", np.float32(0.5), 0.5),
    ],
)
def test_numbers_of_numpy_are_numbers(field: str, value: object, plain: float) -> None:
    """As JSON and back, and equal to the device of plain numbers."""
    board = load_device("zcu102")
    found = dataclasses.replace(board, **{field: value})
    assert type(getattr(found, field)) is type(plain)
    assert found == dataclasses.replace(board, **{field: plain})
    assert Device.from_json(json.loads(json.dumps(encode(found)))) == found


@pytest.mark.parametrize(
    ("family", "series"),
    [
        ("zynq-7000 (7 series, DSP48E1)", "zynq-7000"),
        ("Zynq-7000", "zynq-7000"),
        ("zynquplus", "zynq-ultrascale-plus"),
        ("Zynq UltraScale+ MPSoC", "zynq-ultrascale-plus"),
        ("zynquplusRFSOC", "zynq-ultrascale-plus-rfsoc"),
        ("virtexuplusHBM", "virtex-ultrascale-plus-hbm"),
        ("aartix7", "artix-7"),
        ("versal AI Core", "versal-ai-core"),
    ],
)
def test_a_family_is_known_by_the_names_of_data_sheets_and_tools(family: str, series: str) -> None:
    board = dataclasses.replace(load_device("zcu102"), part="any", family=family)
    assert board.series == series


@pytest.mark.parametrize(
    ("part", "family"),
    [
        ("xczu9eg-ffvb1156-2-e", "zynq-ultrascale-plus"),
        ("zu28dr", "zynq-ultrascale-plus-rfsoc"),
        ("XC7Z020CLG400-1", "zynq-7000"),
        ("xa7a35tcsg324-1I", "artix-7"),
        ("xq7vx690t", "virtex-7"),
        ("xcku5p", "kintex-ultrascale-plus"),
        ("xcku115", "kintex-ultrascale"),
        ("xcvu37p", "virtex-ultrascale-plus-hbm"),
        ("xcvu9p", "virtex-ultrascale-plus"),
        ("xcvu095", "virtex-ultrascale"),
        ("xck24-ubva530-2LV-c", "zynq-ultrascale-plus"),
        ("xcu200-fsgd2104-2-e", "virtex-ultrascale-plus"),
        ("xcv80-lsva4737-2MHP-e-S", "versal-hbm"),
    ],
)
def test_a_part_tells_its_family(part: str, family: str) -> None:
    assert families_of_part(part)[0] == family
    assert families_of_part("vendor42") == ()


@pytest.mark.parametrize("memory", ["DDR5", "DDR3L", "LPDDR4X", "GDDR6", "RLDRAM 3", "HBM2e"])
def test_a_memory_is_called_what_its_board_calls_it(memory: str, tmp_path: Path) -> None:
    board = _load(tmp_path, "uram = 0", f'uram = 0\nmemory = "{memory}"')
    assert board.memory == memory
    energy = EnergyCoefficients()
    hbm = energy.dram_pj_per_bit(memory) == energy.hbm_pj_per_bit
    assert hbm is memory.startswith("HBM")
