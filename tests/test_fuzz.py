"""Whatever a file holds, its reader returns a value or raises a QnasError: nothing else.

Each reader gets good files with a value replaced, removed or added, and with their bytes cut or
overwritten. The same EXAMPLES in every run; `QNAS_FUZZ=100000 pytest tests/test_fuzz.py` tries as
many new ones.
"""

from __future__ import annotations

import gzip
import io
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qnas._util.serialization import encode, read_json
from qnas.accel.calibration.designs import Columns, Setup
from qnas.accel.calibration.file import FORMAT, CalibrationFile, read_calibration
from qnas.accel.calibration.pairs import FEATURES, REQUIRED, read_pairs
from qnas.accel.device import load_device
from qnas.accel.plan.check import check_plan
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.table import SHIPPED, read_table
from qnas.data.arrays import load_numpy
from qnas.data.idx import read_idx
from qnas.data.pixels import PixelConfig
from qnas.errors import QnasError
from qnas.integer.network import load_integer, save_integer
from qnas.spaces import load_space
from qnas.studies.config import load_config
from qnas.studies.report.explanation import explain_architecture
from qnas.testing.random_network import random_network
from tests.accel.test_device import TEXT as DEVICE
from tests.mutation import byte_files, damaged, json_files, toml_files

EXAMPLES = int(os.environ.get("QNAS_FUZZ", "50"))
fuzz = settings(
    max_examples=EXAMPLES,
    derandomize="QNAS_FUZZ" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

STUDY = """
name = "mine"
space = "digits"
data = "digits"
device = "zcu102"
objectives = ["error", "latency", "dsp"]
seed = 1
fps_targets = [1000]
verify_images = 5
[limits]
latency = 5.0
[images]
mean = [0.5]
std = [0.5]
[search]
trials = 100
population = 10
dsp_shares = [0.25, 0.5]
stop_after = 5
[train]
epochs = 3
learning_rate = 1e-3
threads = 1
[tune]
epochs = 2
[splits]
search_fraction = 0.2
report_fraction = 0.2
"""


def never_a_traceback(read: Callable[[Path], object], content: bytes, path: Path) -> None:
    path.write_bytes(content)
    try:
        read(path)
    except QnasError as error:
        assert len(str(error)) < 20_000
        str(error).encode()  # a terminal must be able to show it


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


SMALL = load_space("digits").smallest()
PLAN = lower(SMALL, load_device("zcu102"), Folding(tm=4, tt=2, tk=4, vl=2))


@fuzz
@given(content=toml_files(STUDY))
def test_studies(content: bytes, folder: Path) -> None:
    never_a_traceback(load_config, content, folder / "s.toml")


@fuzz
@given(content=toml_files(DEVICE))
def test_devices(content: bytes, folder: Path) -> None:
    never_a_traceback(lambda path: load_device(path).limits(), content, folder / "b.toml")


@fuzz
@given(content=json_files(SMALL.to_json()))
def test_architectures(content: bytes, folder: Path) -> None:
    never_a_traceback(_explained, content, folder / "a.json")


def _explained(path: Path) -> None:
    explain_architecture(path, "zcu102", dsp_share=0.05)


def _checked(path: Path) -> None:
    check_plan(HardwarePlan.from_json(read_json(path)), load_device("zcu102"))


@fuzz
@given(content=json_files(encode(PLAN)))
def test_plans(content: bytes, folder: Path) -> None:
    never_a_traceback(_checked, content, folder / "plan.json")


def _calibration() -> CalibrationFile:
    names = tuple(f"design {i}" for i in range(1, 7))
    amounts = tuple(100.0 * i for i in range(1, 7))
    columns = Columns(
        names, names, {"rows": amounts}, {"lut": amounts}, {"lut": tuple(1.2 * x for x in amounts)}
    )
    return CalibrationFile(FORMAT, "hls", Setup("t", "hls", "xczu9eg", 5.0), "", columns)


@fuzz
@given(content=json_files(encode(_calibration())))
def test_calibrations(content: bytes, folder: Path) -> None:
    never_a_traceback(read_calibration, content, folder / "c.json")


HEADER = ",".join(("kernel", *REQUIRED))
PAIRS = "\n".join([HEADER, *(f"k{i}" + f",{i}" * len(REQUIRED) for i in range(7))])


@fuzz
@given(content=byte_files((PAIRS.encode(),)))
def test_pairs(content: bytes, folder: Path) -> None:
    assert set(FEATURES) <= set(REQUIRED)
    never_a_traceback(read_pairs, content, folder / "p.csv")


@fuzz
@given(content=byte_files((SHIPPED.read_bytes()[:2000].rpartition(b"\n")[0],)))
def test_measured_blocks(content: bytes, folder: Path) -> None:
    never_a_traceback(read_table, content, folder / "m.csv")


IDX = struct.pack(">BBBB3I", 0, 0, 8, 3, 2, 3, 3) + bytes(18)


@fuzz
@given(content=byte_files((IDX, gzip.compress(IDX))), suffix=st.sampled_from(("", ".gz")))
def test_idx_files(content: bytes, suffix: str, folder: Path) -> None:
    never_a_traceback(read_idx, content, folder / f"images{suffix}")


def _npz(save: Callable[..., None], **arrays: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


IMAGES = {"images": np.zeros((6, 4, 4), np.uint8), "labels": np.arange(6) % 3}
NPZ = tuple(_npz(save, **IMAGES) for save in (np.savez, np.savez_compressed))


@fuzz
@pytest.mark.filterwarnings("ignore")  # of zipfile and numpy, about what is then refused
@given(content=byte_files(NPZ))
def test_numpy_files(content: bytes, folder: Path) -> None:
    read = PixelConfig()
    never_a_traceback(
        lambda path: load_numpy(path, size=4, channels=1, pixels=read), content, folder / "i.npz"
    )


@pytest.fixture(scope="module")
def network(folder: Path) -> bytes:
    save_integer(random_network(SMALL, 0), folder / "good.safetensors")
    return (folder / "good.safetensors").read_bytes()


@fuzz
@given(data=st.data())
def test_integer_networks(data: st.DataObject, network: bytes, folder: Path) -> None:
    length = struct.unpack("<Q", network[:8])[0]
    content = damaged(network[: 8 + length], data.draw)
    never_a_traceback(load_integer, content + network[8 + length :], folder / "n.safetensors")
