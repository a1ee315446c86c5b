"""What is private to Optuna is touched in one module, which a release of Optuna may break."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "qnas"
ALLOWED = PACKAGE / "studies/optuna_internals.py"


def imports_optuna(tree: ast.Module) -> bool:
    return any(name.split(".")[0] == "optuna" for name, _ in imported(tree))


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Modules, and what is taken from each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def own_names(tree: ast.Module) -> set[str]:
    """Attributes and functions that a module defines itself."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                found.add(node.attr)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def private_uses(source: str) -> list[str]:
    """Private names of others that a module which imports Optuna reads or imports."""
    tree = ast.parse(source)
    if not imports_optuna(tree):
        return []
    own = own_names(tree)
    found = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and node.attr not in own
    ]
    for module, name in imported(tree):
        if module.startswith("optuna") and any(p[:1] == "_" for p in (*module.split("."), name)):
            found.append(f"{module}:{name}")
    return found


def test_one_module_touches_what_is_private() -> None:
    sources = {path: path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
    assert len([path for path, text in sources.items() if imports_optuna(ast.parse(text))]) > 15
    uses = {path: found for path, text in sources.items() if (found := private_uses(text))}
    assert list(uses) == [ALLOWED], uses
    assert {"_rng", "_storage", "_trial_id", "_log_number_offset"} <= set(uses[ALLOWED])


def test_the_scan_sees_what_it_looks_for() -> None:
    base = "import optuna\nclass A(optuna.Study):\n    def f(self, trial):\n        "
    assert private_uses(base + "return trial._trial_id") == ["_trial_id"]
    assert private_uses(base + "return self._storage") == ["_storage"]
    assert private_uses(base + "self._mine = 1\n        return self._mine") == []
    assert private_uses("from optuna.study._tell import x") == ["optuna.study._tell:x"]
    assert private_uses("import numpy\nnumpy._x") == []
