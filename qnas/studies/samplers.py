"""Optuna's samplers that a study can name, and their construction."""

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
    """Names of Optuna's samplers that take a seed and support several objectives."""
    single = ("CmaEsSampler", "GridSampler", "PartialFixedSampler", "BaseSampler")
    return [n for n in optuna.samplers.__all__ if n.endswith("Sampler") and n not in single]


def make_sampler(search: SearchConfig, *, seed: int) -> BaseSampler:
    """Make the sampler that `search` names, with `search.population` as its population size.

    Raises UnknownNameError for an unknown sampler, ConfigError for settings that it refuses.
    """
    kind, size = _kind_and_size(search)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # the user chose it by name
            sampler = kind(**{**size, **search.settings, "seed": seed})
    except (TypeError, ValueError) as error:
        rule, remedy = f"must be what {search.sampler_name} takes", "See the page of that sampler."
        raise ConfigError(problem("search.settings", rule, error, remedy)) from None
    if isinstance(sampler, BaseSampler):
        return sampler
    rule, remedy = "must make an Optuna sampler", "Correct that function."
    raise ConfigError(problem("search.sampler", rule, type(sampler).__name__, remedy))


def _kind_and_size(search: SearchConfig) -> tuple[Any, dict[str, int]]:
    """The sampler's constructor, and its argument for the population size if it takes one."""
    name = search.sampler_name
    if is_reference(name):
        return load_reference(name, subject="search.sampler"), {}
    if name not in sampler_names():
        remedy = nearest(name, sampler_names())
        raise UnknownNameError(problem("search.sampler", "must be a sampler", repr(name), remedy))
    kind = getattr(optuna.samplers, name)
    return kind, {"population_size": search.population} if issubclass(kind, BaseGASampler) else {}
