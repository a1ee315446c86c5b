"""hls_config.cfg and link.cfg: keys that v++ knows, in the section where it looks for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from qnas.accel.device import device_names, load_device
from tests.accel.hls.test_project import on

# Section -> key -> what its values look like. UG1702, "HLS General Options", "C-Simulation
# Configuration", "Co-Simulation Configuration", "Package Options"; UG1393, "Vitis Compiler General
# Options", "--clock Options", "--connectivity Options".
HLS = {
    "": {"part": r"xc[\w-]+"},
    "hls": {
        "flow_target": r"vivado|vitis",
        "clock": r"\d+\.\d+ns",
        "syn.top": r"qnas_top",
        "syn.file": r"src/\w+\.cpp",
        "syn.cflags": r"-std=c\+\+14 -Isrc",
        "syn.csimflags": r"-std=c\+\+14 -Isrc -DQNAS_TRACE",
        "tb.file": r"tb/\w+\.cpp",
        "tb.cflags": r"-std=c\+\+14 -Isrc -Itb -DQNAS_TRACE -Wno-unknown-pragmas",
        "csim.argv": r"\S+ \S+",
        "cosim.argv": r"\S+ \S+",
        "package.output.format": r"ip_catalog|xo",
        "package.output.file": r"\w+\.xo",
    },
}
LINK = {
    "": {"save-temps": "1", "report_level": "[012]|estimate"},
    "clock": {"freqHz": r"\d+:qnas_top_1"},
    "connectivity": {"nk": "qnas_top:1:qnas_top_1", "sp": r"qnas_top_1\.\w+:(HBM|DDR)\[\d+\]"},
}
NEEDED = {"hls_config.cfg": {"part", *HLS["hls"]} - {"package.output.file"}, "link.cfg": {"nk"}}
KNOWN = {"hls_config.cfg": HLS, "link.cfg": LINK}


def entries(text: str) -> Iterator[tuple[str, str, str]]:
    """(section, key, value) of each line."""
    section = ""
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            yield section, key, value


def faults(name: str, text: str) -> list[str]:
    """What v++ would not understand of a file."""
    found, seen = [], []
    for section, key, value in entries(text):
        pattern = KNOWN[name].get(section, {}).get(key)
        if pattern is None:
            found.append(f"no key {key} in [{section}]")
        elif not re.fullmatch(pattern, value):
            found.append(f"{key} cannot be {value}")
        elif key in seen and key != "sp":
            found.append(f"{key} stands twice")
        seen.append(key)
    return found + [f"{key} is missing" for key in NEEDED[name] - set(seen)]


@pytest.mark.parametrize("name", device_names())
def test_every_key_is_known_and_every_path_is_there(name: str, tmp_path: Path) -> None:
    project = on(name, weight_ports=load_device(name).most_weight_ports).write(tmp_path / "p")
    for file in KNOWN:
        if (project / file).exists():
            assert faults(file, (project / file).read_text()) == []
    values = {key: value for _, key, value in entries((project / "hls_config.cfg").read_text())}
    assert (values["flow_target"] == "vitis") is (values["package.output.format"] == "xo")
    assert ("package.output.file" in values) is (values["package.output.format"] == "xo")
    flags = f"{values['syn.csimflags']} {values['tb.cflags']}"
    for path in (values["syn.file"], values["tb.file"], *re.findall(r"-I(\S+)", flags)):
        assert (project / path).exists()
    for run in ("build_hls/hls/csim/build", "build_hls/hls/sim/wrapc"):
        (project / run).mkdir(parents=True)
        folder, vectors = (project / run / path for path in values["csim.argv"].split())
        assert folder.resolve() == project and vectors.is_file()
    assert values["csim.argv"] == values["cosim.argv"]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("syn.top=", "syn.topp=", "no key syn.topp in [hls]"),
        ("[hls]\n", "", "no key syn.top in []"),
        ("flow_target=vivado", "flow_target=ip", "flow_target cannot be ip"),
        ("\nsyn.top=qnas_top", "\nsyn.top=qnas_top\nsyn.top=qnas_top", "syn.top stands twice"),
        ("part=", "#part=", "part is missing"),
    ],
)
def test_mistakes_are_named(before: str, after: str, says: str) -> None:
    text = on("zcu102").files()["hls_config.cfg"].decode()
    assert before in text
    assert says in faults("hls_config.cfg", text.replace(before, after, 1))


def test_a_bank_that_no_card_has_is_named() -> None:
    text = on("u250").files()["link.cfg"].decode()
    assert "sp cannot be qnas_top_1.logits:PLRAM[0]" in faults(
        "link.cfg", text.replace("logits:DDR[0]", "logits:PLRAM[0]")
    )
