"""What goes with the C++: tool scripts of one set of facts, and safe names."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from qnas.accel.device import device_names, load_device
from qnas.accel.hls.emit.member import Expected, KernelNetwork
from qnas.accel.hls.emit.project import check_word, emit_project
from qnas.errors import ConfigError
from tests.accel.projects import Design, design, several_ports, small, two_images


def on(name: str, *, weight_ports: int = 1) -> Design:
    """The small design on another board."""
    device = load_device(name)
    first = small()
    folding = replace(first.plan.folding, weight_ports=weight_ports)
    return design(first.network.architecture, folding, device=device)


@pytest.mark.parametrize("name", device_names())
def test_every_board_gets_its_scripts_from_the_same_facts(name: str) -> None:
    chosen = on(name)
    files = {path: data.decode() for path, data in chosen.files().items() if "bin" not in path}
    zynq = chosen.device.family.startswith("zynq")
    assert ("vivado.tcl" in files, "link.cfg" in files) == (zynq, not zynq)
    clock = f"{1e3 / chosen.plan.clock_mhz:.3f}"
    target = "vivado" if zynq else "vitis"
    old, new = files["build.tcl"], files["hls_config.cfg"]
    for text in (f"set_part {chosen.device.part}", f"-period {clock}", f"-flow_target {target}"):
        assert text in old
    for text in (f"part={chosen.device.part}", f"clock={clock}ns", f"flow_target={target}"):
        assert text in new
    for path in re.findall(r"(?:src|tb)/\w+\.\w+", old + new):
        assert path in files
    if zynq:
        system = files["vivado.tcl"]
        assert system.count("\n    joined ") == 1 + len(chosen.plan.ports)
        assert system.count("{") == system.count("}")
        assert system.count("[") == system.count("]")
    else:
        linked = "xsa" if chosen.device.family.startswith("versal") else "xclbin"
        link = f"--config link.cfg qnas_top.xo -o small.{linked}"
        assert link in files["link.cfg"] and link in files["README.md"]
        assert ("v++ -p" in files["README.md"]) is (linked == "xsa")
        assert "nk=qnas_top:1:qnas_top_1" in files["link.cfg"]
        assert f"freqHz={int(chosen.plan.clock_mhz * 1e6)}:" in files["link.cfg"]
    bench = files["src/qnas_top.cpp"]
    for port in re.findall(r"sp=qnas_top_1\.(\w+):", files.get("link.cfg", "")):
        assert f"m_axi port={port} " in bench


@pytest.mark.parametrize(
    ("family", "part", "memory", "expected"),
    [
        ("artix-7", "xc7a100tcsg324-1", "DDR3", None),  # Arty A7
        ("kintex-7", "xc7k325tffg900-2", "DDR3", None),  # KC705
        ("kintex-ultrascale", "xcku040-ffva1156-2-e", "DDR4", None),  # KCU105
        ("virtex-ultrascale-plus", "xcvu9p-flga2104-2L-e", "DDR4", None),  # VCU118
        ("virtex-ultrascale-plus-hbm", "xcu55c-fsvh2892-2L-e", "HBM2e", "link.cfg"),
        ("ultrascale-plus", "xcvu9p-flgb2104-2-i", "DDR4", "link.cfg"),  # a card in the cloud
        ("versal-premium", "xcvp1202-vsva2785-2MP-e-S", "DDR4", "link.cfg"),
        ("zynq-ultrascale-plus-rfsoc", "xczu48dr-ffvg1517-2-e", "DDR4", "vivado.tcl"),
        ("Zynq-7000", "xc7z020clg400-1", "DDR3L", "vivado.tcl"),
    ],
)
def test_a_board_gets_the_scripts_that_fit_it(
    family: str, part: str, memory: str, expected: str | None
) -> None:
    """A device without processors or a platform: an IP to use in a block design, and no more."""
    device = replace(load_device("zcu102"), name="own", family=family, part=part, memory=memory)
    first = small()
    files = design(first.network.architecture, first.plan.folding, device=device).files()
    assert [name for name in ("link.cfg", "vivado.tcl") if name in files] == [
        *filter(None, [expected])
    ]
    target = "vitis" if expected == "link.cfg" else "vivado"
    assert f"-flow_target {target}" in files["build.tcl"].decode()
    readme = files["README.md"].decode()
    assert ("IP for a block" in readme) is (expected is None)
    assert ("v++ -l" in readme) is (expected == "link.cfg")
    if "HBM" in memory:
        assert ":HBM[0]" in files["link.cfg"].decode()


def test_more_weight_ports_than_a_card_has_dimms_share_them() -> None:
    device = replace(load_device("u250"), axi_ports=12, dram_gbytes_per_s=600.0)
    first = small()
    folding = replace(first.plan.folding, weight_ports=8)
    device = replace(device, port_bits=128)
    files = design(first.network.architecture, folding, device=device).files()
    banks = re.findall(r"DDR\[(\d+)\]", files["link.cfg"].decode())
    assert set(banks) == {"0", "1", "2", "3"} and len(banks) == 10


def test_more_ports_than_a_zynq_has_are_refused() -> None:
    device = replace(load_device("pynq_z2"), axi_ports=20, dram_gbytes_per_s=50.0)
    first = small()
    folding = replace(first.plan.folding, weight_ports=4)
    with pytest.raises(ConfigError, match=r"at most the 4 ports of a zynq-7000.*axi_ports = 4"):
        design(first.network.architecture, folding, device=device).files()


@pytest.mark.parametrize("name", device_names())
def test_every_port_gets_a_way_to_memory_of_its_own(name: str) -> None:
    """As many weight ports as each board feeds: a slave port of the PS each, or a channel."""
    chosen = on(name, weight_ports=load_device(name).most_weight_ports)
    files = {path: data.decode() for path, data in chosen.files().items() if "bin" not in path}
    ports = chosen.plan.ports
    readme = files["README.md"]
    assert all(f"- `{port.name}`, " in readme for port in ports)
    if "vivado.tcl" in files:
        joined = re.findall(
            r"\n    joined memory\d qnas_top_0/m_axi_gmem(\d) ps/(\w+)", files["vivado.tcl"]
        )
        assert [int(index) for index, _ in joined] == list(range(len(ports)))
        assert len({slave for _, slave in joined}) == len(ports)
        clocks = re.findall(r"foreach pin \{(.*)\}", files["vivado.tcl"])[0].lower()
        for _, slave in joined:
            assert slave.lower().replace("s_axi_hp", "").split("_")[0] in clocks
    elif not chosen.device.family.startswith("versal"):
        banks = dict(re.findall(r"sp=qnas_top_1\.(\w+):(\w+\[\d+\])", files["link.cfg"]))
        assert list(banks) == [port.name for port in ports]
        weights = [banks[port.name] for port in chosen.plan.weight_ports]
        assert len(set(weights)) == len(weights)


@pytest.mark.parametrize("chosen", [small(), several_ports()])
def test_facts_of_the_host_are_those_of_the_plan(chosen: Design) -> None:
    facts = json.loads(chosen.files()["host/design.json"])
    *streams, image, logits = chosen.plan.ports
    (network,) = facts["networks"]
    assert [part["port"] for part in network["weights"]] == [port.name for port in streams]
    assert {(port.words, port.bits) for port in streams} == {
        (network["weight_words"], facts["port_bits"])
    }
    assert facts["image_words"] == image.words
    assert facts["classes"] == logits.words and facts["port_bits"] == image.bits


def test_expected_numbers_are_labelled_in_the_readme() -> None:
    chosen = small()
    only = KernelNetwork(
        chosen.network, chosen.plan, "small", [Expected("FPS", "1,234", "modelled")]
    )
    files = emit_project(
        [only],
        name="small",
        images=chosen.images,
        labels=chosen.labels,
        device=chosen.device,
    )
    assert "| FPS | 1,234 | modelled |" in files["README.md"].decode()


@pytest.mark.parametrize(
    "name", ["a/../../b", "..", "a b", "a;exit", "$HOME", "[exec ls]", "{", "\n"]
)
def test_no_name_gets_out_of_the_folder_or_into_a_script(name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        small().files(name)


def test_a_device_file_cannot_write_into_a_script() -> None:
    with pytest.raises(ConfigError, match="part"):
        replace(small().device, part="x; exec rm")
    with pytest.raises(ConfigError, match="device or part"):
        check_word("device or part", "x; exec rm")


def test_the_readme_says_how_many_images_a_pass_takes() -> None:
    one, two = (of.files()["README.md"].decode() for of in (small(), two_images()))
    assert "any number of images. " in one and "a pass" not in one
    assert "`images`, a number in `control`: how many, a multiple of 2. " in two
    assert "bytes a pass" in two and "passes of 2," in two
    assert "must do so too" in two and "must do so too" not in one
