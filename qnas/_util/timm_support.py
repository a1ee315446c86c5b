"""import_timm() imports timm also if torch and torchvision are of different builds."""

from __future__ import annotations

import importlib
import logging
import sys
from functools import cache
from os.path import isfile  # False for a path that cannot be
from pathlib import Path
from types import ModuleType
from typing import Any

from qnas.errors import DependencyError, problem

WEIGHTS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar", ".th", ".pkl", ".model")
# Names of the file of weights in a folder of a model.
IN_FOLDER = ("model.safetensors", "pytorch_model.bin", "open_clip_pytorch_model.bin")
HUBS = ("hf-hub:", "hf_hub:", "local-dir:")  # prefixes of names that timm fetches from elsewhere
MISMATCH = "operator torchvision::"
# Schemas of torchvision's compiled operators; timm uses neither.
OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def is_weights_file(source: str) -> bool:
    """Whether `source` is a file of weights or a folder with one, and not the name of a timm
    model."""
    path = not source.startswith(HUBS) and ("/" in source or source.startswith((".", "~")))
    return path or source.lower().endswith(WEIGHTS)


def weights_of_folder(path: Path) -> Path | None:
    """The file of weights in the folder `path`; None if there is none."""
    return next((path / name for name in IN_FOLDER if isfile(path / name)), None)


def import_timm(module: str = "timm") -> ModuleType:
    """Import `module`: timm or one inside it.

    A torchvision of another build than torch (a CUDA wheel beside a CPU torch) fails at import,
    because its compiled operators are missing. Only on that error, `import_timm` declares the
    operators without implementations, repeats the import and logs this once. timm uses only
    torchvision's Python code. Raises DependencyError if timm or torchvision is missing.
    """
    try:
        _import_torchvision()
        return importlib.import_module(module)
    except ImportError as error:
        raise DependencyError(
            problem(module, "must be importable", error, "pip install timm torchvision")
        ) from error


def _import_torchvision() -> None:
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if MISMATCH not in str(error):
            raise
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        _declared_operators()
        importlib.import_module("torchvision")
        logging.getLogger(__name__).info(
            "torch and torchvision are of different builds: torchvision's compiled operators are "
            "left out (none is needed)"
        )


@cache  # the cache keeps the library alive: torch forgets the declarations of a collected one
def _declared_operators() -> Any:
    import torch

    make: Any = torch.library.Library  # torch does not type it
    library = make("torchvision", "FRAGMENT")
    for schema in OPERATORS:
        library.define(schema)
    return library
