"""No file that qnas reads can run code: what would unpickle one is not in the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import qnas

PACKAGE = Path(qnas.__file__).parent
# Modules that unpickle what they read. The one name that may be taken of them is an error's.
MODULES = ("pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve")
HARMLESS = ("pickle.UnpicklingError", "joblib.Parallel", "joblib.delayed")
BUILTINS = ("eval", "exec", "compile", "__import__")
# Readers that unpickle unless they are told not to: the keyword, and what it must be.
READERS = {
    "torch.load": ("weights_only", True),
    "numpy.load": ("allow_pickle", False),
    "numpy.lib.format.read_array": ("allow_pickle", False),
    "pandas.read_pickle": ("", None),
    "torch.jit.load": ("", None),
    "torch.package.PackageImporter": ("", None),
    "yaml.load": ("", None),
    "yaml.unsafe_load": ("", None),
    "joblib.load": ("", None),
    "joblib.Memory": ("", None),
}


def dangers(source: str) -> Iterator[str]:
    """`line: name` of every use of something that runs code from a file."""
    tree = ast.parse(source)
    names, called = dict(_imported(tree)), {}
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            called[node.func] = node
        name = _full_name(node, names) if isinstance(node, ast.Name | ast.Attribute) else ""
        if name and _is_dangerous(name, called.get(node)):
            yield f"{node.lineno}: {name}"
        if not name:  # else its parts are parts of the name
            waiting.extend(ast.iter_child_nodes(node))


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """A local name, and what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                yield alias.asname or first, alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _full_name(node: ast.expr, names: dict[str, str]) -> str:
    """`numpy.load` of `np.load`; empty for a method of a value."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    known = names.get(node.id, node.id if not parts and node.id in BUILTINS else "")
    return ".".join([known, *reversed(parts)]) if known else ""


def _is_dangerous(name: str, call: ast.Call | None) -> bool:
    if name in READERS:
        keyword, safe = READERS[name]
        given = {k.arg: k.value for k in call.keywords} if call else {}
        value = given.get(keyword)
        return not (keyword and isinstance(value, ast.Constant) and value.value is safe)
    if name in BUILTINS:
        return call is not None
    first, _, rest = name.partition(".")
    return first in MODULES and bool(rest) and name not in HARMLESS


def test_nothing_in_the_package_runs_code_from_a_file() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    found = [
        f"{path.relative_to(PACKAGE)}:{danger}"
        for path in files
        for danger in dangers(path.read_text(encoding="utf-8"))
    ]
    assert len(files) > 150 and found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.load(f)",
        "import pickle as p\np.loads(b'')",
        "from pickle import load as read\nread(f)",
        "import joblib\njoblib.load('x')",
        "from joblib import Memory\nMemory('x')",
        "import torch\ntorch.load('x')",
        "import torch\ntorch.load('x', weights_only=False)",
        "import torch\ntorch.load('x', weights_only=flag)",
        "from torch import load\nreader = load",
        "import numpy as np\nnp.load('x')",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import dill\ndill.load(f)",
        "eval(text)",
    ],
)
def test_the_scan_finds(source: str) -> None:
    assert len(list(dangers(source))) == 1


def test_the_scan_lets_pass() -> None:
    source = """
import pickle, numpy as np, torch, json
from joblib import Parallel, delayed
try:
    np.load(path, allow_pickle=False), torch.load(path, weights_only=True), json.load(file)
except pickle.UnpicklingError:
    model.eval()
"""
    assert list(dangers(source)) == []
