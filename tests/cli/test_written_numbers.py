"""Every number of an exported project's README and design.json against the study's own record."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from qnas.accel.rtl.kernel.cycles import cycles_of_first_pass, cycles_of_pass
from qnas.studies import Run, load_config
from qnas.studies.run.training_records import search_accuracy, supernet_of, tuning_of
from qnas.studies.stages.export import export_rtl
from qnas.studies.stages.kernels import picks, plan_of
from tests.cli.tiny_study import TINY_SPACE, qnas, study

STUDY = study(
    space=TINY_SPACE,
    search={"trials": 4, "population": 2},
    train={"epochs": 3, "checkpoint_epochs": 1},
    tune={"epochs": 3, "learning_rate": 3e-3},
    splits={"search_fraction": 0.3, "report_fraction": 0.02},
)


@pytest.fixture(scope="module", params=["inherited", "tuned"])
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose picks are exported: as the search left them, or tuned."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "study.toml").write_text(STUDY)
    commands = ("train", "search", "export" if request.param == "inherited" else "tune")
    for command in commands:
        assert qnas(command, folder).exit_code == 0
    run = Run(load_config(folder / "study.toml"), folder / "runs/tiny")
    tuned = [tuning_of(run, pick.trial.architecture) for pick in picks(run)]
    assert all((t is not None and t.better) == (request.param == "tuned") for t in tuned)
    return run


def expected_rows(project: Path) -> dict[str, str]:
    """The table of numbers to expect: what, and how much."""
    text = (project / "README.md").read_text()
    table = text.split("| to expect |", 1)[1].split("\n\n", 1)[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", table, re.M)
    return {what: value for what, value in rows if what != "---"}


def test_the_readme_quotes_the_study(finished: Run) -> None:
    for pick in picks(finished):
        estimate = pick.trial.estimate
        rows = expected_rows(finished.files.pick(pick.name).project)
        accuracy = search_accuracy(finished, pick.trial)
        assert accuracy is not None and 0 <= accuracy <= 1
        assert rows == {
            "accuracy": f"{accuracy:.2%}",
            "cycles of a call's first image": f"{estimate.cycles_first:,}",
            "cycles of each further image": f"{estimate.cycles:,}",
            f"FPS at {estimate.clock_mhz:g} MHz (assumed)": f"{estimate.fps:,.0f}",
            **{
                name.upper(): f"{getattr(estimate.resources, name):,}"
                for name in finished.device.limits()
            },
        }


def test_the_readme_of_the_rtl_quotes_the_study_and_what_a_simulation_counts(
    finished: Run,
) -> None:
    for pick, folder in zip(picks(finished), export_rtl(finished), strict=True):
        plan, clock_mhz = plan_of(finished, pick), pick.trial.estimate.clock_mhz
        cycles = cycles_of_pass(plan)
        assert expected_rows(folder) == {
            "accuracy": f"{search_accuracy(finished, pick.trial):.2%}",
            "cycles of a call's first image": f"{cycles_of_first_pass(plan):,}",
            "cycles of each further image": f"{cycles:,}",
            f"FPS at {clock_mhz:g} MHz (assumed)": f"{clock_mhz * 1e6 / cycles:,.0f}",
        }


def test_the_quoted_accuracy_is_of_the_weights_in_the_project(finished: Run) -> None:
    """Counted again, on the search split, with the very weights that the project was made of."""
    from qnas.objectives.accuracy import AccuracyEvaluator

    for pick in picks(finished):
        architecture = pick.trial.architecture
        subnet = supernet_of(finished, architecture)
        (again,) = AccuracyEvaluator(subnet, *finished.subset("search")).top1([architecture])
        rows = expected_rows(finished.files.pick(pick.name).project)
        assert rows["accuracy"] == f"{again:.2%}"


def test_design_json_quotes_the_plan(finished: Run) -> None:
    for pick in picks(finished):
        files = finished.files.pick(pick.name)
        facts: dict[str, Any] = json.loads((files.project / "host" / "design.json").read_text())
        plan: dict[str, Any] = json.loads(files.plan.read_text())
        arch = pick.trial.architecture
        assert facts["image_shape"] == [arch.in_channels, arch.image_size, arch.image_size]
        assert (facts["patch_size"], facts["classes"]) == (arch.patch_size, arch.num_classes)
        (network,) = facts["networks"]
        assert (network["label"], network["architecture"]) == (pick.name, arch.key)
        assert network["weight_words"] == sum(s["stream_words"] for s in plan["stages"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_qonnx_holds_the_weights_of_the_project(finished: Run) -> None:
    pytest.importorskip("qonnx")
    from qnas.studies.stages.export import export_qonnx
    from qnas.supernet.export.qonnx import to_qonnx

    for pick, path in zip(picks(finished), export_qonnx(finished), strict=True):
        architecture = pick.trial.architecture
        inherited = finished.supernet.extract(architecture)
        own = supernet_of(finished, architecture).extract(architecture)
        assert path == finished.files.pick(pick.name).qonnx
        assert path.read_bytes() == to_qonnx(own)
        tuned = tuning_of(finished, architecture) is not None
        assert (path.read_bytes() != to_qonnx(inherited)) == tuned
