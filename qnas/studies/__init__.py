"""Studies: configuration, the runner, the front, picks, reports; named and scripted studies.

from pathlib import Path
from qnas.studies import load_config, run_all, writable_run

with writable_run(load_config("digits_zcu102"), runs=Path("runs")) as run:
    summary = run_all(run)
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
    """Import on first use: numpy, scikit-learn and optuna are slow to come by."""
    from importlib import import_module

    for module in ("config", "run.run", "run.opening", "stages.pipeline"):
        if name in __all__ and hasattr(found := import_module(f"{__name__}.{module}"), name):
            return getattr(found, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
