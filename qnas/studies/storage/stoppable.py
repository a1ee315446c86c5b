"""A study that a callback of any worker process can stop."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import optuna
from optuna.exceptions import ExperimentalWarning

STOPPED = "stopped"  # a user attribute, which every worker reads


class StoppableStudy(optuna.Study):
    """An Optuna study whose `stop` ends the search of qnas in every worker process."""

    def stop(self) -> None:
        """End the search after the batches that are being evaluated."""
        self.set_user_attr(STOPPED, True)


def is_stopped(study: optuna.Study) -> bool:
    """Whether `stop` was called since the search began."""
    return bool(study.user_attrs.get(STOPPED))


def start_again(study: optuna.Study) -> None:
    """Reset an earlier `stop`."""
    if is_stopped(study):
        study.set_user_attr(STOPPED, False)


def name_metrics(study: optuna.Study, names: Sequence[str]) -> None:
    """Give the objectives of `study` their names, for Optuna's plots and data frames."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if names and study.metric_names != list(names):
            study.set_metric_names(list(names))
