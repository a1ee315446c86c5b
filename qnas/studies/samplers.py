"""Optuna's samplers by name: which can be named in a study, and how one is made."""

from __future__ import annotations

import warnings

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseGASampler, BaseSampler

from qnas.errors import ConfigError, UnknownNameError, nearest, problem
from qnas.studies.sections import SearchConfig


def sampler_names() -> list[str]:
    """Optuna's samplers that can be named: those that take a seed and several objectives."""
    single = ("CmaEsSampler", "GridSampler", "PartialFixedSampler", "BaseSampler")
    return [n for n in optuna.samplers.__all__ if n.endswith("Sampler") and n not in single]


def make_sampler(search: SearchConfig, *, seed: int) -> BaseSampler:
    """The sampler that `search` names; UnknownNameError, ConfigError for settings it refuses.

    One that works in generations is told their size.
    """
    name = search.sampler
    if name not in sampler_names():
        remedy = nearest(name, sampler_names())
        raise UnknownNameError(problem("search.sampler", "must be a sampler", repr(name), remedy))
    kind = getattr(optuna.samplers, name)
    size = {"population_size": search.population} if issubclass(kind, BaseGASampler) else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # it was named on purpose
            sampler: BaseSampler = kind(**{**size, **search.settings, "seed": seed})
    except (TypeError, ValueError) as error:
        rule = f"must be what {name} takes"
        raise ConfigError(
            problem("search.settings", rule, error, "See Optuna's page of that sampler.")
        ) from None
    return sampler
