"""Host programs: bit-exact, a batch a call, on every kind of board."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from qnas.accel.hls.emit.project import ProjectFiles
from qnas.accel.plan.weight_stream import weight_files
from tests.accel.hls.boards import NUMBERS, arguments_of, card, zynq
from tests.accel.projects import random_design, random_kernel, several_ports, small, two_images


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


def test_a_call_of_no_images_writes_nothing_and_leaves_nothing_behind(
    host: SimpleNamespace, project: Path
) -> None:
    found = host.qnas_host.Design(project)
    kernel, logits = host.backends.Simulated(found), ctypes.create_string_buffer(b"\xa5" * 64, 64)
    kernel._call(0, 0, kernel._weights[0], b"", logits)
    assert logits.raw == b"\xa5" * 64
    answers = found.logits(kernel.run(found.image_words(five_images())))
    assert np.array_equal(answers, expected_logits(five_images()))


@pytest.mark.slow
def test_a_program_of_ones_own_that_leaves_a_pass_unfilled_is_told(tmp_path: Path) -> None:
    folder = two_images().write(tmp_path / "project")
    subprocess.run(["make", "-s", "sim", "CXXFLAGS=-O0"], cwd=folder, check=True)
    library = folder / "build" / "libqnas_sim.so"
    program = f"import ctypes; ctypes.CDLL('{library}').qnas_simulate(0, 3, None, None, None)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.returncode == 2
    assert told.stderr == (
        "`images` must be a multiple of 2, the images of a pass; got 3. Fill the last pass.\n"
    )


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
    *lines, times = done.stdout.splitlines()
    classes = [int(line.split()[1]) for line in lines]
    assert "of the C simulation" in times
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


@pytest.mark.parametrize("files", [small().files(), random_kernel(1).files()])
def test_the_readme_says_where_each_argument_is(files: ProjectFiles) -> None:
    """In the order of the top function: 64 bits an address, 32 a number, a word of gap."""
    at, expected = 0x10, []
    for name in arguments_of(files["src/qnas_top.hpp"].decode()):
        words = 1 if name in NUMBERS else 2
        offsets = ", ".join(f"0x{at + 4 * word:02x}" for word in range(words))
        expected.append((offsets, name))
        at += 4 * words + 4
    rows = re.findall(r"\| (0x[1-9a-f].*?) \| .*?`(\w+)`", files["README.md"].decode())
    assert rows == expected


BOARDS = {"pynq": ("Pynq", zynq), "pyxrt": ("Xrt", card)}


@pytest.mark.parametrize("module", BOARDS)
def test_boards_take_batches_through_the_kernels_arguments(
    module: str, host: SimpleNamespace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a board whose kernel is the C simulation: addresses, images, start, done, bytes."""
    found = host.qnas_host.Design(project)
    backend, board_of = BOARDS[module]
    board = board_of(project, host.backends.Simulated(found).run, image_bytes=found.image_bytes)
    monkeypatch.setitem(sys.modules, module, board.module)
    kernel = getattr(host.backends, backend)(found, "small.bin", batch=2)
    logits = host.backends.classify(kernel, found, found.image_words(five_images()))
    assert np.array_equal(logits, expected_logits(five_images()))
    assert board.calls == [(2, 0), (2, 0), (1, 0)]
    weights = {name: part.tobytes() for name, part in found.weights().items()}
    assert board.weights == [weights] * 3


@pytest.mark.parametrize("module", BOARDS)
def test_the_last_pass_of_a_call_is_filled_with_its_last_image(
    module: str, host: SimpleNamespace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel of three images a pass answers with the first byte of each image."""
    found = host.qnas_host.Design(project)
    monkeypatch.setattr(found, "pass_images", 3)

    def kernel(images: NDArray[np.uint8], network: int) -> bytes:
        assert len(images) % 3 == 0 and (images[5:] == images[4:5]).all()
        return np.repeat(images[:, :1].astype("<i4"), found.classes, axis=1).tobytes()

    backend, board_of = BOARDS[module]
    board = board_of(project, kernel, image_bytes=found.image_bytes)
    monkeypatch.setitem(sys.modules, module, board.module)
    running = getattr(host.backends, backend)(found, "small.bin", batch=5)
    words = np.arange(1, 6, dtype=np.uint8)[:, None].repeat(found.image_bytes, axis=1)
    assert found.logits(running.run(words))[:, 0].tolist() == [1, 2, 3, 4, 5]
    assert found.logits(running.run(words[:1]))[:, 0].tolist() == [1]
    assert board.calls == [(6, 0), (3, 0)]


@pytest.mark.parametrize("module", BOARDS)
def test_boards_change_networks_from_call_to_call(
    module: str, host: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The register and the weights of the network that is asked for, there and back."""
    project = random_kernel(1).write(tmp_path / "shared")
    found = host.qnas_host.Design(project)
    backend, board_of = BOARDS[module]

    def kernel(images: NDArray[np.uint8], network: int) -> bytes:
        return np.full((len(images), found.classes), network, dtype="<i4").tobytes()

    board = board_of(project, kernel, image_bytes=found.image_bytes)
    monkeypatch.setitem(sys.modules, module, board.module)
    running = getattr(host.backends, backend)(found, "shared.bin", batch=4)
    order = (0, 2, 2, 1, 0)
    words = np.zeros((3, found.image_bytes), dtype=np.uint8)
    answers = [int(found.logits(running.run(words, index))[2, 0]) for index in order]
    assert answers == [*order] and board.calls == [(3, index) for index in order]
    for index, weights in zip(order, board.weights, strict=True):
        assert weights == {name: part.tobytes() for name, part in found.weights(index).items()}
