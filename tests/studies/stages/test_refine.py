"""`qnas refine`: what a run measures of its own front changes predictions, search and records."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import qnas
from qnas.accel.calibration.kernels import kernel_name, structural
from qnas.accel.cost.analytic import estimate
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.multi_network import read_plans
from qnas.accel.plan.plan import HardwarePlan
from qnas.errors import CompileError, ConfigError, ToolMissingError
from qnas.studies.progress import Silent
from qnas.studies.report.page import render
from qnas.studies.run.opening import writable_run
from qnas.studies.run.refinement import REFINED, read_refinement
from qnas.studies.run.run import Run
from qnas.studies.search.trials import TrialRecord
from qnas.studies.sections import CalibrationConfig
from qnas.studies.stages.kernels import picks
from qnas.studies.stages.pipeline import report_content
from qnas.studies.stages.refine import RefineSettings, refine, teaching
from qnas.studies.stages.refine_reports import refine_with_reports, refine_with_vitis
from tests.tiny import TINY

MORE = 1.03  # LUTs of this world's synthesizer, over the structural estimate
SETTINGS = RefineSettings(within=0.0, rounds=1, kernels=2, trials=6)


def measure(
    run: Run, trial: TrialRecord, plan: HardwarePlan, seconds: float
) -> Mapping[str, float]:
    """What a synthesizer and a simulator say of a kernel, as far as predictions can tell."""
    found = structural([plan], estimate(plan), backend="rtl")
    return {**found, "lut": round(MORE * found["lut"])}


def study(**changes: object) -> qnas.Study:
    parts: dict[str, object] = {
        "space": TINY,
        "data": "digits",
        "device": "zcu102",
        "objectives": ("error", "latency", "lut"),
        "search": qnas.SearchConfig(trials=12, population=6),
        "train": qnas.Recipe(epochs=1, batch_size=256),
    }
    return qnas.Study(**{**parts, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    qnas.run(study(), runs=runs, until="search")
    return runs


@pytest.fixture
def runs(searched: Path, tmp_path: Path) -> Path:
    shutil.copytree(searched, tmp_path / "runs")
    return tmp_path / "runs"


def test_a_round_measures_predicts_anew_and_searches_on(runs: Path) -> None:
    with writable_run(study(), runs=runs, stage="refine") as run:
        before = run.records()
        found = refine(run, Silent(), SETTINGS, measure)
        start, first, *picked = found.rounds
        assert (start.kernels, first.kernels, first.trials) == (0, 2, 18)
        assert start.trials == before.count == 12 and len(first.measured) == 2
        after = run.records()
        errors = {t.key: t.values["error"] for t in before.trials}
        known = [t for t in after.trials if t.key in errors]
        assert len(known) >= len(before.trials), "no image is seen twice"
        assert all(t.values["error"] == errors[t.key] for t in known)
        measured = [t for t in after.trials if "lut" in t.predicted.measured]
        assert {t.predicted.kind("lut") for t in measured} == {"measured"}
        for trial in measured:
            (plan, _) = teaching_plan(run, trial)
            assert trial.predicted.value("lut") == measure(run, trial, plan, 0)["lut"]
            assert trial.values["lut"] == trial.predicted.value("lut")
        again = refine(run, Silent(), SETTINGS, measure)
        number = len(found.rounds)
        assert again.rounds[:number] == found.rounds and again.rounds[number].trials == 24
        assert all(one.trials == 18 for one in picked), "picks are measured without a search"
        page = render(report_content(run))
        assert 'id="plot-rounds"' in page and 'id="plot-widths"' in page
    assert qnas.open_run(runs / study().name).records().count == 24


def teaching_plan(run: Run, trial: TrialRecord) -> tuple[HardwarePlan, object]:
    share = trial.proposal.dsp_share
    return best_plan(trial.architecture, run.device, share, predictor=run.predictor)


def test_a_call_that_was_cut_short_goes_on_with_what_it_measured(runs: Path) -> None:
    calls = list[str]()

    def cut(
        run: Run, trial: TrialRecord, plan: HardwarePlan, seconds: float
    ) -> Mapping[str, float]:
        calls.append(trial.key)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(run, trial, plan, seconds)

    with writable_run(study(), runs=runs, stage="refine") as run:
        with pytest.raises(KeyboardInterrupt):
            refine(run, Silent(), SETTINGS, cut)
        assert run.study.user_attrs.get(REFINED, 0) == 0 and run.records().count == 12
    with writable_run(study(), runs=runs, stage="refine") as run:
        state = read_refinement(run.files.refinement)
        assert state is not None and state.designs is not None and len(state.designs.names) == 1
        found = refine(run, Silent(), SETTINGS, cut)
        assert found.rounds[1].kernels == 2, "the first is not made again"
        assert len(calls) == found.rounds[-1].kernels + 1


def test_picks_are_measured_at_the_end(runs: Path) -> None:
    """A pick that misses its target when it is measured is none: another takes its place."""
    with writable_run(study(), runs=runs, stage="refine") as run:
        fps = sorted(trial.fps for trial in run.records().front())
    aim = study(fps_targets=(int(fps[len(fps) // 2]),))
    slow = list[str]()

    def slow_at_first(
        run: Run, trial: TrialRecord, plan: HardwarePlan, seconds: float
    ) -> Mapping[str, float]:
        slow.append(trial.key)
        times = 3.0 if len(slow) <= 2 else 1.0
        found = measure(run, trial, plan, seconds)
        return {name: found[name] * (times if "cycles" in name else 1.0) for name in found}

    with writable_run(aim, runs=runs, stage="refine") as run:
        before = {pick.name: pick.trial.key for pick in picks(run)}
        assert not any(pick.trial.predicted.measured for pick in picks(run)[1:])
        settings = replace(SETTINGS, within=1.0)
        found = refine(run, Silent(), settings, slow_at_first)
        after = picks(run)
        assert {pick.trial.predicted.kind("fps") for pick in after} == {"measured"}
        assert all(pick.trial.fps >= aim.fps_targets[0] for pick in after[1:])
        assert before[after[-1].name] != after[-1].trial.key
        assert found.rounds[-1].trials == 12 and len(found.rounds) > 2, "nothing was searched"


def test_it_ends_when_intervals_are_within_or_nothing_can_be_measured(runs: Path) -> None:
    tried = list[str]()

    def refused(
        run: Run, trial: TrialRecord, plan: HardwarePlan, seconds: float
    ) -> Mapping[str, float]:
        tried.append(kernel_name([plan]))
        raise CompileError("`kernel` must compile; got an error. Mend it.")

    with writable_run(study(), runs=runs, stage="refine") as run:
        found = refine(run, Silent(), SETTINGS, refused)
        assert len(found.rounds) == 1 and run.records().count == 12
        assert sorted(found.failed) == sorted(tried), "none is tried twice"
        before = len(tried)
        refine(run, Silent(), SETTINGS, refused)
        assert len(set(tried)) == len(tried) > before > 0
        assert len(teaching(run, 1)) == 1


@pytest.fixture
def plain(tmp_path: Path) -> qnas.Study:
    """A searched study, in `tmp_path`, that predicts the C++ kernel by estimates."""
    found = study(calibration=CalibrationConfig("none"), name="plain")
    qnas.run(found, runs=tmp_path, until="search")
    return found


REPORT = """<profile><ReportVersion><Version>2023.2</Version></ReportVersion>
<UserAssignments><unit>ns</unit><Part>{part}</Part><TopModelName>qnas_top</TopModelName>
<TargetClockPeriod>{clock:.2f}</TargetClockPeriod></UserAssignments>
<AreaEstimates><Resources><BRAM_18K>{bram18}</BRAM_18K><DSP>{dsp}</DSP><FF>{ff}</FF>
<LUT>{lut}</LUT></Resources></AreaEstimates></profile>
"""


def synthesize(project: Path, run: Run) -> int:
    """Leave a report of twice the LUTs in an exported project, and return them."""
    (plan,) = read_plans(project / "plan.json")
    found = estimate(plan).resources
    amounts = {name: getattr(found, name) for name in ("bram18", "dsp", "ff")}
    clock, part = 1e3 / plan.clock_mhz, run.device.part
    report = REPORT.format(part=part, clock=clock, lut=2 * found.lut, **amounts)
    (project / "csynth.xml").write_text(report)
    return 2 * found.lut


@pytest.mark.slow
def test_reports_of_another_machine_are_measurements(
    plain: qnas.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with writable_run(plain, runs=tmp_path, stage="refine") as run:
        with pytest.raises(ConfigError, match="must predict the RTL kernel"):
            refine(run, Silent(), SETTINGS, measure)
        folder = run.files.path / "refine"
        with pytest.raises(ToolMissingError, match=f"qnas refine plain --reports {folder}"):
            refine_with_vitis(run, Silent(), replace(SETTINGS, kernels=1))
        (first, *_) = sorted(folder.glob("*/project"))
        lut = synthesize(first, run)
        found = refine_with_reports(run, Silent(), SETTINGS, folder)
        assert (found.subject, found.setup.stage, found.rounds[-1].kernels) == ("c++", "hls", 1)
        measured = [t for t in run.records().trials if "lut" in t.predicted.measured]
        assert {t.predicted.value("lut") for t in measured} == {lut}
        assert {t.values["lut"] for t in measured} == {lut}
        with pytest.raises(ConfigError, match="kernels that are not measured"):
            refine_with_reports(run, Silent(), SETTINGS, folder)
        (first / "csynth.xml").write_text(
            (first / "csynth.xml").read_text().replace("<LUT>", "<LUT>9")
        )
        with pytest.raises(ConfigError, match="must agree on lut"):
            refine_with_reports(run, Silent(), SETTINGS, folder)


def test_a_kernel_that_vitis_refuses_is_not_tried_again(
    plain: qnas.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "vitis_hls"
    tool.write_text("#!/bin/sh\nexit 3\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with writable_run(plain, runs=tmp_path, stage="refine") as run:
        once = replace(SETTINGS, kernels=1)
        found = refine_with_vitis(run, Silent(), once)
        assert len(found.rounds) == 1 and found.failed
        assert all("status 3" in reason for reason in found.failed.values())
        assert len(refine_with_vitis(run, Silent(), once).failed) > len(found.failed)


def test_reports_do_not_refine_a_study_that_predicts_the_rtl(runs: Path, tmp_path: Path) -> None:
    with (
        writable_run(study(), runs=runs, stage="refine") as run,
        pytest.raises(ConfigError, match=r"must predict the C\+\+ kernel"),
    ):
        refine_with_reports(run, Silent(), SETTINGS, tmp_path)
