"""Reads the content of a file of weights, and the settings that trainers store beside them, without
running code from the file or importing its classes."""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import pickle
import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from qnas._util.safetensors_header import metadata_of
from qnas._util.timm_support import IN_FOLDER, weights_of_folder
from qnas.errors import CheckpointError, printable, problem

SHOWN = 80  # characters of a file's own text that a message quotes
# First bytes of files that other programs leave in place of a file of weights, and the remedy.
IMPOSTORS = (
    (b"version https://git-lfs", "a pointer of Git LFS", "Run `git lfs pull` in its repository."),
    (b"<", "a web page or XML", "Download the file itself."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it."),
    (b"BZh", "a bzip2 archive", "Unpack it."),
    (b"\xfd7zXZ", "an xz archive", "Unpack it."),
    (b"\x89HDF", "an HDF5 file, as Keras writes them", "Save a state dict with torch."),
    (b"\x93NUMPY", "a NumPy array", "Save a state dict with torch."),
)
NOT_ALLOWED = re.compile(r"GLOBAL (\S+) (?:was not an allowed|whose module)")
OF_THE_FILE = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.EIO, errno.ENOENT)


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


@dataclass(frozen=True, eq=False)
class Stored:
    """A file's `content` (plain containers of tensors and settings), the `metadata` of a
    safetensors file, and `remarks` on the file."""

    content: Any
    metadata: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def plain(text: object, limit: int = SHOWN) -> str:
    """Text of a file for a message: one line, without control characters, truncated."""
    shown = printable(str(text))
    return shown if len(shown) <= limit else f"{shown[:limit]}..."


def weights_in(path: Path) -> Path:
    """The file of weights at `path`: the file itself, or the one in a folder."""
    if not path.is_dir():
        return path
    found = weights_of_folder(path)
    if found is None:
        rule = f"must hold one of {', '.join(IN_FOLDER)}"
        raise CheckpointError(problem(str(path), rule, "none of them", "Name the file itself."))
    return found


def digest_of(path: Path) -> str:
    """SHA-256 of the file of weights at `path`, a file or a folder."""
    return hashlib.sha256(weights_in(path).read_bytes()).hexdigest()


def read_stored(path: Path) -> Stored:
    """Read a safetensors file or a file of torch.save; the file's suffix does not matter.

    Raises CheckpointError for other files, for damaged files, and for files with objects that need
    their own code to be read.
    """
    remedy = "Save model.state_dict() as safetensors."
    try:
        if not path.is_file():
            reason, remedy = "no file", "Check the path."
        elif impostor := _impostor(path):
            reason, remedy = impostor
        elif _is_safetensors(path):
            return _read_safetensors(path)
        else:
            return Stored(_read_torch(path), remarks=tuple(_unlike_checksum(path)))
    except pickle.UnpicklingError as error:
        reason = _not_tensors(error)
    except OSError as error:
        known = error.errno in OF_THE_FILE and error.strerror
        reason, remedy = known or _damaged(error), "Check the file."
    except SafetensorError:
        reason = "a safetensors file that is damaged or cut short"
    except Exception as error:  # torch's reader raises many types for damaged files
        reason = _damaged(error)
    rule = "must be a state dict, in safetensors or as torch.save writes one"
    raise CheckpointError(problem(str(path), rule, reason, remedy))


def _impostor(path: Path) -> tuple[str, str] | None:
    with path.open("rb") as stream:
        head = stream.read(64)
    if not head:
        return "an empty file", "Copy it again."
    return next(((what, do) for start, what, do in IMPOSTORS if head.startswith(start)), None)


def _is_safetensors(path: Path) -> bool:
    """Whether the file begins as a safetensors file (a length, then JSON) or has its suffix."""
    with path.open("rb") as stream:
        head = stream.read(9)
    length = int.from_bytes(head[:8], "little")
    fits = head[8:] == b"{" and length <= path.stat().st_size
    return fits or path.suffix == ".safetensors"


def _read_safetensors(path: Path) -> Stored:
    data = path.read_bytes()
    tensors = load_safetensors(data)
    try:
        return Stored(tensors, metadata_of(data))
    except KeyError:
        return Stored(tensors)


def _read_torch(path: Path) -> Any:
    allowed: list[Any] = [(stand_in, name) for name, stand_in in ALLOWED.items()]
    with warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
        warnings.simplefilter("ignore")  # warnings about formats that torch no longer writes
        return torch.load(path, map_location="cpu", weights_only=True)


def _unlike_checksum(path: Path) -> Iterator[str]:
    """A remark if a part of an archive does not match its checksum, which torch ignores."""
    try:
        with zipfile.ZipFile(path) as archive:
            if part := archive.testzip():
                yield (
                    f"{plain(part)} in the file has another checksum than it says: it is damaged, "
                    "or was saved without checksums"
                )
    except (zipfile.BadZipFile, OSError, NotImplementedError):  # the older format has no checksums
        return


def _not_tensors(error: pickle.UnpicklingError) -> str:
    text = " ".join(str(error).split())
    found = NOT_ALLOWED.search(text)
    if "Unsupported operand" in text:
        return "a pickle of a newer protocol than torch reads, or a damaged file"
    if not found:
        return "a damaged file, or one that torch.save did not write"
    return f"more than tensors: `{plain(found[1])}`, whose code would have to run to read it"


def _damaged(error: Exception) -> str:
    if "TorchScript" in str(error):
        return "a TorchScript archive, which is code"
    return "a file that is damaged, cut short, or none of theirs"


def read_json_beside(path: Path) -> dict[str, Any] | None:
    """The `config.json` beside a file of weights; None if absent or no JSON object."""
    try:
        found = json.loads((path.parent / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
