"""The licences of what qnas installs, as a page: python docs/licences.py > docs/licences.md

From pyproject.toml and the metadata of the packages that are installed, so every extra must be:
`pip install -e ".[dev,docs]"`. Versions are left out: they change, licences hardly do.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
DEVELOPMENT = ("dev", "docs")
HEAD = """# Licences of dependencies

qnas itself is under the MIT licence. It contains no code of others; this is what it installs, from
the metadata of each package: `python docs/licences.py > docs/licences.md`.
"""


def main() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    extras = project["optional-dependencies"]
    needed = closure(project["dependencies"])
    optional = closure(r for name in extras if name not in DEVELOPMENT for r in extras[name])
    development = closure(r for name in DEVELOPMENT for r in extras[name])
    optional -= needed
    development -= needed | optional
    sys.stdout.write(HEAD)
    for title, names in (
        ("Always installed", needed),
        ("By extras", optional),
        ("For development", development),
    ):
        sys.stdout.write(f"\n## {title}\n\n| package | licence |\n|---|---|\n")
        for name in sorted(names):
            sys.stdout.write(f"| [{name}](https://pypi.org/project/{name}/) | {licence(name)} |\n")


def closure(texts: Iterable[str]) -> set[str]:
    """Names of all that these requirements need, and what those need, and so on."""
    seen: set[tuple[str, str]] = set()
    queue = [Requirement(text) for text in texts]
    while queue:
        requirement = queue.pop()
        name = plain(requirement.name)
        for extra in ("", *requirement.extras):
            found = installed(name)
            if (name, extra) not in seen and found is not None:
                seen.add((name, extra))
                queue += requirements(found, extra)
    return {name for name, _ in seen if not name.startswith("qnas")}


def requirements(owner: Distribution, extra: str) -> Iterator[Requirement]:
    for text in owner.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:  # of another platform, or of an extra of an extra
        return None


def licence(name: str) -> str:
    """What the metadata says: the expression, else classifiers, else the first line of text."""
    metadata = distribution(name).metadata
    expression = metadata.get("License-Expression")
    if expression:
        return str(expression)
    classified = [
        text.rsplit(" :: ", 1)[-1].removeprefix("OSI Approved")
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License :: ") and text != "License :: OSI Approved"
    ]
    text = (metadata.get("License") or "").strip().split("\n")[0]
    return ", ".join(filter(None, classified)) or text[:60] or "not stated: see its page"


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
