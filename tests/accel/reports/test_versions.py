"""Reports as the tools' versions of 2018 to 2025 word them, through `qnas measurements --json`.

The files in reports/ are written after the guides of the versions that they are named for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from qnas.cli.main import cli

FOLDER = Path(__file__).parent
KEYS = [
    *("source", "tool", "version", "part", "top", "clock_target_ns", "clock_estimated_ns"),
    *("latency_cycles_max", "interval_max", "lut", "ff", "dsp", "bram18", "uram", "modules"),
]

# What each says; what is not named must be null.
CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "vivado_hls_2018.3.xml": (
        {
            "tool": "Vivado HLS",
            "version": "2018.3",
            "part": "xc7z020clg400-1",
            "top": "fir",
            "clock_target_ns": 10.0,
            "clock_estimated_ns": 8.51,
            "lut": 212,
            "ff": 187,
            "dsp": 3,
            "bram18": 0,
        },
        [],
    ),
    "vivado_hls_2019.2.xml": (
        {
            "tool": "Vivado HLS",
            "version": "2019.2",
            "part": "xczu3eg-sbva484-1-e",
            "top": "dut",
            "clock_target_ns": 5.0,
            "clock_estimated_ns": 4.375,
            "latency_cycles_max": 2073,
            "interval_max": 2074,
            "lut": 80,
            "ff": 90,
            "dsp": 1,
            "bram18": 6,
            "uram": 0,
        },
        ["dot"],
    ),
    "vitis_hls_2024.1.xml": (
        {
            "tool": "Vitis HLS",
            "version": "2024.1",
            "part": "xcvc1902-vsva2197-2MP-e-S",
            "top": "krnl",
            "clock_target_ns": 3.33,
            "clock_estimated_ns": 2.433,
            "lut": 4210,
            "ff": 5012,
            "dsp": 64,
            "bram18": 32,
            "uram": 8,
        },
        [],
    ),
    "capitals.xml": (
        {
            "tool": "Vivado HLS",
            "version": "2018.3",
            "part": "xc7z020clg400-1",
            "top": "fir",
            "clock_target_ns": 10.0,
            "clock_estimated_ns": 8.51,
            "latency_cycles_max": 99,
            "lut": 212,
            "ff": 187,
            "dsp": 3,
            "bram18": 0,
        },
        [],
    ),
    "utilization_2018.2.rpt": (
        {
            "tool": "Vivado",
            "version": "2018.2",
            "part": "7z020clg400-1",
            "top": "design_1_wrapper",
            "lut": 21345,
            "ff": 30123,
            "dsp": 150,
            "bram18": 129,
        },
        [],
    ),
    "utilization_2023.1.rpt": (
        {
            "tool": "Vivado",
            "version": "2023.1",
            "part": "xczu9eg-ffvb1156-2-e",
            "top": "qnas_top",
            "lut": 97341,
            "ff": 98765,
            "dsp": 473,
            "bram18": 43,
            "uram": 4,
        },
        [],
    ),
    "utilization_by_instance_2022.2.rpt": (
        {
            "tool": "Vivado",
            "version": "2022.2",
            "part": "xcu250-figd2104-2L-e",
            "top": "top",
            "lut": 120,
            "ff": 300,
            "dsp": 7,
            "bram18": 7,
            "uram": 2,
        },
        ["run", "gemm"],
    ),
    "timing_summary_2020.2.rpt": (
        {
            "tool": "Vivado",
            "version": "2020.2",
            "part": "xczu9eg-ffvb1156",
            "top": "design_1_wrapper",
            "clock_target_ns": 6.667,
            "clock_estimated_ns": 6.25,
        },
        [],
    ),
    "cosim_2018.3.rpt": (
        {"tool": "HLS co-simulation (xsim)", "version": "2018.3", "latency_cycles_max": 103},
        [],
    ),
    "cosim_2023.rpt": (
        {"tool": "HLS co-simulation (xsim)", "latency_cycles_max": 4200, "interval_max": 4201},
        [],
    ),
    "lat.rpt": (
        {"tool": "HLS co-simulation", "latency_cycles_max": 4200, "interval_max": 4201},
        [],
    ),
    "csynth_2023.2.rpt": (
        {
            "tool": "Vitis HLS",
            "version": "2023.2",
            "part": "xczu7ev-ffvc1156-2-e",
            "top": "conv_top",
            "latency_cycles_max": 12345,
            "interval_max": 12001,
            "lut": 11840,
            "ff": 9120,
            "dsp": 48,
            "bram18": 18,
        },
        ["load_U0", "mac_U0", "dot_fu_77"],
    ),
    "fir_2018.3_csynth.rpt": (
        {
            "tool": "Vivado HLS",
            "version": "2018.3",
            "part": "xc7z020clg400-1",
            "top": "fir",
            "clock_target_ns": 10.0,
            "clock_estimated_ns": 8.51,
            "latency_cycles_max": 89,
            "interval_max": 90,
            "lut": 212,
            "ff": 187,
            "dsp": 3,
            "bram18": 0,
        },
        [],
    ),
    "dot_2022.2_csynth.rpt": (
        {
            "tool": "Vitis HLS",
            "version": "2022.2",
            "part": "xcu250-figd2104-2L-e",
            "top": "dot",
            "clock_target_ns": 3.33,
            "clock_estimated_ns": 2.433,
            "lut": 2000,
            "ff": 1040,
            "dsp": 8,
            "bram18": 4,
            "uram": 0,
        },
        [],
    ),
    "fir_export.rpt": (
        {
            "tool": "Vivado",
            "version": "2019.2",
            "part": "xc7z020-clg400-1",
            "top": "fir",
            "clock_target_ns": 10.0,
            "clock_estimated_ns": 7.63,
            "lut": 155,
            "ff": 170,
            "dsp": 3,
            "bram18": 2,
        },
        [],
    ),
    "export_impl_2024.2.rpt": (
        {
            "tool": "Vivado",
            "version": "2024.2",
            "part": "xczu7ev-ffvc1156-2-e",
            "clock_target_ns": 5.0,
            "clock_estimated_ns": 4.982,
            "lut": 9410,
            "ff": 8200,
            "dsp": 48,
            "bram18": 17,
            "uram": 0,
        },
        [],
    ),
    "export_syn_2024.2.rpt": (
        {
            "tool": "Vivado",
            "version": "2024.2",
            "part": "xczu7ev-ffvc1156-2-e",
            "clock_target_ns": 5.0,
            "clock_estimated_ns": 4.432,
            "lut": 9433,
            "ff": 8200,
            "dsp": 48,
            "bram18": 17,
            "uram": 0,
        },
        [],
    ),
    "utilization_versal_2022.2.rpt": (
        {
            "tool": "Vivado",
            "version": "2022.2",
            "part": "xcvc1902-vsva2197-2MP-e-S",
            "top": "wrapper",
            "lut": 33100,
            "ff": 41200,
            "dsp": 96,
            "bram18": 41,
            "uram": 6,
        },
        [],
    ),
    "utilization_black_box_2021.1.rpt": (
        {
            "tool": "Vivado",
            "version": "2021.1",
            "part": "7z020clg400-1",
            "top": "design_1_wrapper",
        },
        [],
    ),
    "kernel_util_routed.rpt": (
        {
            "tool": "Vivado",
            "version": "2023.2",
            "part": "xcu50-fsvh2104-2-e",
            "lut": 24000,
            "ff": 36000,
            "dsp": 120,
            "bram18": 41,
            "uram": 4,
        },
        ["vadd", "qnas_top"],
    ),
    "system_estimate_2021.2.xtxt": (
        {
            "tool": "Vitis HLS",
            "top": "qnas_top",
            "clock_target_ns": 3.33,
            "clock_estimated_ns": 2.5,
            "lut": 27000,
            "ff": 31000,
            "dsp": 120,
            "bram18": 40,
            "uram": 4,
        },
        ["gemm"],
    ),
    "result.transaction_2019.1.rpt": (
        {"tool": "HLS co-simulation", "latency_cycles_max": 130, "interval_max": 140},
        [],
    ),
}


def measurements(path: Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["measurements", str(path), "--json"])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("case", CASES)
def test_every_wording_gives_the_same_keys(case: str) -> None:
    (said, modules), path = CASES[case], FOLDER / case
    status, out, err = measurements(path)
    assert status == 0, err
    (found,) = json.loads(out)
    assert list(found) == KEYS
    assert found == {
        **dict.fromkeys(KEYS),
        "source": str(path),
        **said,
        "modules": found["modules"],
    }
    assert [module["top"] for module in found["modules"]] == modules
    assert all(list(module) == KEYS for module in found["modules"])


def test_modules_say_what_they_need() -> None:
    (found,) = json.loads(measurements(FOLDER / "vivado_hls_2019.2.xml")[1])
    (dot,) = found["modules"]
    assert (dot["latency_cycles_max"], dot["interval_max"], dot["lut"], dot["dsp"]) == (
        11,
        4,
        30,
        1,
    )
    assert dot["bram18"] is None and dot["part"] == found["part"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("share", [0.2, 0.55, 0.8])
def test_a_report_cut_off_is_refused_or_says_what_it_holds(
    case: str, share: float, tmp_path: Path
) -> None:
    """XML always shows it; of a text the table that is cut, or what is left in whole lines."""
    said, _ = CASES[case]
    text, path = (FOLDER / case).read_text(), tmp_path / case
    path.write_text(text[: int(share * len(text))])
    status, out, err = measurements(path)
    if case.endswith(".xml"):
        assert status == 2, "XML that ends early is no report"
    if status:
        assert status == 2 and not out and err.startswith("qnas: ") and f"{path}" in err
        return
    (found,) = json.loads(out)
    wrong = {k: v for k, v in found.items() if v is not None and k not in ("source", "modules")}
    assert all(said.get(k) == v for k, v in wrong.items()), (
        "a number of a part as that of the whole"
    )
