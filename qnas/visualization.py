"""Plotly figures of a run, named as those of `optuna.visualization`.

    run = qnas.open_run("runs/digits_zcu102")
    qnas.visualization.plot_pareto_front(run).show()

The figures are those of the report. Hovering over a point shows its trial's architecture, values
and estimate.
"""

from __future__ import annotations

from dataclasses import replace

import plotly.graph_objects as go

from qnas.accel.cost.prediction import AMOUNTS
from qnas.accel.cost.timeline import timeline
from qnas.accel.device import Device
from qnas.accel.folding_search.tradeoffs import folding_front
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import ConfigError, UnknownNameError, nearest, problem
from qnas.studies.report.content import ReportContent, figures_content
from qnas.studies.report.figures import device, front, search
from qnas.studies.report.figures.bits import bits, sensitivity
from qnas.studies.report.figures.boards import boards, foldings, on_boards
from qnas.studies.report.figures.certainty import certainty
from qnas.studies.report.figures.ladder import confusion, ladder
from qnas.studies.report.figures.timeline import gantt
from qnas.studies.report.figures.training import accuracy, loss
from qnas.studies.report.thumbnails import read_wrong_images
from qnas.studies.results.importance import LEAST, importances
from qnas.studies.run.predictions import predictions_of, read_sensitivity
from qnas.studies.run.run import Run
from qnas.studies.run.training_records import training_curve
from qnas.studies.stages.kernels import named_picks, picks
from qnas.studies.stages.verify import verifications

__all__ = [
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


def plot_pareto_front(run: Run, *, x: str = "", y: str = "error") -> go.Figure:
    """Plot every distinct candidate over two amounts, with the front and the picks marked.

    Args:
        run: A run with at least one evaluated trial.
        x: An objective, "latency" (ms), "fps" or a resource; by default the first objective other
            than `y`.
        y: An amount as for `x`.

    Raises:
        UnknownNameError: `x` or `y` is no such amount.
    """
    content = _content(run)
    objectives = content.records.objectives
    across = x or next(name for name in objectives if name != y)
    for subject, name in (("x", across), ("y", y)):
        known = {*objectives, *AMOUNTS}
        if name not in known:
            rule = "must name an objective of the study, latency, fps or a resource"
            raise UnknownNameError(problem(subject, rule, repr(name), nearest(name, known)))
    return _described(front.pair(content, x=across, y=y), content)


def plot_pareto_front_3d(run: Run) -> go.Figure:
    """Plot the front over the study's first three objectives.

    Raises:
        ConfigError: The study has fewer than three objectives.
    """
    content = _content(run)
    found = len(content.records.objectives)
    if found < 3:
        remedy = "Use plot_pareto_front."
        raise ConfigError(problem("objectives", "must be three or more", found, remedy))
    return _described(front.front_3d(content), content)


def plot_parallel_coordinate(run: Run) -> go.Figure:
    """Plot each member of the front as a line over all amounts; the best value of each amount is
    at the top of its axis."""
    content = _content(run)
    return _described(front.parallel(content), content)


def plot_optimization_history(run: Run) -> go.Figure:
    """Plot the lowest error of a feasible candidate so far, in percent, over evaluated trials."""
    return search.best_error(run.searched_records("plot"))


def plot_hypervolume_history(run: Run) -> go.Figure:
    """Plot the hypervolume of the feasible trials up to each generation.

    The unit is the range of the objectives in the first generation.
    """
    return search.hypervolumes(run.searched_records("plot"))


def plot_param_importances(run: Run) -> go.Figure:
    """Plot the share of each objective's variance that depends on each kind of gene, in percent.

    Raises:
        ConfigError: The run has fewer than 40 distinct candidates, too few for an estimate.
    """
    records = run.searched_records("plot")
    distinct = records.distinct()
    found = importances(records.objectives, distinct)
    if not found:
        rule, remedy = f"must be {LEAST} or more, and differ", "Search on."
        raise ConfigError(problem("distinct candidates", rule, len(distinct), remedy))
    return search.gene_importance(records, found)


def plot_resources(run: Run) -> go.Figure:
    """Plot the modelled resources of each pick, in percent of the device's limits."""
    return device.resources(_content(run))


def plot_predictions(run: Run) -> go.Figure:
    """Plot the prediction of each pick's resources, with 90 % intervals, beside the
    estimates.

    Raises:
        ConfigError: The study predicts by estimates.
    """
    figure = device.predictions(_content(run))
    if figure is None:
        rule, remedy = (
            "must not turn predictions off",
            'Remove `file = "none"`, or name a calibration.',
        )
        raise ConfigError(problem("calibration.file", rule, "none", remedy))
    return figure


def plot_bits(run: Run) -> go.Figure:
    """Plot the mean bits of a weight by block and matrix of each pick, a panel a pick."""
    return bits(_content(run))


def plot_accuracy_ladder(run: Run) -> go.Figure:
    """Plot the accuracy of each verified pick on the report split, with 95 % intervals: without
    quantization, fake-quantized, of the integer network, and of the simulated C++.

    Raises:
        StageOrderError: No pick is verified.
    """
    found = verifications(run)
    run.need("plot", bool(found), "verify")
    return ladder(replace(_content(run), verifications=found))


def plot_front_intervals(run: Run, *, x: str = "") -> go.Figure:
    """Plot the front with the 95 % interval of each error, and the 90 % intervals of what a
    calibration predicts.

    Args:
        run: A run with at least one evaluated trial.
        x: An objective, "latency" (ms), "fps" or a resource; by default the first objective with
            an interval, or the first beside the error.
    """
    content = replace(_content(run), search_images=run.manifest.splits.search)
    return certainty(content, x=x)


def plot_confusion_matrix(run: Run, *, pick: str = "knee") -> go.Figure:
    """Plot the confusion matrix of a pick's integer network on the report split.

    A cell counts the images of a class (row) that the network takes for a class (column). Of more
    than 20 classes those in most errors are drawn.

    Raises:
        UnknownNameError: The study has no pick of that name.
        StageOrderError: The pick is not verified, or was by an earlier version of qnas.
    """
    found = predictions_of(run, pick)
    if found is None:
        named_picks(picks(run), [pick])
    run.need("plot", found is not None, "verify")
    assert found is not None
    names = read_wrong_images(run.files.pick(pick).wrong).class_names
    return confusion(found.confusion(), names=names)


def plot_training_loss(run: Run) -> go.Figure:
    """Plot the loss of the supernet's training over its epochs, on a logarithmic scale.

    Raises:
        StageOrderError: The training has not written a line of its log.
    """
    curve = training_curve(run.files)
    run.need("plot", bool(curve.losses), "train")
    return loss(curve)


def plot_training_accuracy(run: Run) -> go.Figure:
    """Plot the accuracy of the largest, the smallest and a random subnet on images of the search
    split over the epochs of the training, with 95 % intervals.

    Raises:
        StageOrderError: The training has recorded no accuracy.
    """
    curve = training_curve(run.files)
    run.need("plot", bool(curve.accuracies), "train")
    return accuracy(curve.accuracies)


def plot_sensitivity(run: Run) -> go.Figure:
    """Plot the accuracy on the search split that the knee's network loses when one matrix goes
    from 8 to 4 bits, with 95 % intervals, by block and matrix.

    Raises:
        StageOrderError: No report has measured it.
    """
    found = read_sensitivity(run.files.sensitivity)
    run.need("plot", found is not None, "report")
    assert found is not None
    return sensitivity(found)


def plot_timeline(plan: HardwarePlan) -> go.Figure:
    """Plot one pass in time, a Gantt chart: the cycles in which loader, array, drain and vector
    unit work on each stage of a plan, as modelled."""
    return gantt(timeline(plan))


def plot_folding_front(architecture: Architecture, device: Device, *, batch: int = 1) -> go.Figure:
    """Plot the modelled FPS of one network over DSPs and over LUTs: the foldings that fit the
    device and are best in all three, for passes of `batch` images."""
    return foldings(folding_front(architecture, device, batch=batch))


def plot_boards(architecture: Architecture) -> go.Figure:
    """Plot the modelled FPS of one network on every known board, with its share of each resource
    in percent."""
    return boards(on_boards(architecture))


def _content(run: Run) -> ReportContent:
    return figures_content(run, run.searched_records("plot"))


def _described(figure: go.Figure, content: ReportContent) -> go.Figure:
    return front.described(figure, content.records.distinct())
