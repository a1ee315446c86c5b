"""Stage `search`: the NSGA-II study, and its front."""

from __future__ import annotations

from collections.abc import Sequence

import optuna

from qnas._util.serialization import write_atomically
from qnas.errors import CheckpointError, EvaluationError, problem
from qnas.studies.progress import Progress
from qnas.studies.results.front import front_csv
from qnas.studies.run.run import Run
from qnas.studies.search.loop import Callback
from qnas.studies.search.trials import copy_missing, decided_trials, failed_trials
from qnas.studies.storage.stoppable import is_stopped, start_again
from qnas.studies.workers.pool import ONE_WORKER, WorkerPool, open_pool
from qnas.studies.workers.search_loop import make_search_loop

STAGE = "search"
SUPERNET, BUDGET = "supernet", "trials"


def searched(run: Run) -> bool:
    """Whether the study has all its trials, or was stopped on the way, and its front is written.

    Raises CheckpointError for trials of another supernet than the one in the run.
    """
    check_supernet(run)
    if not run.files.front.exists():
        return False
    trials, study = run.config.search.trials, run.study
    stopped = is_stopped(study) and study.user_attrs[BUDGET] >= trials
    return stopped or len(decided_trials(study)) >= trials


def search(
    run: Run,
    progress: Progress,
    pool: WorkerPool = ONE_WORKER,
    *,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Complete the study and write front.csv. Raises CapacityError if nothing fits the device.

    `callbacks` are called with the study and each newly finished trial, as Optuna calls them;
    `study.stop()` in a callback ends the search for this budget of trials.

    A study in a shared storage is copied to the run's journal at the end; the other stages read the
    journal.
    """
    run.need(STAGE, run.trained(), "train")
    if searched(run):
        write_front(run)  # again, if it was damaged
        progress.stage(STAGE, "study is complete")
        return
    config = run.config
    objectives = ", ".join(config.objective_names)
    progress.stage(STAGE, f"{config.search.trials} trials for {objectives} on {run.device.name}")
    run.records()  # raises for a damaged journal before anything is added to it
    run.study.set_user_attr(SUPERNET, run.supernet_digest())
    start_again(run.study)
    run.files.front.unlink(missing_ok=True)  # may be the front of a shorter search
    with open_pool(run, pool) as (study, leases):
        if study is not run.study:
            copy_missing(run.study, study)
        start_again(study)
        study.set_user_attr(BUDGET, config.search.trials)
        loop = make_search_loop(run, study, leases, progress, callbacks=callbacks)
        try:
            loop.run()
        except EvaluationError:
            _report_failures(run, study, progress)
            raise
        if study is not run.study:
            copy_missing(study, run.study)
    _report_failures(run, run.study, progress)
    write_front(run)


def write_front(run: Run) -> None:
    """Write front.csv, unless it is there as the trials say."""
    text, path = front_csv(run.records()), run.files.front
    if not path.exists() or path.read_bytes() != text.encode():
        write_atomically(path, text)


def _report_failures(run: Run, study: optuna.Study, progress: Progress) -> None:
    """Show the failed trials of the search, if any, and record them in the manifest."""
    if found := failed_trials(study):
        progress.stage(STAGE, f"{found}. Tracebacks are in {run.files.failures}")
        run.record_stage(STAGE, failed_trials=found.count, first_failure=found.first_reason)


def check_supernet(run: Run) -> None:
    """Raise CheckpointError if the trials are of another supernet than the run's."""
    if not (run.trained() and run.files.journal.exists()):
        return
    made_with, found = run.study.user_attrs.get(SUPERNET), run.supernet_digest()
    if made_with not in (None, found):
        raise CheckpointError(
            problem(
                str(run.files.supernet[0]),
                f"must be the supernet that {run.files.journal.name} was made with",
                f"another (SHA-256 {found[:12]}, not {str(made_with)[:12]})",
                f"Restore it, or delete {run.files.journal} and search again.",
            )
        )
