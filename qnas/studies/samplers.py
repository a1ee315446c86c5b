"""Optuna's samplers by name: which can be named in a study, and how one is made."""

from __future__ import annotations

import warnings
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseGASampler, BaseSampler

from qnas._util.extensions import is_reference, load_reference
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
    kind, size = _kind_and_size(search)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # it was named on purpose
            sampler = kind(**{**size, **search.settings, "seed": seed})
    except (TypeError, ValueError) as error:
        rule, remedy = f"must be what {search.sampler_name} takes", "See the page of that sampler."
        raise ConfigError(problem("search.settings", rule, error, remedy)) from None
    if isinstance(sampler, BaseSampler):
        return sampler
    rule, remedy = "must make an Optuna sampler", "Correct that function."
    raise ConfigError(problem("search.sampler", rule, type(sampler).__name__, remedy))


def _kind_and_size(search: SearchConfig) -> tuple[Any, dict[str, int]]:
    """What makes the sampler, and the size of a generation for what wants to know."""
    name = search.sampler_name
    if is_reference(name):
        return load_reference(name, subject="search.sampler"), {}
    if name not in sampler_names():
        remedy = nearest(name, sampler_names())
        raise UnknownNameError(problem("search.sampler", "must be a sampler", repr(name), remedy))
    kind = getattr(optuna.samplers, name)
    return kind, {"population_size": search.population} if issubclass(kind, BaseGASampler) else {}
