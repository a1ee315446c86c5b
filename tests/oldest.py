"""The oldest versions that pyproject.toml allows, as constraints for pip: see `make test-oldest`.

python tests/oldest.py > constraints-oldest.txt
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
BOUND = re.compile(r"([\w.-]+)>=([\w.]+)")


def oldest() -> list[str]:
    """`name==version` of every main dependency; ValueError for one without a lower bound."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    found = []
    for requirement in project["dependencies"]:
        match = BOUND.fullmatch(requirement)
        if match is None:
            raise ValueError(f"{requirement}: no lower bound")
        found.append(f"{match[1]}=={match[2]}")
    return found


if __name__ == "__main__":
    print("\n".join(oldest()))
