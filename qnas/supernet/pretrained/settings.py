"""The settings that trainers store beside weights, read without importing their classes."""

from __future__ import annotations

import argparse
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any


class Ignored:
    """A placeholder for an object beside the weights, made without its class and content."""

    def __new__(cls, *_: Any) -> Ignored:
        return object.__new__(cls)

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


def _mapping(*_: Any) -> dict[Any, Any]:
    return {}


_IGNORED = {
    "builtins": "bool dict float frozenset int list object range slice str tuple",
    "datetime": "date datetime time timedelta",
    "decimal": "Decimal",
    "functools": "partial",
    "numpy": "dtype ndarray",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy.core.multiarray": "_reconstruct scalar",
    "numpy.dtypes": "Float32DType Float64DType Int32DType Int64DType",
    "omegaconf.base": "ContainerMetadata Metadata",
    "omegaconf.dictconfig": "DictConfig",
    "omegaconf.listconfig": "ListConfig",
    "omegaconf.nodes": "AnyNode BooleanNode BytesNode FloatNode IntegerNode PathNode StringNode",
    "pathlib": "Path PosixPath PurePosixPath PureWindowsPath WindowsPath",
    "pathlib._local": "Path PosixPath PurePosixPath PureWindowsPath WindowsPath",
    "typing": "Any",
    "uuid": "UUID",
}
# Each of these class names in a file is read as the class given here, never imported by name; a
# file with any other name is refused.
ALLOWED: dict[str, Any] = {
    "argparse.Namespace": argparse.Namespace,  # has attributes and runs no code
    "types.SimpleNamespace": argparse.Namespace,
    "collections.defaultdict": _mapping,
    "lightning.fabric.utilities.data.AttributeDict": OrderedDict,
    "lightning_fabric.utilities.data.AttributeDict": OrderedDict,
    "pytorch_lightning.utilities.parsing.AttributeDict": OrderedDict,
    "easydict.EasyDict": OrderedDict,
    "addict.addict.Dict": OrderedDict,
    "yacs.config.CfgNode": OrderedDict,
    **{f"{module}.{n}": Ignored for module, names in _IGNORED.items() for n in names.split()},
}


def settings_in(content: Any) -> dict[str, Any]:
    """The plain values that a trainer stored beside the weights, by name."""
    if not isinstance(content, Mapping):
        return {}
    found: dict[str, Any] = {}
    for holder in ("hyper_parameters", "config", "args", "opt", "cfg"):
        values = content.get(holder)
        values = vars(values) if isinstance(values, argparse.Namespace) else values
        if isinstance(values, Mapping):
            found |= {f"{holder}.{key}": value for key, value in values.items()}
    return found | {key: content[key] for key in ("arch", "architecture") if key in content}
