from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from qnas._util.serialization import write_json
from qnas.errors import ConfigError
from qnas.studies.config import Study
from qnas.studies.report.compare_page import render_comparison, study_rows, target_rows
from qnas.studies.report.comparison import ComparedRun, Comparison, compare, side_by_side
from qnas.studies.results.front import StudyRecords
from qnas.studies.run.manifest import Manifest
from qnas.studies.run.run import Run
from qnas.studies.search.trials import TrialRecord
from tests.studies.analytic import DIRECTIONS, OBJECTIVES
from tests.studies.results.test_front import trial

GOOD = (
    trial(0, error=1.0, cycles=40_000, dsp=10),
    trial(1, error=2.0, cycles=10_000, dsp=20),
    trial(2, error=6.0, cycles=5_000, dsp=30),
)
WORSE = (
    trial(0, error=3.0, cycles=20_000, dsp=30),  # dominated by the good study's trial 1
    trial(1, error=9.0, cycles=4_000, dsp=30),
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    config = Study("good", space="digits", data="digits", device="zcu102")
    return Run(config, tmp_path_factory.mktemp("runs")).make_manifest()


@pytest.fixture(scope="module")
def found(manifest: Manifest) -> Comparison:
    return side_by_side([_run("good", manifest, GOOD), _run("worse", manifest, WORSE)])


def _run(label: str, manifest: Manifest, trials: tuple[TrialRecord, ...]) -> ComparedRun:
    return ComparedRun(label, manifest, StudyRecords(OBJECTIVES, trials))


def test_hypervolumes_have_one_box_a_tenth_beyond_the_worst_of_all(found: Comparison) -> None:
    assert found.box.best == (1.0, 0.02, 10.0)
    assert found.box.worst == pytest.approx((9.8, 0.218, 32.0))
    good, worse = found.runs
    first = (9.8 - 3) / 8.8 * (0.218 - 0.1) / 0.198 * (32 - 30) / 22
    second = (9.8 - 9) / 8.8 * (0.218 - 0.02) / 0.198 * (32 - 30) / 22
    both = (9.8 - 9) / 8.8 * (0.218 - 0.1) / 0.198 * (32 - 30) / 22
    assert found.volume(worse) == pytest.approx(first + second - both)
    assert found.volume(worse) < found.volume(good) < 1


def test_which_share_of_a_front_is_dominated(found: Comparison) -> None:
    assert [found.beaten(run) for run in found.runs] == [0.0, 0.5]


def test_equal_studies_beat_each_other_nowhere(manifest: Manifest) -> None:
    same = side_by_side([_run("a", manifest, GOOD), _run("b", manifest, GOOD)])
    assert [same.beaten(run) for run in same.runs] == [0.0, 0.0]
    assert same.volume(same.runs[0]) == same.volume(same.runs[1])
    assert all(leads for _, cells in target_rows(same) for _, _, leads in cells)


def test_the_best_at_each_target_and_who_leads(found: Comparison, manifest: Manifest) -> None:
    assert found.targets == (10_000.0, 20_000.0, 40_000.0)  # the fronts' quarters
    asked = side_by_side(found.runs, fps=(45_000, 10_000))
    slow, fast = target_rows(asked)
    assert slow[0] == "10,000"
    assert [(error, leads) for error, _, leads in slow[1]] == [("2.00 %", True), ("3.00 %", False)]
    assert [(error, leads) for error, _, leads in fast[1]] == [("\u2014", False), ("9.00 %", True)]
    config = replace(manifest.config, fps_targets=(7,))
    own = side_by_side([_run("a", replace(manifest, config=config), GOOD), found.runs[1]])
    assert own.targets == (7.0,)


def test_what_does_not_compare_is_refused_and_what_hardly_does_is_said(
    found: Comparison, manifest: Manifest
) -> None:
    good, worse = found.runs
    assert found.cautions == ()
    elsewhere = replace(manifest, device=replace(manifest.device, name="kv260"))
    cautious = side_by_side([good, replace(worse, manifest=elsewhere)])
    assert "different devices" in cautious.cautions[0]
    first, *rest = worse.records.trials
    rtl = replace(first, predicted=replace(first.predicted, backend="rtl"))
    mixed = side_by_side([good, _run("rtl", manifest, (rtl, *rest))])
    kernels = "C++ kernel in good, RTL kernel in rtl"
    assert mixed.cautions == (f"Cycles and resources are those of different kernels: {kernels}.",)
    other = replace(manifest, data=replace(manifest.data, digest="other", name="letters"))
    with pytest.raises(ConfigError, match="measured on the data of good"):
        side_by_side([good, replace(worse, manifest=other)])
    alone = StudyRecords(("error",), WORSE)
    with pytest.raises(ConfigError, match="share two objectives"):
        side_by_side([good, replace(worse, records=alone)])


def test_folders_that_are_no_two_runs(tmp_path: Path, manifest: Manifest) -> None:
    with pytest.raises(ConfigError, match="two or more different runs"):
        compare([tmp_path])
    with pytest.raises(ConfigError, match="two or more different runs"):
        compare([tmp_path, tmp_path / "." / "../" / tmp_path.name])
    write_json(tmp_path / "manifest.json", manifest)
    with pytest.raises(ConfigError, match="directory of a run"):
        compare([tmp_path, tmp_path / "none"])


def test_one_offline_page_with_a_figure_a_pair(found: Comparison) -> None:
    hostile = replace(found, runs=(replace(found.runs[0], label="<b>good</b>"), found.runs[1]))
    page = render_comparison(hostile)
    assert page.count("plotly.js v") == 1
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert page.count('class="plotly-graph-div"') == len(DIRECTIONS) + 1
    assert "&lt;b&gt;good&lt;/b&gt;" in page and "<th><b>" not in page
    assert len(study_rows(found)) == 11
    assert page == render_comparison(hostile)
