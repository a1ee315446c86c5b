"""The Python API, on objects: a run of seconds in which everything is real."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import plotly.graph_objects as go
import pytest
from optuna.samplers import RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

import qnas
from qnas._util.serialization import decode, encode
from qnas.errors import CapacityError, ConfigError, StageOrderError, UnknownNameError
from qnas.studies.run.manifest import read_manifest
from tests.own_code import STREAM, images, make_sampler, stream_kilobytes
from tests.tiny import TINY

ROOT = Path(__file__).resolve().parents[1]


def tiny(**changes: object) -> qnas.Study:
    """A study whose space, data, device and one objective are objects."""
    parts = {
        "space": TINY,
        "data": images(),
        "device": qnas.load_device("zcu102"),
        "objectives": ["error", "latency", STREAM],
        "search": qnas.SearchConfig(trials=12, population=4),
        "train": qnas.Recipe(epochs=1),
        "splits": qnas.SplitConfig(search_fraction=0.3, report_fraction=0.1),
    }
    return qnas.Study(**{**parts, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> qnas.OpenRun:
    return qnas.run(tiny(), runs=tmp_path_factory.mktemp("runs"), until="search")


def test_a_run_of_objects_is_recorded_as_data_and_opened_by_its_folder(
    searched: qnas.OpenRun,
) -> None:
    assert searched.path.name == "tiny_zcu102"
    manifest = json.loads((searched.path / "manifest.json").read_text())
    config = manifest["config"]
    assert config["space"] == encode(TINY)
    assert config["device"]["part"] == qnas.load_device("zcu102").part
    assert config["data"] == {"name": "a third", "digest": images().digest}
    assert config["objectives"][2] == f"{ROOT / 'tests/own_code.py'}:STREAM"
    again = qnas.open_run(searched.path)
    assert again.config == tiny().recorded() and again.space == TINY
    assert again.images.digest == images().digest and again.images.input_step == images().input_step
    assert [t.key for t in again.front()] == [t.key for t in searched.front()]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_the_study_is_optuna_s_with_names_and_its_journal_is_read_by_optuna(
    searched: qnas.OpenRun,
) -> None:
    study = searched.study
    assert isinstance(study, optuna.Study)
    assert study.metric_names == ["error", "latency", "stream"]
    storage = JournalStorage(JournalFileBackend(str(searched.path / "study.journal")))
    theirs = optuna.load_study(study_name="tiny_zcu102", storage=storage)
    assert [t.values for t in theirs.trials] == [t.values for t in study.trials]
    assert [t.constraints for t in theirs.trials] == [t.constraints for t in study.trials]
    assert theirs.metric_names == study.metric_names
    figure = optuna.visualization.plot_pareto_front(theirs, targets=lambda t: t.values[:2])
    assert sum(len(trace.x) for trace in figure.data) == 12
    first = {"target": lambda t: t.values[0], "target_name": "error"}
    for plot in ("plot_parallel_coordinate", "plot_slice", "plot_optimization_history"):
        assert getattr(optuna.visualization, plot)(theirs, **first).data
    worst = [max(values) for values in zip(*(t.values for t in theirs.trials), strict=True)]
    assert optuna.visualization.plot_hypervolume_history(theirs, worst).data


def test_the_study_becomes_a_data_frame(searched: qnas.OpenRun) -> None:
    pytest.importorskip("pandas")
    frame = searched.study.trials_dataframe()
    assert len(frame) == 12
    front = searched.front()
    for name in ("fps", "cycles", "lut", "ff", "dsp", "bram18", "uram"):
        found = frame.set_index("number")[f"user_attrs_{name}"]
        assert found.dtype.kind in "if"
        assert [found[t.number] for t in front] == [t.predicted.value(name) for t in front]
    assert {"values_error", "values_latency", "values_stream", "params_depth"} <= set(frame)


def test_a_pick_keeps_limits_and_is_exported_planned_and_explained(
    searched: qnas.OpenRun, tmp_path: Path
) -> None:
    front = searched.front()
    fastest = max(front, key=lambda t: t.predicted.value("fps"))
    picked = searched.pick(fps=fastest.predicted.value("fps"))
    assert picked.trial == fastest and picked.faster is None and picked.reasons
    assert picked.plan().architecture == picked.architecture == fastest.architecture
    assert picked.explain().estimate == picked.estimate
    stream = searched.config.objective_names[2]
    least = min(t.values[stream] for t in front)
    lean = searched.pick(at_most={"stream": least})
    assert lean.trial.values[stream] == least
    out = lean.export(tmp_path / "out")
    assert json.loads((out / "plan.json").read_text()) == encode(lean.plan())
    assert (out / "project/Makefile").is_file() and (out / "weights.safetensors").is_file()
    with pytest.raises(ConfigError, match="must be a new or empty folder"):
        lean.export(out)
    with pytest.raises(CapacityError, match="must find a candidate"):
        searched.pick(fps=1e12)
    with pytest.raises(StageOrderError, match="needs the stage `verify`"):
        searched.summary()


def test_callbacks_stop_the_search_which_then_counts_as_done(tmp_path: Path) -> None:
    seen: list[int] = []

    def stop_at_six(study: optuna.Study, trial: FrozenTrial) -> None:
        seen.append(trial.number)
        if len(seen) == 6:
            study.stop()

    study = tiny(name="stopped")
    run = qnas.run(study, runs=tmp_path, until="search", callbacks=[stop_at_six])
    assert seen == list(range(8)) and len(run.study.trials) == 8  # whole generations
    again = qnas.run(study, runs=tmp_path, until="search", callbacks=[stop_at_six])
    assert len(seen) == 8 == len(again.study.trials)
    longer = dataclasses.replace(study, search=qnas.SearchConfig(trials=16, population=4))
    assert len(qnas.run(longer, runs=tmp_path, until="search").study.trials) == 16


def test_several_workers_find_objects_by_name_and_the_same_trials(
    searched: qnas.OpenRun, tmp_path: Path
) -> None:
    run = qnas.run(tiny(), runs=tmp_path, until="search", workers=2)
    found = {(t.key, *t.values.values()) for t in run.records().trials}
    assert found == {(t.key, *t.values.values()) for t in searched.records().trials}


PROGRAM = """
import qnas
MINE = qnas.FunctionObjective("mine", "kB", "minimize", lambda candidate: 1.0)
qnas.run(qnas.Study(space="digits", data="digits", device="kv260", objectives=["error", MINE]))
"""


def test_a_worker_says_what_a_program_without_a_guard_lacks(
    searched: qnas.OpenRun, tmp_path: Path
) -> None:
    manifest = json.loads((searched.path / "manifest.json").read_text())
    manifest["config"]["objectives"][2] = f"{tmp_path / 'program.py'}:MINE"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "program.py").write_text(PROGRAM)
    order = json.dumps({"run": str(tmp_path), "storage": "", "worker": "w"})
    command = [sys.executable, "-m", "qnas.studies.workers.worker"]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as worker:
        assert worker.stdin is not None and worker.stderr is not None
        worker.stdin.write(order + "\n")
        worker.stdin.flush()  # not closed: a worker goes with those who started it
        said = worker.stderr.read()
    assert worker.returncode == 3
    assert 'Put the call below `if __name__ == "__main__":`' in said


def test_a_run_goes_on_from_its_names_alone_and_other_content_is_refused(tmp_path: Path) -> None:
    short = tiny(search=qnas.SearchConfig(trials=4, population=4))
    recorded = qnas.run(short, runs=tmp_path, until="search").config
    more = dataclasses.replace(recorded, search=qnas.SearchConfig(trials=8, population=4))
    assert len(qnas.run(more, runs=tmp_path, until="search").study.trials) == 8
    for changes, section in (
        ({"space": dataclasses.replace(TINY, depths=(1,))}, "space"),
        ({"device": qnas.load_device("kv260")}, "device"),
        ({"data": "digits"}, "data"),
        ({"seed": 1}, "seed"),
    ):
        with pytest.raises(ConfigError, match=rf"`{section}[.\w]*` must be what the run"):
            qnas.run(tiny(name=recorded.name, **changes), runs=tmp_path, until="search")


def test_a_study_of_objects_travels_as_data() -> None:
    study = tiny(search=qnas.SearchConfig(sampler=TPESampler, settings={"multivariate": True}))
    assert study.search.sampler_name == "TPESampler"
    assert decode(qnas.Study, encode(study.recorded()), subject="study") == study.recorded()
    by_name = tiny(data=images, search=qnas.SearchConfig(sampler=make_sampler))
    assert by_name.data == f"{ROOT / 'tests/own_code.py'}:images"
    assert by_name.search.sampler_name.endswith("own_code.py:make_sampler")
    assert by_name.recorded() == by_name


def test_a_sampler_of_the_user_s_proposes_and_paths_are_kept_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "qnas/accel/devices/zcu102.toml", tmp_path / "board.toml")
    monkeypatch.chdir(tmp_path)
    search = qnas.SearchConfig(trials=6, population=3, sampler=make_sampler)
    run = qnas.run(tiny(search=search, device="board.toml"), runs=tmp_path, until="search")
    assert run.path.name == "tiny_board"
    monkeypatch.chdir("/")
    assert qnas.open_run(run.path).device.name == "zcu102"
    named = dataclasses.replace(search, sampler=RandomSampler)
    other = qnas.run(tiny(search=named, name="named"), runs=tmp_path, until="search")
    assert [t.params for t in run.study.trials] == [t.params for t in other.study.trials]


@pytest.mark.parametrize(
    "changes",
    [
        {"objectives": ["error", qnas.FunctionObjective("n", "", "minimize", stream_kilobytes)]},
        {"data": lambda: images()},
        {"search": {"sampler": lambda seed: RandomSampler(seed=seed)}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_no_name_leads_to_is_refused_at_once(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="must be bound to a name at the top level"):
        if "search" in changes:
            qnas.SearchConfig(**changes["search"])  # type: ignore[arg-type]
        tiny(**changes)


def test_a_sampler_that_is_made_already_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be a class, or a function, that makes samplers"):
        qnas.SearchConfig(sampler=RandomSampler(seed=1))  # type: ignore[arg-type]


def test_the_figures_are_plotly_s_and_show_the_run(searched: qnas.OpenRun) -> None:
    show = qnas.visualization
    front = searched.front()
    for figure in (
        show.plot_pareto_front(searched),
        show.plot_pareto_front(searched, x="lut", y="latency"),
        show.plot_pareto_front_3d(searched),
        show.plot_parallel_coordinate(searched),
        show.plot_optimization_history(searched),
        show.plot_hypervolume_history(searched),
        show.plot_resources(searched),
        show.plot_bits(searched),
        show.plot_front_intervals(searched),
        show.plot_training_loss(searched),
        show.plot_training_accuracy(searched),
    ):
        assert isinstance(figure, go.Figure) and figure.data
    figure = show.plot_pareto_front(searched)
    (trace,) = (t for t in figure.data if t.meta == {"role": "front"})
    assert sorted(trace.y) == sorted(t.values["error"] for t in front)
    assert all("embed" in text for text in trace.text)
    volumes = show.plot_hypervolume_history(searched).data[0].y
    assert volumes[-1] == searched.records().hypervolume()
    for plot in (show.plot_accuracy_ladder, show.plot_confusion_matrix):
        with pytest.raises(StageOrderError, match="qnas verify"):
            plot(searched)
    with pytest.raises(UnknownNameError, match="Did you mean 'knee'"):
        show.plot_confusion_matrix(searched, pick="kneee")
    assert repr(searched) == f"open_run({str(searched.path)!r})"
    with pytest.raises(StageOrderError, match="qnas report"):
        show.plot_sensitivity(searched)
    assert show.plot_predictions(searched).data[0].name == "estimate"
    with pytest.raises(ConfigError, match="must be 40 or more"):
        show.plot_param_importances(searched)
    with pytest.raises(UnknownNameError, match="Did you mean 'latency'"):
        show.plot_pareto_front(searched, x="latenci")


def test_a_plan_of_an_architecture_by_name_or_by_object() -> None:
    architecture = TINY.smallest()
    plan, estimate = qnas.plan(architecture, "zcu102")
    assert plan.architecture == architecture and estimate.fps > 0
    show = qnas.visualization
    assert show.plot_timeline(plan).data and show.plot_boards(architecture).data
    assert show.plot_folding_front(architecture, qnas.load_device("zcu102")).data
    assert qnas.plan(architecture, qnas.load_device("zcu102")) == (plan, estimate)
    _, slower = qnas.plan(architecture, "zcu102", dsp_share=0.01)
    assert slower.resources.dsp < estimate.resources.dsp and slower.cycles > estimate.cycles


def test_a_folder_that_is_no_run_and_a_stage_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be the directory of a run"):
        qnas.open_run(tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'search'"):
        qnas.run(tiny(), runs=tmp_path, until="serch")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_everything_to_a_verified_accelerator(tmp_path: Path) -> None:
    study = tiny(verify_images=2, fps_targets=(1000,), tune=qnas.TuneConfig(epochs=1))
    run = qnas.run(study, runs=tmp_path)
    summary = run.summary()
    assert isinstance(summary, qnas.Summary) and {p.name for p in summary.picks} == {
        "knee",
        "fps1000",
    }
    assert summary.study.trials == 12
    split = read_manifest(run.path / "manifest.json").splits
    for pick in summary.picks:
        assert pick.verification.mismatches == 0 < pick.verification.values
        accuracy = pick.accuracy
        assert accuracy.simulated_images == pick.verification.images == 2
        assert accuracy.images == split.report > 2
        low, high = accuracy.integer_interval
        assert low < accuracy.integer < high and high - low < 0.3
        assert accuracy.hls in (0.0, 0.5, 1.0) and np.subtract(*accuracy.hls_interval) < -0.6
    tuned = {pick.name: pick.tuning for pick in qnas.tune(study, runs=tmp_path).summary().picks}
    assert all(found and found.weights in ("tuned", "inherited") for found in tuned.values())
    page = run.write_report(tmp_path / "page.html")
    assert page.read_bytes() == (run.path / "report.html").read_bytes()
    said = page.read_text(encoding="utf-8")
    assert f"of {accuracy.images}<br>(" in said and "of 2<br>(" in said


def test_importing_and_asking_for_help_load_nothing_that_is_slow() -> None:
    slow = ("numpy", "torch", "optuna", "pydantic", "plotly", "sklearn", "scipy", "jinja2", "rich")
    for lines in ("import qnas", "from qnas.cli.main import cli\ntry: cli(['--help'])\nexcept: 0"):
        script = f"{lines}\nimport sys\nprint([m for m in {slow} if m in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT
        )
        assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_what_is_public() -> None:
    """A snapshot: a name that comes or goes is seen here, and told in a news fragment."""
    import qnas.testing

    assert sorted(qnas.__all__) == PUBLIC
    assert all(getattr(qnas, name) is not None for name in PUBLIC)
    assert sorted(qnas.visualization.__all__) == FIGURES
    assert sorted(qnas.testing.__all__) == ["DeviceContract", "ObjectiveContract", "SpaceContract"]
    reference = "\n".join(page.read_text() for page in (ROOT / "docs/reference").glob("*.md"))
    assert [name for name in PUBLIC if name not in reference] == []


PUBLIC = [
    "Architecture",
    "BlockSpec",
    "CalibrationConfig",
    "Candidate",
    "Device",
    "Estimate",
    "FunctionObjective",
    "HardwarePlan",
    "ImageSet",
    "Objective",
    "OpenRun",
    "PickedTrial",
    "PixelConfig",
    "PostTraining",
    "Prediction",
    "QnasError",
    "Recipe",
    "ReproducibleNSGAIISampler",
    "Resources",
    "SearchConfig",
    "SearchSpace",
    "SplitConfig",
    "Study",
    "Summary",
    "TrialRecord",
    "TuneConfig",
    "W8Shares",
    "load_data",
    "load_device",
    "load_space",
    "open_run",
    "plan",
    "quantize",
    "run",
    "tune",
    "visualization",
]
FIGURES = [
    "plot_accuracy_ladder",
    "plot_bits",
    "plot_boards",
    "plot_confusion_matrix",
    "plot_folding_front",
    "plot_front_intervals",
    "plot_hypervolume_history",
    "plot_optimization_history",
    "plot_parallel_coordinate",
    "plot_param_importances",
    "plot_pareto_front",
    "plot_pareto_front_3d",
    "plot_predictions",
    "plot_resources",
    "plot_sensitivity",
    "plot_timeline",
    "plot_training_accuracy",
    "plot_training_loss",
]
