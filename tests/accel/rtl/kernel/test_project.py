"""The kernel as a project of SystemVerilog: its files, its registers, its script under tclsh."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from qnas.accel.device import device_names, load_device
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.hls.emit.project import ProjectFiles
from qnas.accel.plan.lower import lower
from qnas.accel.rtl.kernel.compiled import lint
from qnas.accel.rtl.kernel.project import emit_rtl, registers
from qnas.accel.rtl.kernel.sources import kernel_sources
from qnas.errors import ConfigError
from tests.accel.hls.tools import STUBS, needs_tclsh
from tests.accel.projects import random_kernel, small


def project(device: str = "zcu102") -> ProjectFiles:
    design = small()
    plan = lower(design.network.architecture, load_device(device), design.plan.folding)
    return emit_rtl([KernelNetwork(design.network, plan, "small")], name="small")


def test_equal_networks_give_equal_projects_and_the_sources_are_those_that_are_simulated() -> None:
    files = project()
    assert files.digest == project().digest
    sources = kernel_sources([small().plan])
    assert {f"rtl/{name}" for name in sources} == {p for p in files if p.startswith("rtl/")}
    assert all(files[f"rtl/{name}"].decode() == text for name, text in sources.items())
    assert {"host/run.py", "host/design.json", "data/weights.bin", "plan.json"} <= set(files)
    with pytest.raises(ConfigError, match="plain file name"):
        emit_rtl([KernelNetwork(small().network, small().plan, "small")], name="a/b")


def test_registers_lie_where_the_register_file_has_them() -> None:
    kernel = random_kernel(2)
    plans = kernel.plans
    sources = kernel_sources(plans)
    lint(sources)
    addresses, numbers = re.findall(
        r"control #\(.ADDRESSES\((\d+)\), .NUMBERS\((\d+)\)", sources["qnas_top.sv"]
    )[0]
    found = registers(plans, card=True)
    masters = [register for register in found if register.master]
    assert len(masters) == int(addresses) == len(plans[0].ports)
    assert [int(r.offset, 16) for r in masters] == [16 + 12 * i for i in range(len(masters))]
    rest = found[4 + len(masters) :]
    assert [r.name for r in rest] == ["images", "network"] and len(rest) == int(numbers)
    first = 16 + 12 * len(masters)
    assert [int(r.offset, 16) for r in rest] == [first, first + 8]
    words = registers(plans, card=False)
    assert {f"{r.name}_{i}" for r in masters for i in (1, 2)} <= {r.name for r in words}


@needs_tclsh
@pytest.mark.parametrize("device", device_names())
def test_the_script_packages_the_kernel_of_every_board(device: str, tmp_path: Path) -> None:
    project(device).write(tmp_path / "project")
    done, calls = packaged(tmp_path / "project")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    made = [call.split()[2] for call in calls if call.startswith("ipx::add_register ")]
    assert "images" in " ".join(made)
    card = (tmp_path / "project/link.cfg").exists()
    assert any(call.startswith("package_xo") for call in calls) == card


@needs_tclsh
@pytest.mark.parametrize("command", ["create_project", "ipx::save_core"])
def test_a_step_that_fails_is_a_failure(command: str, tmp_path: Path) -> None:
    project().write(tmp_path / "project")
    done, _ = packaged(tmp_path / "project", FAIL=command)
    assert done.returncode == 1
    assert f"package_ip.tcl: {command} failed" in done.stderr


def packaged(folder: Path, **more: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    journal = folder / "journal"
    top = (folder / "rtl/qnas_top.sv").read_text()
    masters = sorted(set(re.findall(r"m_axi_gmem\d+", top)))
    variables = {
        "PATH": os.environ["PATH"],
        "JOURNAL": str(journal),
        "KERNEL": " ".join(["s_axi_control", *masters]),
    }
    stub = Path(__file__).with_name("vivado_ip.tcl")
    tclsh = shutil.which("tclsh") or "tclsh"
    done = subprocess.run(
        [tclsh, STUBS / "run.tcl", stub, folder / "package_ip.tcl"],
        env={**variables, **more},
        capture_output=True,
        text=True,
    )
    return done, journal.read_text().splitlines()
