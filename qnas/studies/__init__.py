"""Studies: what a study is, its search, its stages and its report; named and scripted studies.

`api` is what `qnas` shows of it. What programs inside qnas need is here, and loads lazily.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qnas.studies.config import Study, load_config
    from qnas.studies.run.opening import writable_run
    from qnas.studies.run.run import Run
    from qnas.studies.stages.pipeline import run_all

__all__ = ["Run", "Study", "load_config", "run_all", "writable_run"]


def __getattr__(name: str) -> Any:
    """Import a name on first use: importing numpy, scikit-learn and optuna is slow."""
    from importlib import import_module

    for module in ("config", "run.run", "run.opening", "stages.pipeline"):
        if name in __all__ and hasattr(found := import_module(f"{__name__}.{module}"), name):
            return getattr(found, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
