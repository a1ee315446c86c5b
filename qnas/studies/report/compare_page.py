"""The page of a comparison: one HTML file that needs no network. Deterministic."""

from __future__ import annotations

from itertools import combinations

import plotly.graph_objects as go

from qnas._util.units import plain_number
from qnas.pareto import nondominated
from qnas.studies.report.columns import column_of
from qnas.studies.report.comparison import ComparedRun, Comparison
from qnas.studies.report.content import describe
from qnas.studies.report.html import Plots, render_template
from qnas.studies.report.style import DASH, SERIES, WITH_LEGEND, new_figure
from qnas.studies.results.front import StudyRecords
from qnas.studies.search.trials import TrialRecord

COLORS = ("#1f6fb2", *SERIES)
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")


def render_comparison(found: Comparison) -> str:
    """Render the page. It contains plotly.js (about 5 MB) once, with the first plot."""
    plots = Plots()
    return render_template(
        "compare.html.j2",
        found=found,
        title=" against ".join(run.label for run in found.runs),
        heads=[(run.label, color(place)) for place, run in enumerate(found.runs)],
        pairs=[
            (_title(found, x=x, y=y), plots.html(fronts(found, x=x, y=y)))
            for y, x in combinations(found.objectives, 2)
        ],
        history=plots.html(histories(found)),
        rows=study_rows(found),
        targets=target_rows(found),
    )


def _title(found: Comparison, *, x: str, y: str) -> str:
    across, up = (column_of(found.runs[0].records, name).label for name in (x, y))
    return f"{up} against {across}"


def _fronts_of(found: Comparison) -> StudyRecords:
    return StudyRecords(found.objectives, tuple(t for run in found.runs for t in run.front))


def color(place: int) -> str:
    return COLORS[place % len(COLORS)]


def fronts(found: Comparison, *, x: str, y: str) -> go.Figure:
    """The plot of the fronts over two objectives; lines join the members that are best in both."""
    combined = _fronts_of(found)
    across, up = column_of(combined, x), column_of(combined, y)
    figure = new_figure(x=across.title, y=up.title, margin=WITH_LEGEND)
    for place, run in enumerate(found.runs):
        steps = _steps(run, x=x, y=y)
        figure.add_scatter(
            x=[trial.values[x] for trial in steps],
            y=[trial.values[y] for trial in steps],
            mode="lines",
            line={"color": color(place), "width": 1.3, "shape": "hv"},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=run.label,
        )
        figure.add_scatter(
            x=[trial.values[x] for trial in run.front],
            y=[trial.values[y] for trial in run.front],
            mode="markers",
            name=run.label,
            legendgroup=run.label,
            marker={
                "color": color(place),
                "symbol": SYMBOLS[place % len(SYMBOLS)],
                "size": 8,
                "line": {"width": 0.5, "color": "white"},
            },
            text=[describe(trial) for trial in run.front],
            hovertemplate=f"<b>{run.label}</b><br>%{{text}}<extra></extra>",
        )
    figure.update_xaxes(**across.axis)
    figure.update_yaxes(**up.axis)
    return figure


def histories(found: Comparison) -> go.Figure:
    """The plot of each study's hypervolume over its evaluated trials, one point per generation."""
    figure = new_figure(x="evaluated trials", y="hypervolume", margin=WITH_LEGEND)
    for place, run in enumerate(found.runs):
        generations = sorted({trial.generation for trial in run.records.trials})
        figure.add_scatter(
            x=[sum(t.generation <= g for t in run.records.trials) for g in generations],
            y=[found.volume(run, generation=g) for g in generations],
            mode="lines+markers",
            name=run.label,
            line={"color": color(place)},
            marker={"symbol": SYMBOLS[place % len(SYMBOLS)]},
            hovertemplate="after %{x} trials: %{y:.4f}",
        )
    figure.update_yaxes(rangemode="nonnegative")
    return figure


def study_rows(found: Comparison) -> list[tuple[str, str, list[str]]]:
    """Rows of the table: label, kind of number, and one cell per study."""
    runs, combined = found.runs, _fronts_of(found)

    def objective(name: str) -> tuple[str, str, list[str]]:
        column = column_of(combined, name)
        kind = "measured" if name == "error" else "predicted"
        pick = max if column.direction == "maximize" else min
        best = [pick(trial.values[name] for trial in run.front) for run in runs]
        return f"best {column.title}", kind, [plain_number(value) for value in best]

    manifests, batches = [run.manifest for run in runs], [run.records.batch for run in runs]
    return [
        ("device", "", [run.device for run in runs]),
        ("search space", "", [m.space.name for m in manifests]),
        *((("batch", "", [str(b) for b in batches]),) if set(batches) != {1} else ()),
        ("seed", "", [str(m.config.seed) for m in manifests]),
        ("sampler", "", [m.config.search.sampler_name for m in manifests]),
        ("evaluated trials", "", [f"{len(run.records.trials):,}" for run in runs]),
        ("on the front", "", [str(len(run.front)) for run in runs]),
        *(objective(name) for name in found.objectives),
        ("hypervolume", "", [f"{found.volume(run):.4f}" for run in runs]),
        ("of its front, dominated by another", "", [f"{found.beaten(run):.0%}" for run in runs]),
    ]


def target_rows(found: Comparison) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """Rows by target: for each study the error of its best candidate, the candidate's other
    amounts, and whether it leads."""
    rows = []
    for target in found.targets:
        best = [found.best(run, target) for run in found.runs]
        errors = [trial.values["error"] for trial in best if trial]
        cells = [
            _cell(trial, trial is not None and trial.values["error"] == min(errors))
            for trial in best
        ]
        rows.append((f"{target:,.0f}", cells))
    return rows


def _cell(trial: TrialRecord | None, leads: bool) -> tuple[str, str, bool]:
    if trial is None:
        return DASH, "not reached", False
    return (
        f"{trial.values['error']:.2f} %",
        f"trial {trial.number}: {trial.fps:,.0f} FPS, {trial.amount('lut'):,.0f} LUT,"
        f" {trial.amount('dsp'):,.0f} DSP",
        leads,
    )


def _steps(run: ComparedRun, *, x: str, y: str) -> list[TrialRecord]:
    two = StudyRecords((x, y), run.front)
    keep = nondominated(two.minimised(run.front))
    members = [trial for trial, kept in zip(run.front, keep, strict=True) if kept]
    return sorted(members, key=lambda trial: (trial.values[x], trial.values[y]))
