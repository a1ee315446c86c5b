"""The benchmarks run and print what they promise; their figures are judged elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qnas.accel.calibration.designs import Designs
from qnas.accel.calibration.pairs import CLOCK, REQUIRED, Pairs
from tests.bench.active import FIGURES, Arena, compare, front
from tests.bench.ports import measure as measure_ports
from tests.bench.unseen import splits

FOLDER = Path(__file__).resolve().parent
HEADER = "design,model,clock_mhz,dsp,klut,bram36,fps\n"
ROWS = "Somebody,DeiT-T,150,1552,185.0,,100.0\nOther,Swin-T,200,2307,209.9,345,148.8\n"
PAPER = "Quasar-ViT S,searched,150,1552,185.0,401,251.6\n"


def _run(name: str, *arguments: str) -> str:
    command = [sys.executable, str(FOLDER / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_speed_of_the_cost_model(tmp_path: Path) -> None:
    _run("cost_model.py", "--json", str(tmp_path / "out.json"))
    found: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
    assert found["pairs_per_s"] > 20_000 and found["folding_search_s"] < 0.5
    for network in found["networks"].values():
        assert network["foldings"] >= 2_000
        assert network["pairs_per_s"] > 10 * network["pairs_per_s_one_plan_at_a_time"]


def test_several_weight_ports() -> None:
    rates = measure_ports(("zcu102",))["zcu102"]
    assert set(rates) == {"digits", "deit_tiny", "deit_small"}
    assert all(pair.one_fps and pair.fps for pair in rates.values())
    assert all((pair.fps or 0) >= (pair.one_fps or 1) for pair in rates.values())
    assert (rates["digits"].fps or 0) > 1.3 * (rates["digits"].one_fps or 1)


def test_speed_of_a_study(tmp_path: Path) -> None:
    _run("study_speed.py", "--n", "500", "--stock", "20", "--json", str(tmp_path / "out.json"))
    found: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
    names = {"qnas_journal", "qnas_journal_last", "optuna_journal", "optuna_memory"}
    assert names == set(found["trials_per_s"]) == set(found["trials_per_cpu_s"])
    speeds = found["trials_per_cpu_s"]
    assert found["n"] == 500 and speeds["qnas_journal"] > 3 * speeds["optuna_journal"] > 0


@pytest.mark.slow
@pytest.mark.full
def test_racing(tmp_path: Path) -> None:
    arguments = ["--epochs", "2", "--seeds", "1", "--trials", "120"]
    _run("racing.py", *arguments, "--json", str(tmp_path / "out.json"))
    found: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
    (row,) = found["seeds"]
    assert row["lost"] == 0 < row["dropped"] and row["images_raced"] < row["images_full"]


def test_published_designs(tmp_path: Path) -> None:
    data = tmp_path / "designs.csv"
    data.write_text(HEADER + ROWS + PAPER)
    _run("published.py", str(data), "--json", str(tmp_path / "out.json"))
    found: list[dict[str, Any]] = json.loads((tmp_path / "out.json").read_text())
    assert [(x["design"], x["w8_share"], x["activation_bits"]) for x in found] == [
        ("Somebody", 1.0, 8),
        ("Somebody", 1.0, 6),
        ("Somebody", 0.5, 6),
        ("Somebody", 0.0, 6),
        ("Quasar-ViT S", 0.375, 6),
    ]
    keys = {"design", "model", "w8_share", "dsp", "clock_mhz", "fps_theirs", "fps_ours"}
    for x in found:
        assert keys | {"roof_share"} <= set(x)
        # Products made in LUTs come on top of what the roof counts, that of the DSPs alone.
        assert x["fits"] and 0 < x["roof_share"] < 1.5 and x["dsp_used"] <= x["dsp"] == 1552
        assert x["fps_ours"] < x["fps_overlapped"]
    eight, six, _, four, paper = found
    assert eight["roof_fps"] == pytest.approx(six["roof_fps"] / 2, rel=0.01)
    assert eight["fps_ours"] < six["fps_ours"] < four["fps_ours"]
    assert (six["aim"], four["aim"], paper["aim"]) == (1.4, 2.5, 1.6)
    assert paper["rtl"] is None  # not asked for


def test_calibration(tmp_path: Path) -> None:
    header = ["kernel", *(f"hls_{x}" for x in ("bram18", "dsp", "ff", "lut"))]
    header += [f"{x}_{y}" for x in ("c", "rtl") for y in ("arith", "logic")]
    header += ["impl_lut", "impl_logic_lut", "impl_ff"]
    rows = [f"k{i % 2}," + ",".join(str((i + 2) * (j + 9)) for j in range(11)) for i in range(12)]
    data = tmp_path / "pairs.csv"
    data.write_text("\n".join([",".join(header), *rows]) + "\n")
    _run("calibration.py", str(data), "--seeds", "1", "--json", str(tmp_path / "out.json"))
    found: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
    keys = {"mape_before", "mape_after", "coverage_90", "kendall_tau", "n"}
    pairs = found.pop("pairs")
    assert set(pairs) == {"lut", "logic_lut", "ff"}
    assert all(set(x) == keys and x["mape_after"] < x["mape_before"] for x in pairs.values())
    for name in ("lut", "ff"):
        assert set(found[name]) == keys and found[name]["mape_after"] < 0.1
        assert found[name]["coverage_90"] >= 0.85 and found[name]["kendall_tau"] > 0.9
        assert found["few"][name]["random"]["mape"] < 0.06  # one choice: no ratio
    assert max(found[name]["mape_after"] for name in ("dsp", "bram18")) < 1e-9
    assert found["kernels"]["lut"]["mape_after"] < 0.05
    assert found["seconds"]["predictions"] == 100_000 and found["seconds"]["cpu_s"] < 4


def test_choosing_and_chance_start_alike_and_never_measure_the_front() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 8, (40, 3))
    names, features = np.arange(40).astype(np.str_), dict(zip("abc", 2**x.T - 1, strict=True))
    estimated = {name: np.full(40, 1000.0) for name in ("lut", "ff")}
    errors = {"lut": 0.3 * np.sin(x[:, 0]), "ff": -0.2 * np.cos(x[:, 0])}
    measured = {name: 1000 * np.exp(error) for name, error in errors.items()}
    designs = Designs(names, names, features, estimated, measured)
    arena = Arena("made up", designs, np.argsort(x[:, 0])[-8:])
    assert not set(arena.pool) & set(arena.front)
    none, some = compare([arena], seeds=2, budgets=(0, 5, 28))
    assert none["repeats"] == 2 and all(none[name]["difference"] == 0 for name in FIGURES)
    assert some["n"] == 5 and some["width"]["difference"] != 0, "28 are more than there are"


def test_a_front_is_cheapest_for_its_gain() -> None:
    cost, gain = np.array([5.0, 3.0, 3.0, 9.0, 1.0]), np.array([4.0, 4.0, 4.0, 8.0, 1.0])
    assert front(cost, gain).tolist() == [1, 3, 4]


def test_unseen_designs_are_none_of_the_known() -> None:
    rng = np.random.default_rng(0)
    names = [*REQUIRED, CLOCK]
    columns = {name: rng.uniform(1, 1000, 120) for name in names}
    pairs = Pairs(np.array(["abcd"[i % 4] for i in range(120)]), columns, np.full(120, "10"))
    found = list(splits(pairs))
    assert len(found) == len({split.name for split in found}) >= 8
    for split in found:
        assert len(split.train) > 10 and len(split.test) == split.out.sum() > 10
        known = {tuple(row) for row in _rows(split.train)}
        assert not known & {tuple(row) for row in _rows(split.test)}


def _rows(pairs: Pairs) -> list[list[float]]:
    designs = pairs.designs()
    rows: list[list[float]] = designs.inputs().tolist()
    return rows


@pytest.mark.slow
@pytest.mark.full
def test_speed_of_c_simulation(tmp_path: Path) -> None:
    _run("csim_speed.py", "--small", "--json", str(tmp_path / "out.json"))
    found: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
    assert found["seconds_per_image_deit_tiny"] is None, "not of a small network"
    assert found["gmac_per_s_standin"] > 2 * found["gmac_per_s_standin_packed"] / 3 > 0.1
    real = found["gmac_per_s_ap_int"]
    assert real is None or real < found["gmac_per_s_standin_packed"]


def test_absent_data_is_a_visible_skip(tmp_path: Path) -> None:
    assert _run("published.py", str(tmp_path / "none.csv")).startswith("SKIPPED")
    assert _run("unseen.py", str(tmp_path / "none.csv")).startswith("SKIPPED")


@pytest.mark.slow
@pytest.mark.full
def test_ranking_is_measured_once_and_remembered(tmp_path: Path) -> None:
    arguments = ["--data", "digits", "--ablations", "digits", "--subnets", "4"]
    arguments += ["--peers", "4", "--epochs", "4", "--supernet-epochs", "4"]
    arguments += ["--train-images", "100", "--test-images", "100"]
    arguments += ["--work", str(tmp_path), "--json", str(tmp_path / "out.json")]
    _run("ranking.py", *arguments)
    found = json.loads((tmp_path / "out.json").read_text())["digits"]
    assert found["subnets"] == len(found["points"]) == 4 and found["seeds"] == 2
    assert len(found["ablations"]) == len(found["counts"]) == 4
    equal = found["equal_cost"]
    assert equal["subnets"] == len(equal["points"]) == 4
    for x in (found, equal, *found["ablations"].values(), *found["counts"].values()):
        assert x["ci_low"] <= x["kendall_tau"] <= x["ci_high"]
    trained = {p: p.stat().st_mtime_ns for p in tmp_path.glob("digits/*/supernet.safetensors")}
    wide, near = ({point["key"] for point in x["points"]} for x in (found, equal))
    assert len(trained) == 1 + 4 + 2 * 4 + len(near - wide)  # supernet, ablations, two seeds, peers
    _run("ranking.py", *arguments)
    assert json.loads((tmp_path / "out.json").read_text())["digits"] == found
    assert {p: p.stat().st_mtime_ns for p in trained} == trained
    _run("ranking.py", *arguments, "--report", "--seed", "1")  # of which nothing is trained
    assert json.loads((tmp_path / "out.json").read_text())["digits"] == {}
