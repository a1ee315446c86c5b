"""What goes with the C++: tool scripts of one set of facts, bit-exact hosts, safe names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qnas.accel.device import device_names, load_device
from qnas.accel.hls.emit.member import Expected, KernelNetwork
from qnas.accel.hls.emit.project import emit_project
from qnas.accel.plan.weight_stream import weight_files
from qnas.errors import ConfigError
from tests.accel.projects import Design, design, random_design, several_ports, small


@pytest.fixture(scope="module", params=[small, several_ports])
def project(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A project on disk with its library of the kernel, of one weight port or of four."""
    folder: Path = request.param().write(tmp_path_factory.mktemp("project") / "small")
    subprocess.run(["make", "-s", "sim", "CXXFLAGS=-O0"], cwd=folder, check=True)
    return folder


@pytest.fixture()
def host(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The host's modules, as they lie in the project."""
    monkeypatch.syspath_prepend(project / "host")
    names = ("qnas_host", "backends")
    yield SimpleNamespace(**{name: import_module(name) for name in names})
    for name in names:
        sys.modules.pop(name)


def on(name: str, *, weight_ports: int = 1) -> Design:
    """The small design on another board."""
    device = load_device(name)
    first = small()
    folding = replace(first.plan.folding, weight_ports=weight_ports)
    return design(first.network.architecture, folding, device=device)


@pytest.mark.parametrize("seed", range(6))
def test_the_host_converts_images_like_the_integer_reference(
    seed: int, host: SimpleNamespace, tmp_path: Path
) -> None:
    chosen = random_design(seed)
    found = host.qnas_host.Design(chosen.write(tmp_path / "project"))
    patches = chosen.network.quantize_images(chosen.images * 1.3)
    assert np.array_equal(found.quantize(chosen.images * 1.3), patches)
    files = weight_files(chosen.network, chosen.plan)
    assert [part.tobytes() for part in found.weights().values()] == [*files.values()]
    assert list(found.weights()) == [port.name for port in chosen.plan.weight_ports]
    # Read back as the kernel's loader does: pixels of a patch by word, then by lane.
    words = found.pack(found.quantize(chosen.images * 1.3))
    lanes = words.reshape(len(patches), patches.shape[1], -1, found.word_bytes)
    back = lanes[..., : found.pixels_per_word].reshape(*patches.shape[:2], -1)
    assert np.array_equal(back.view(np.int8)[..., : patches.shape[2]], patches)


def five_images() -> NDArray[np.float32]:
    """(5, 1, 9, 9)."""
    return np.random.default_rng(5).uniform(-1, 1, (5, 1, 9, 9)).astype(np.float32)


def expected_logits(images: NDArray[np.float32]) -> NDArray[np.int64]:
    network = small().network
    return network.logits(network.quantize_images(images))


def test_five_images_in_a_call_equal_five_calls_and_the_integer_reference(
    host: SimpleNamespace, project: Path
) -> None:
    found = host.qnas_host.Design(project)
    words = found.image_words(five_images())
    kernel = host.backends.Simulated(found)
    together = found.logits(kernel.run(words))
    one_by_one = [found.logits(kernel.run(words[i : i + 1])) for i in range(5)]
    assert np.array_equal(together, np.concatenate(one_by_one))
    assert np.array_equal(together, expected_logits(five_images()))
    assert np.array_equal(found.logits(kernel.run(words)), together), "nothing is left behind"


@pytest.mark.parametrize("batch", [1, 2, 5, 64])
def test_images_are_divided_among_calls(batch: int, host: SimpleNamespace, project: Path) -> None:
    found = host.qnas_host.Design(project)
    kernel, calls = host.backends.Simulated(found, batch=batch), []
    run = kernel.run
    kernel.run = lambda images, network=0: calls.append(len(images)) or run(images, network)
    logits = host.backends.classify(kernel, found, found.image_words(five_images()))
    assert np.array_equal(logits, expected_logits(five_images()))
    assert calls == {1: [1] * 5, 2: [2, 2, 1]}.get(batch, [5])
    none = found.image_words(five_images())[:0]
    assert host.backends.classify(kernel, found, none).shape == (0, 7)


def test_a_call_takes_one_image_to_a_batch_of_this_design(
    host: SimpleNamespace, project: Path
) -> None:
    found = host.qnas_host.Design(project)
    words, kernel = found.image_words(five_images()), host.backends.Simulated(found, batch=4)
    for wrong in (words, words[:0], words[0], words[:2, 1:]):
        with pytest.raises(host.qnas_host.HostError, match="must be 1 to 4 rows"):
            kernel.run(wrong)


def test_the_program_prints_classes_and_refuses_other_images(project: Path, tmp_path: Path) -> None:
    chosen, images = small(), tmp_path / "images.npy"
    np.save(images, chosen.images)
    program = [sys.executable, str(project / "host" / "run.py"), str(images)]
    done = subprocess.run(
        [*program, "--logits", str(tmp_path / "out.npy")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    classes = [int(line.split()[1]) for line in done.stdout.splitlines()]
    assert classes == chosen.network.predict(chosen.images).tolist()
    assert np.load(tmp_path / "out.npy").shape == (3, 7)
    np.save(images, chosen.images[:, :, 1:])
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 2 and "must be (B, 1, 9, 9)" in done.stderr


def test_damaged_weights_and_foreign_answers_are_refused(
    host: SimpleNamespace, tmp_path: Path
) -> None:
    folder = small().write(tmp_path / "project")
    path = folder / "data" / "weights.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    found = host.qnas_host.Design(folder)
    with pytest.raises(host.qnas_host.HostError, match="SHA-256"):
        found.weights()
    with pytest.raises(host.qnas_host.HostError, match="28 bytes"):
        found.logits(b"1234")
    with pytest.raises(host.qnas_host.HostError, match="finite"):
        found.quantize(np.full((1, 1, 9, 9), np.nan))


class Memory(np.ndarray[Any, Any]):
    """A buffer with an address, as PYNQ's."""

    device_address = 0

    def flush(self) -> None: ...

    def invalidate(self) -> None: ...


def test_the_pynq_host_drives_the_registers(
    host: SimpleNamespace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a board whose kernel is the C simulation: addresses, images, start, done, bytes."""
    found = host.qnas_host.Design(project)
    simulated, buffers, calls = host.backends.Simulated(found), {}, []
    names = [*found.weights(), "image", "logits"]
    offsets = {name: 0x10 + 12 * index for index, name in enumerate(names)}
    count = 0x10 + 12 * len(names)
    registers: dict[int, int] = {}

    def allocate(size: int, dtype: type) -> Memory:
        buffer = np.zeros(size, dtype=dtype).view(Memory)
        buffer.device_address = (len(buffers) + 1) << 32 | 0x1000
        buffers[buffer.device_address] = buffer
        return buffer

    def write(offset: int, value: int) -> None:
        registers[offset] = value
        if offset == 0 and value & 1:
            at = {n: buffers[registers[o] | registers[o + 4] << 32] for n, o in offsets.items()}
            for name, part in found.weights().items():
                assert np.array_equal(at[name], part)
            calls.append(registers[count])
            images = at["image"].reshape(-1, found.image_bytes)[: registers[count]]
            answers = np.frombuffer(simulated.run(images), dtype=np.uint8)
            at["logits"][: len(answers)] = answers
            registers[0] = 2

    named = {
        f"{n}_{i}": {"address_offset": o + 4 * i - 4} for n, o in offsets.items() for i in (1, 2)
    }
    named["images"] = {"address_offset": count}
    kernel = SimpleNamespace(write=write, read=lambda offset: registers[offset])
    overlay = SimpleNamespace(ip_dict={"qnas_top_0": {"registers": named}}, qnas_top_0=kernel)
    board = ModuleType("pynq")
    board.__dict__.update(Overlay=lambda _: overlay, allocate=allocate)
    monkeypatch.setitem(sys.modules, "pynq", board)
    backend = host.backends.Pynq(found, "small.bit", batch=2)
    logits = host.backends.classify(backend, found, found.image_words(five_images()))
    assert np.array_equal(logits, expected_logits(five_images()))
    assert calls == [2, 2, 1]


def test_the_xrt_host_passes_the_kernels_arguments(
    host: SimpleNamespace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a card whose kernel is the C simulation, called with the arguments of the top."""
    found = host.qnas_host.Design(project)
    top = small_top(project)
    simulated, calls = host.backends.Simulated(found), []

    class Buffer:
        def __init__(self, _card: object, size: int, _flags: object, bank: int) -> None:
            self.bank, self.device = bank, bytearray(size)
            self.host = bytearray(size)

        def map(self) -> memoryview:
            return memoryview(self.host)

        def sync(self, direction: str, size: int, offset: int) -> None:
            source, target = (self.host, self.device)[:: 1 if direction == "to" else -1]
            target[offset : offset + size] = source[offset : offset + size]

    def run(*arguments: Any) -> SimpleNamespace:
        given = dict(zip(top, arguments, strict=True))
        assert [b.bank for b in given.values() if isinstance(b, Buffer)] == [*range(len(top) - 1)]
        for name, part in found.weights().items():
            assert bytes(given[name].device) == part.tobytes()
        calls.append(given["images"])
        words = np.frombuffer(given["image"].device, dtype=np.uint8)
        words = words.reshape(-1, found.image_bytes)[: given["images"]]
        answers = simulated.run(words)
        given["logits"].device[: len(answers)] = answers
        return SimpleNamespace(wait=lambda: None)

    class Kernel:
        group_id = staticmethod(lambda argument: argument)
        __call__ = staticmethod(run)

    card = ModuleType("pyxrt")
    Buffer.normal = 0  # type: ignore[attr-defined]
    direction = SimpleNamespace(XCL_BO_SYNC_BO_TO_DEVICE="to", XCL_BO_SYNC_BO_FROM_DEVICE="from")
    card.__dict__.update(
        device=lambda _: SimpleNamespace(load_xclbin=lambda _: "uuid"),
        xclbin=str,
        kernel=lambda *_: Kernel(),
        bo=Buffer,
        xclBOSyncDirection=direction,
    )
    monkeypatch.setitem(sys.modules, "pyxrt", card)
    backend = host.backends.Xrt(found, "small.xclbin", batch=3)
    logits = host.backends.classify(backend, found, found.image_words(five_images()))
    assert np.array_equal(logits, expected_logits(five_images()))
    assert calls == [3, 2]


def small_top(project: Path) -> list[str]:
    """Names of the kernel's arguments, in their order."""
    header = (project / "src" / "qnas_top.hpp").read_text()
    arguments = header.partition("void qnas_top(")[2].partition(")")[0]
    return [re.findall(r"\w+", argument)[-1] for argument in arguments.split(",")]


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
    chosen = small()
    evil = replace(chosen, device=replace(chosen.device, part="x; exec rm"))
    with pytest.raises(ConfigError, match="part"):
        evil.files()
