"""The report: one HTML file that needs no network. Deterministic: no dates, no random names."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from qnas.accel.folding_search.search import best_plan
from qnas.studies.progress import duration
from qnas.studies.report.columns import candidates, column_of
from qnas.studies.report.content import ReportContent
from qnas.studies.report.explanation import Explanation, explain
from qnas.studies.report.figures import device, search
from qnas.studies.report.figures.front import front_3d, pair, parallel
from qnas.studies.report.html import Plots, render_template, script_json
from qnas.studies.report.pick_rows import pick_rows
from qnas.studies.report.pictures import Pictures
from qnas.studies.report.style import color_of, letter_of
from qnas.studies.report.thumbnails import WrongImages, read_wrong_images
from qnas.studies.results.front import StudyRecords
from qnas.studies.results.importance import importances
from qnas.studies.results.picks import Pick, missed
from qnas.studies.run.predictions import predictions_of, read_sensitivity
from qnas.studies.run.refinement import Round, read_refinement
from qnas.studies.run.training_records import training_curve, tuning_of
from qnas.studies.search.loop import SECONDS
from qnas.studies.search.trials import failed_trials

if TYPE_CHECKING:
    from qnas.studies.run.run import Run


def render(content: ReportContent, drawn: Pictures | None = None) -> str:
    """Render the page. It contains plotly.js (about 5 MB) once, with the first plot of the page:
    the plots are rendered in the page's order. `drawn` are the pictures, if they are there."""
    plots, records, drawn = Plots(), content.records, drawn or Pictures.of(content)
    genes = importances(records.objectives, records.distinct())
    return render_template(
        "page.html.j2",
        content=content,
        study=script_json(candidates(content)),
        labels=_labels(content),
        rows=pick_rows(content),
        accuracy=plots.cards(drawn.accuracy),
        networks=plots.cards(drawn.networks),
        pair=plots.html(_bare(pair(content, **_first_axes(records.objectives))), "pair"),
        solid=plots.later(_bare(front_3d(content)), "solid") if len(records.objectives) > 2 else "",
        parallel=plots.later(_bare(parallel(content)), "parallel"),
        training=plots.cards(drawn.training),
        refinement=plots.cards(drawn.refinement),
        best=plots.html(search.best_error(records), "best"),
        volume=plots.html(search.hypervolumes(records), "volume"),
        genes=plots.html(search.gene_importance(records, genes)) if genes else "",
        explained=[(column_of(records, i.objective).label, i.explained) for i in genes],
        resources=plots.html(device.resources(content), "resources"),
        predictions=_predictions(content, plots),
        hardware=plots.cards(drawn.hardware),
        front=len(records.front()),
        candidates=_candidates(records),
    )


def _candidates(records: StudyRecords) -> str:
    """What the candidates of the study are."""
    networks = (trial.architecture for trial in records.distinct())
    shapes = {(a.embed_dim, *((b.num_heads, b.mlp_hidden) for b in a.blocks)) for a in networks}
    one = len(shapes) == 1
    return "Row widths of one trained network" if one else "Subnets of one trained supernet"


def _predictions(content: ReportContent, plots: Plots) -> str:
    figure = device.predictions(content)
    return plots.html(figure, "predictions") if figure else ""


def _first_axes(objectives: Sequence[str]) -> dict[str, str]:
    return {"x": objectives[min(1, len(objectives) - 1)], "y": objectives[0]}


def _bare(figure: go.Figure) -> go.Figure:
    """`figure` without its legend and the margin for it: the page has one legend for all."""
    return figure.update_layout(showlegend=False, margin={"t": 10})


def _labels(content: ReportContent) -> list[dict[str, Any]]:
    """The heading of each pick's column: name, letter, colour and trial."""
    places = {key: index for index, key in enumerate(content.labels())}
    return [
        {
            "name": pick.name,
            "letter": letter_of(places[pick.trial.key]),
            "color": color_of(places[pick.trial.key]),
            "trial": pick.trial.number,
        }
        for pick in content.picks
    ]


def content_of(
    run: Run, picks: tuple[Pick, ...], verifications: Mapping[str, Mapping[str, Any]]
) -> ReportContent:
    """Collect the content of a run's report."""
    records, device, manifest = run.records(), run.device, run.manifest
    search, splits = run.config.search, manifest.splits
    failed = failed_trials(run.study)
    facts = (
        ("search space", f"{run.space.name}, 10^{run.space.log10_size():.1f} subnets"),
        ("data", f"{manifest.data.name}, {manifest.data.images:,} images"),
        (
            "train / search / report",
            f"{splits.train:,} / {splits.search:,} / {splits.report:,}",
        ),
        ("device", f"{device.name} ({device.part})"),
        *((("batch", f"{records.batch} images a pass"),) if records.batch > 1 else ()),
        ("objectives", ", ".join(records.objectives)),
        ("trials", _trials(records, search.trials)),
        ("population", f"{search.population}, {search.sampler_name.removesuffix('Sampler')}"),
        ("seed", str(run.config.seed)),
        *((("failed trials", str(failed)),) if failed else ()),
        *(
            ("FPS target", str(one))
            for one in missed(records, run.config.fps_targets, run.config.confidence)
        ),
    )
    limits: dict[str, int] = {name: limit for name, limit in device.limits().items()}
    tunings = {pick.name: tuning_of(run, pick.trial.architecture) for pick in picks}
    shown = next((pick.name for pick in picks if pick.name in verifications), "")
    predictions = predictions_of(run, shown) if shown else None
    wrong = read_wrong_images(run.files.pick(shown).wrong) if shown else WrongImages((), ())
    return ReportContent(
        name=run.config.name,
        device=device.name,
        facts=facts,
        records=records,
        picks=picks,
        limits=limits,
        verifications=verifications,
        tunings={name: tuning for name, tuning in tunings.items() if tuning},
        study=_on_the_command_line(run.files.path),
        calibration=run.calibration,
        report_images=splits.report,
        shown=shown,
        predictions=predictions,
        wrong=wrong.images,
        class_names=wrong.class_names,
        explained=_explained(run, picks[0]),
        curve=training_curve(run.files),
        sensitivity=read_sensitivity(run.files.sensitivity),
        provenance=provenance(run),
        search_images=splits.search,
        rounds=_rounds(run),
    )


def _rounds(run: Run) -> tuple[Round, ...]:
    found = read_refinement(run.files.refinement)
    return found.rounds if found else ()


def _explained(run: Run, pick: Pick) -> Explanation | None:
    """The breakdown of a pick's plan; None if this version of qnas makes another one."""
    trial = pick.trial
    plan, estimate = best_plan(
        trial.architecture,
        run.device,
        trial.proposal.dsp_share,
        batch=run.config.search.batch,
        predictor=run.predictor,
    )
    return explain(pick.name, plan, run.device) if estimate == trial.estimate else None


def _trials(records: StudyRecords, budget: int) -> str:
    """A sentence on the numbers of evaluated, infeasible, early-stopped and remaining trials."""
    texts = [f"{len(records.trials):,} evaluated, {len(records.distinct()):,} distinct"]
    for trials, fate in (
        (records.infeasible, "over a limit"),
        (records.early_stopped, "stopped early by racing"),
    ):
        if trials:
            texts.append(f"{len(trials):,} {fate}")
    if records.count < budget:
        texts.append(f"{records.count:,} of {budget:,} so far")
    return "; ".join(texts)


def _on_the_command_line(directory: Path) -> str:
    """The run's directory as an argument on the command line, seen from the working directory."""
    path, here = directory.resolve(), Path.cwd().resolve()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def provenance(run: Run) -> tuple[tuple[str, str], ...]:
    """Labels and values: the versions that began the run, and the times of its stages."""
    versions = ", ".join(f"{name} {version}" for name, version in run.manifest.versions.items())
    trained = run.stage_facts("train").get("seconds")
    searched = run.study.user_attrs.get(SECONDS)
    times = [
        f"{name} {duration(seconds)}"
        for name, seconds in (("training", trained), ("search", searched))
        if seconds
    ]
    return (("versions", versions), *((("times", ", ".join(times)),) if times else ()))
