"""qnas: search quantized vision transformers for FPGAs, and build the accelerator.

    import qnas

    run = qnas.run("digits_zcu102")
    print(run.pick(fps=25_000).reasons)

The public names are those of `__all__`, `qnas.visualization` and `qnas.testing`. Each name is
imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qnas._util.version import __version__ as __version__

if TYPE_CHECKING:
    from qnas import visualization
    from qnas.accel.cost.estimate import Estimate, Resources
    from qnas.accel.cost.prediction import Prediction
    from qnas.accel.device import Device, load_device
    from qnas.accel.plan.plan import HardwarePlan
    from qnas.architecture import Architecture, BlockSpec, W8Shares
    from qnas.data import ImageSet, PixelConfig, load_data
    from qnas.data.splits import SplitConfig
    from qnas.errors import QnasError
    from qnas.objectives.base import Candidate, FunctionObjective, Objective
    from qnas.space import SearchSpace
    from qnas.spaces import load_space
    from qnas.studies.api import plan, quantize, run, tune
    from qnas.studies.config import Study
    from qnas.studies.open_run import OpenRun, PickedTrial, open_run
    from qnas.studies.run.outcome import Summary
    from qnas.studies.search.reproducible import ReproducibleNSGAIISampler
    from qnas.studies.search.trials import TrialRecord
    from qnas.studies.sections import CalibrationConfig, SearchConfig, TuneConfig
    from qnas.supernet.post_training.settings import PostTraining
    from qnas.training.recipe import Recipe

_HOMES = {
    "accel.cost.estimate": ("Estimate", "Resources"),
    "accel.cost.prediction": ("Prediction",),
    "accel.device": ("Device", "load_device"),
    "accel.plan.plan": ("HardwarePlan",),
    "architecture": ("Architecture", "BlockSpec", "W8Shares"),
    "data": ("ImageSet", "PixelConfig", "load_data"),
    "data.splits": ("SplitConfig",),
    "errors": ("QnasError",),
    "objectives.base": ("Candidate", "FunctionObjective", "Objective"),
    "space": ("SearchSpace",),
    "spaces": ("load_space",),
    "studies.api": ("plan", "quantize", "run", "tune"),
    "studies.config": ("Study",),
    "studies.open_run": ("OpenRun", "PickedTrial", "open_run"),
    "studies.run.outcome": ("Summary",),
    "studies.search.reproducible": ("ReproducibleNSGAIISampler",),
    "studies.search.trials": ("TrialRecord",),
    "studies.sections": ("CalibrationConfig", "SearchConfig", "TuneConfig"),
    "supernet.post_training.settings": ("PostTraining",),
    "training.recipe": ("Recipe",),
}
_MODULES = ("visualization",)

__all__ = [
    "Architecture",
    "BlockSpec",
    "CalibrationConfig",
    "Candidate",
    "Device",
    "Estimate",
    "FunctionObjective",
    "HardwarePlan",
    "ImageSet",
    "Objective",
    "OpenRun",
    "PickedTrial",
    "PixelConfig",
    "PostTraining",
    "Prediction",
    "QnasError",
    "Recipe",
    "ReproducibleNSGAIISampler",
    "Resources",
    "SearchConfig",
    "SearchSpace",
    "SplitConfig",
    "Study",
    "Summary",
    "TrialRecord",
    "TuneConfig",
    "W8Shares",
    "load_data",
    "load_device",
    "load_space",
    "open_run",
    "plan",
    "quantize",
    "run",
    "tune",
    "visualization",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
