"""The page of licences names every package that pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib

from tests.docs.pages import DOCS, ROOT


def test_every_requirement_has_its_licence_on_the_page() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        asked += extra
    names = {re.split(r"[\[<>=;~ ]", text)[0].lower() for text in asked} - {"qnas-fpga"}
    page = (DOCS / "licences.md").read_text()
    assert {name for name in names if f"| [{name}]" not in page} == set()
