"""Report files of a folder, and reports that repeat the content of another."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

WHOLE = ("csynth.xml", "csynth.rpt")  # reports of a whole design, the preferred one first
FUNCTION = ("_csynth.xml", "_csynth.rpt")  # name endings of reports of one function
EXPORTS = ("export_impl", "export_syn")
TEXTS = (".rpt", ".xtxt")
PERHAPS = ".txt"  # read if the content is a report
SNIFFED_BYTES = 1 << 16


def reports_below(folder: Path) -> tuple[list[Path], list[str]]:
    """List files that are or may be reports, in order, and the folders that could not be read.

    Names that begin with a dot are the tools' internal files and are skipped. Links to folders are
    not followed.
    """
    unreadable: list[str] = []

    def note(error: OSError) -> None:
        unreadable.append(f"{error.filename}: {error.strerror}")

    found = []
    for here, folders, files in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(here) / name for name in files if not name.startswith("."))
        found += [path for path in paths if _may_be(path)]
    return sorted(found), unreadable


def _may_be(path: Path) -> bool:
    if not path.is_file():  # a FIFO, a device, a broken link
        return False
    suffix = path.suffix.lower()
    if suffix in TEXTS or (suffix == ".xml" and _is_named(path)):
        return True
    return suffix in (".xml", PERHAPS) and _begins_as_report(path)


def _is_named(path: Path) -> bool:
    stem = path.stem.lower()
    return stem.endswith(("csynth", "_export")) or stem in EXPORTS


def _begins_as_report(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(SNIFFED_BYTES)
    except OSError:
        return False
    if path.suffix.lower() == ".xml":
        return any(root in start[:4096] for root in (b"<profile", b"<RptDoc"))
    marks = (b"Tool Version", b"== Synthesis Summary", b"HLS Report for", b"Simulation tool")
    return any(mark in start for mark in marks)


def whole_reports(files: Iterable[Path]) -> dict[Path, Path]:
    """Map each folder to its preferred report of the whole design (see WHOLE)."""
    found: dict[Path, Path] = {}
    for name in reversed(WHOLE):
        found |= {path.parent: path for path in files if path.name == name}
    return found


def is_function(path: Path) -> bool:
    """Whether a file's name is that of a report of one function."""
    return path.name.endswith(FUNCTION)
