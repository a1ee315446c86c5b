"""Stage `refine`: kernels of the front are measured, predictions fitted again, search goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from qnas._util.cache import user_cache
from qnas._util.serialization import write_json
from qnas.accel.calibration.designs import Columns, Setup
from qnas.accel.cost.estimate import RESOURCES
from qnas.accel.cost.prediction import Backend, Prediction
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.plan import HardwarePlan
from qnas.errors import CompileError, ConfigError, VerificationError, problem
from qnas.studies.progress import Progress
from qnas.studies.run.refinement import (
    REFINED,
    FrontPoint,
    Refinement,
    Round,
    read_refinement,
)
from qnas.studies.run.run import Run
from qnas.studies.search.repredict import repredict
from qnas.studies.search.trials import TrialRecord, finished_trials
from qnas.studies.stages.kernels import picks
from qnas.studies.stages.search import searched, write_front
from qnas.studies.storage.leases import SoleWorker
from qnas.studies.workers.search_loop import make_evaluator, make_search_loop

STAGE = "refine"
LEARNED = ("lut", "ff", "cycles")  # amounts whose intervals measurements shall shrink
PASSES = 2  # of a simulated call: the first, and one behind it
LOGIT_IMAGES = 256  # training images that set the step of a simulated network's logits

Member = tuple[TrialRecord, HardwarePlan]  # of the front
# Measures the kernel of a plan of the run; returns amounts by name.
Measure = Callable[[Run, TrialRecord, HardwarePlan, float], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class RefineSettings:
    """When to stop, and what a round does.

    Attributes:
        within: Largest width of an interval on the front, over its value, that is narrow enough.
        minutes: Minutes after which no measurement begins.
        rounds: Most rounds of this call.
        kernels: Kernels that a round measures.
        trials: Trials that a round adds to the search; 0: a generation.
    """

    within: float = 0.01
    minutes: float = 30.0
    rounds: int = 100
    kernels: int = 2
    trials: int = 0


def refine(run: Run, progress: Progress, settings: RefineSettings, measure: Measure) -> Refinement:
    """Measure kernels of the front, predict again and search on, until the intervals of the front
    are within `settings.within`, or its minutes or rounds are over. Then measure the picks that are
    not measured, choose them again, and so on until every pick is measured.

    A call that was cut short goes on where it stands: kernels are kept as soon as they are
    measured, and the study changes from one state to the next at once.

    Raises StageOrderError before the search is done, ConfigError for a study that predicts by
    reports of the C++ kernel, and as `measure`.
    """
    run.need(STAGE, searched(run), "search")
    state, end = opened(run), time.perf_counter() + 60 * settings.minutes
    begun = len(state.rounds)
    while len(state.rounds) - begun < settings.rounds:
        widths = state.rounds[-1].widths
        widest = max(widths, key=lambda name: widths[name])
        note = f"{widths[widest]:.1%} is the widest interval of the front ({widest})"
        progress.stage(STAGE, f"round {len(state.rounds) - 1}: {note}")
        if widths[widest] <= settings.within:
            progress.stage(STAGE, f"within the {settings.within:.1%} asked for")
            break
        chosen = teaching(run, settings.kernels, state.failed)
        trials = settings.trials or run.config.search.population
        state, done = _next_round(run, state, chosen, measure, progress, end, trials=trials)
        if not done:
            break
    while chosen := unmeasured_picks(run, state.failed):
        state, done = _next_round(run, state, chosen, measure, progress, end, trials=0)
        if not done:
            progress.stage(STAGE, f"{len(chosen)} picks are not measured")
            break
    return state


def _next_round(
    run: Run,
    state: Refinement,
    chosen: Sequence[Member],
    measure: Measure,
    progress: Progress,
    end: float,
    *,
    trials: int,
) -> tuple[Refinement, bool]:
    """Measure the chosen kernels and predict anew; whether any was measured."""
    if not chosen or time.perf_counter() > end:
        over = "every kernel of the front is measured" if not chosen else "the time is over"
        progress.stage(STAGE, over)
        return state, False
    start = time.perf_counter()
    state, measured = _measure_all(run, state, chosen, measure, progress, end)
    if not measured:
        late = time.perf_counter() > end
        progress.stage(STAGE, "the time is over" if late else "no kernel could be measured")
        return state, False
    seconds = time.perf_counter() - start
    return advance(run, state, measured, trials, progress, measuring_s=seconds), True


def teaching(run: Run, count: int, failed: Collection[str] = ()) -> list[Member]:
    """The members of the front whose measurement would shrink the front's intervals most, without
    kernels that are named in `failed`."""
    from qnas.accel.calibration.active import choose, processes_of
    from qnas.accel.calibration.kernels import designs_of, kernel_design

    members = [(t, plan_of(run, t)) for t in run.records().front()]
    backend: Backend = "c++" if predicts_cpp(run) else "rtl"
    designs = designs_of([kernel_design([plan], {}, backend=backend) for _, plan in members])
    _, first = np.unique(designs.names, return_index=True)
    goals = designs.subset(np.sort(first))
    open_ = [i for i in sorted(first) if designs.names[i] not in failed]
    left = [i for i in open_ if "lut" not in members[i][0].predicted.measured]
    known = run.calibration.designs if run.calibration else designs.subset(np.arange(0))
    names = tuple(designs.features)
    found = choose(
        processes_of(known, LEARNED),
        known.inputs(names),
        designs.subset(np.array(left, np.int64)).inputs(names),
        goals=goals.inputs(names),
        weights=np.ones(len(goals)),
        count=count,
    )
    return [members[left[i]] for i in found]


def unmeasured_picks(run: Run, failed: Collection[str] = ()) -> list[Member]:
    """The picks whose kernels are neither measured nor named in `failed`, each kernel once."""
    from qnas.accel.calibration.kernels import kernel_name

    found = dict[str, Member]()
    for pick in picks(run):
        plan = plan_of(run, pick.trial)
        name = kernel_name([plan])
        if "lut" not in pick.trial.predicted.measured and name not in failed:
            found[name] = (pick.trial, plan)
    return list(found.values())


def measure_rtl(
    run: Run, trial: TrialRecord, plan: HardwarePlan, seconds: float
) -> Mapping[str, float]:
    """Synthesize the kernel of `plan` with Yosys and simulate two passes of the training split.

    Raises:
        DependencyError: Yosys or Verilator is missing.
        CompileError: A tool refuses the RTL, or a group of units takes longer than `seconds`.
        VerificationError: A value of a stage differs from the integer reference.
    """
    from qnas.accel.hls.emit.member import KernelNetwork
    from qnas.accel.rtl.kernel.simulate import simulate_kernel
    from qnas.accel.rtl.kernel.synthesize import synthesize_kernel
    from qnas.supernet.export.integer import to_integer

    check_tool(run)
    found = synthesize_kernel([plan], cache=user_cache() / "measured", timeout_s=seconds).total
    images, _ = run.loaded_subset("train", at_most=LOGIT_IMAGES)
    network = to_integer(run.supernet, trial.architecture, images)
    chosen = np.resize(np.arange(len(images)), PASSES * plan.folding.batch)
    (done,) = simulate_kernel([KernelNetwork(network, plan, "front")], images[chosen])
    if not done.passed:
        rule, remedy = "must equal the integer reference as RTL", "Report it: this is a fault."
        value = f"{done.mismatches:,} values that differ, first {done.first_mismatch}"
        raise VerificationError(problem(trial.key, rule, value, remedy))
    amounts = {name: getattr(found, name) for name in RESOURCES}
    cycles = {"cycles": round(done.cycles_next), "cycles_first": done.cycles_first}
    return {name: float(value) for name, value in (amounts | cycles).items()}


def check_tool(run: Run) -> None:
    """Raise ConfigError if the installed Yosys is not that of the study's known kernels."""
    from qnas.accel.rtl.synthesize import yosys_version

    known, tool = run.calibration, yosys_version()
    if known is not None and known.setup.tool != tool:
        rule = f"must be that of the known kernels, {known.setup.tool}"
        remedy = f"Install {known.setup.tool.replace(' ', '==')}."
        raise ConfigError(problem("synthesizer", rule, tool, remedy))


def advance(
    run: Run,
    state: Refinement,
    measured: Sequence[str],
    trials: int,
    progress: Progress,
    *,
    measuring_s: float = 0.0,
) -> Refinement:
    """Predict every trial with all measured kernels, search on, and record the round."""
    start = time.perf_counter()
    _predict_anew(run, len(state.designs.names) if state.designs else 0, progress)
    if trials:
        more = run.records().count + trials
        config = replace(run.config.search, trials=more)
        progress.stage(STAGE, f"search goes on, to {more:,} trials")
        make_search_loop(run, run.study, SoleWorker(), progress, search=config).run()
    write_front(run)
    found = _round(run, len(state.rounds), measured, state)
    seconds = time.perf_counter() - start
    found = replace(found, measuring_s=round(measuring_s, 1), searching_s=round(seconds, 1))
    return kept(run, replace(state, rounds=(*state.rounds, found)))


def predicts_cpp(run: Run) -> bool:
    """Whether the study predicts the kernel of the C++."""
    return run.calibration is None or run.calibration.subject == "c++"


def opened(run: Run, *, by_reports: bool = False) -> Refinement:
    """The refinement so far; measured kernels that the study does not know yet are used.

    Args:
        run: The run.
        by_reports: Whether reports of the C++ kernel refine it, instead of measurements of the RTL.
    """
    from qnas.accel.calibration.kernels import model_version

    state = read_refinement(run.files.refinement)
    if by_reports != predicts_cpp(run):
        raise _other_kernel(by_reports=by_reports)
    if state is None:
        known = run.calibration.setup if run.calibration else Setup("", "")
        setup = Setup(known.tool, known.stage)
        state = Refinement("c++" if by_reports else "rtl", setup, model_version())
    if not state.rounds:
        state = kept(run, replace(state, rounds=(_round(run, 0, (), state),)))
    return state


def _other_kernel(*, by_reports: bool) -> ConfigError:
    if by_reports:
        rule, got = "must predict the C++ kernel to be refined by its reports", "RTL"
        remedy = 'Set `[calibration] file = "none"`, or a file of `qnas calibrate --reports`.'
    else:
        rule = "must predict the RTL kernel to be refined by simulation and synthesis"
        got = "C++"
        remedy = "Leave `[calibration] file` out, or refine by reports: --tool vitis, --reports."
    return ConfigError(problem("refine", rule, f"a study that predicts the {got} kernel", remedy))


def kept(run: Run, state: Refinement) -> Refinement:
    write_json(run.files.refinement, state)
    return state


def _measure_all(
    run: Run,
    state: Refinement,
    chosen: Sequence[Member],
    measure: Measure,
    progress: Progress,
    end: float,
) -> tuple[Refinement, tuple[str, ...]]:
    """Measure kernels while there is time; each is kept as soon as it is measured. Those that an
    earlier call has measured, and no round used, count as well."""
    from qnas.accel.calibration.kernels import designs_of, kernel_design, kernel_name

    known, names = state.known, state.waiting
    for count, (trial, plan) in enumerate(chosen, start=1):
        left, name = end - time.perf_counter(), kernel_name([plan])
        if name in names:
            continue
        if left <= 0:
            break
        progress.advance(count - 1, len(chosen), f"measures the kernel of trial {trial.number}")
        try:
            amounts = measure(run, trial, plan, left)
        except CompileError as error:
            progress.stage(STAGE, f"trial {trial.number} is left out: {error}")
            if time.perf_counter() < end:  # else it was cut off
                state = kept(run, state.without(name, str(error)))
            continue
        design = designs_of([kernel_design([plan], amounts, backend="rtl")])
        known = design if known is None else known.plus(design)
        state = kept(run, replace(state, designs=Columns.of(known)))
        names.append(name)
        progress.advance(count, len(chosen), f"trial {trial.number} measured")
    return state, tuple(names)


def _predict_anew(run: Run, kernels: int, progress: Progress) -> None:
    """Replace the journal by one whose trials are predicted with the first `kernels` kernels."""
    from qnas.studies.storage.journal import open_study

    old, path = run.study, run.files.journal
    attrs = {**old.user_attrs, REFINED: kernels}
    trials = finished_trials(old)
    new = path.with_name(f".{path.name}.refined")
    new.unlink(missing_ok=True)
    infos = run.objectives
    study = open_study(
        new,
        name=run.config.name,
        directions=[info.direction for info in infos],
        metric_names=[info.name for info in infos],
    )
    for name, value in attrs.items():
        study.set_user_attr(name, value)
    progress.stage(STAGE, f"{len(trials):,} trials predicted with {kernels} kernels of the front")
    found = repredict(
        trials,
        run.genome,
        make_evaluator(run, run.predictor_with(kernels)),
        lambda done, total: progress.advance(done, total, "predicted"),
    )
    study.add_trials(found)
    os.replace(new, path)
    run.forget_study()


def plan_of(run: Run, trial: TrialRecord) -> HardwarePlan:
    share, batch = trial.proposal.dsp_share, run.config.search.batch
    return best_plan(trial.architecture, run.device, share, batch=batch, predictor=run.predictor)[0]


def _round(run: Run, number: int, measured: Sequence[str], state: Refinement) -> Round:
    records = run.records()
    front = records.front()
    return Round(
        number=number,
        measured=tuple(measured),
        kernels=int(run.study.user_attrs.get(REFINED, 0)),
        trials=records.count,
        widths=front_widths([trial.predicted for trial in front]),
        front=tuple(FrontPoint(t.number, dict(t.values)) for t in front),
        hypervolume=records.hypervolume(),
    )


def front_widths(predictions: Sequence[Prediction]) -> dict[str, float]:
    """By amount, the largest width of an interval over its value."""
    names = ("cycles", "lut", "ff", "dsp", "bram18")
    return {name: max(one[name].width for one in predictions) for name in names}
