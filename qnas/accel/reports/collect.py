"""Collection of reports from files and folders; other files are skipped with a remark."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from qnas.accel.reports.cosim import FailedSimulation
from qnas.accel.reports.measurement import Measurement
from qnas.accel.reports.read import read_report
from qnas.accel.reports.runs import completed, few
from qnas.accel.reports.text import WithoutFigures
from qnas.errors import ReportError, printable, problem

TEXT_OF_XML = "text of an XML that is read"
FAILED = "of a co-simulation that failed"
# Fields that a report of one function adds to a summary of the design that lacks them.
ADDED = (
    *("clock_target_ns", "clock_estimated_ns", "latency_cycles_max", "interval_max"),
    *("lut", "ff", "dsp", "bram18", "uram"),
)
WHOLE = ("csynth.xml", "csynth.rpt")  # reports of a whole design, the preferred one first
FUNCTION = ("_csynth.xml", "_csynth.rpt")  # name endings of reports of one function
EXPORTS = ("export_impl", "export_syn")
TEXTS = (".rpt", ".xtxt")
PERHAPS = ".txt"  # read if the content is a report
SNIFFED_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports of some files and folders.

    Attributes:
        measurements: The measurements.
        remarks: Sentences about skipped files, completed values and values that stay null.
        broken: Faults of files that were found in a folder.
        faults: Faults of files that were named by the caller.
    """

    measurements: tuple[Measurement, ...]
    remarks: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def read_reports(paths: Iterable[str | Path]) -> tuple[Measurement, ...]:
    """Read every report in `paths`, in their order.

    Args:
        paths: Files, and folders that stand for the reports in and below them. Other files in a
            folder are skipped; `collect_reports` lists them.

    Raises:
        ReportError: A file in `paths` is not a report or is cut off (the message names file and
            line), or there is no report.
    """
    found = collect_reports(paths)
    if found.faults:
        raise ReportError(found.faults[0])
    return found.measurements


def collect_reports(paths: Iterable[str | Path]) -> Reports:
    """Read every report in `paths`, as `read_reports` does, and return faults and remarks as well.

    Raises:
        ReportError: There is nothing to read.
    """
    collection = _Collection()
    for path in map(Path, paths):
        if path.is_dir():
            collection.add_folder(path)
        else:
            collection.add_file(path)
    if collection.errors and not collection.found:
        raise collection.errors[0]
    measurements, taken = completed(collection.found)
    own = [remark for m in measurements for remark in m.remarks]
    listed = collection.passed_over()
    remarks = [*own, *([f"Passed over: {listed}"] if listed else []), *taken]
    return Reports(
        measurements,
        remarks=tuple(map(printable, remarks)),
        broken=tuple(map(printable, collection.broken)),
        faults=tuple(map(str, collection.faults)),
    )


@dataclass(slots=True)
class _Collection:
    """Reports found so far; `errors` explain an empty result."""

    found: list[Measurement] = field(default_factory=list)
    passed: dict[str, list[Path]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    faults: list[ReportError] = field(default_factory=list)
    errors: list[ReportError] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    failed: set[Path] = field(default_factory=set)  # folders of failed co-simulations

    def add_file(self, path: Path) -> None:
        """Read a file that the caller named."""
        if not self._is_new(path):
            return
        try:
            self.found += read_report(path)
        except WithoutFigures as error:
            self._pass_over(path, error.kind)
            self.errors.append(error)
        except ReportError as error:
            self.faults.append(error)
            self.errors.append(error)

    def add_folder(self, folder: Path) -> None:
        files, unreadable = reports_below(folder)
        self.broken += unreadable
        read: dict[Path, tuple[Measurement, ...]] = {}
        errors: list[ReportError] = []
        for path in sorted(files, key=lambda path: path.suffix != ".xml"):
            if path.with_suffix(".xml") in read and path.suffix == ".rpt":
                self._pass_over(path, TEXT_OF_XML)
            elif self._is_new(path):
                self._read(path, read, errors)
        self._drop_failed(read)
        self.found += _without_functions(read)
        if not read:
            self.errors += errors or [self._nothing(folder)]

    def _read(
        self, path: Path, read: dict[Path, tuple[Measurement, ...]], errors: list[ReportError]
    ) -> None:
        try:
            read[path] = read_report(path)
        except WithoutFigures as error:
            self._pass_over(path, error.kind)
        except ReportError as error:
            self.broken.append(str(error))
            errors.append(error)
            if isinstance(error, FailedSimulation):
                self.failed.add(path.parent)

    def _drop_failed(self, read: dict[Path, tuple[Measurement, ...]]) -> None:
        """Pass over what a co-simulation left that failed by its report, beside it or below."""
        for path, found in list(read.items()):
            cosim = all(measurement.stage == "cosim" for measurement in found)
            if cosim and any(folder in path.parents for folder in self.failed):
                del read[path]
                self._pass_over(path, FAILED)

    def _is_new(self, path: Path) -> bool:
        real = os.path.realpath(path)
        new = real not in self.seen
        self.seen.add(real)
        return new

    def _pass_over(self, path: Path, kind: str) -> None:
        self.passed.setdefault(kind, []).append(path)

    def passed_over(self) -> str:
        """List the skipped files by kind."""
        kinds = sorted(self.passed.items())
        return "; ".join(f"{few([path.name for path in paths])} ({kind})" for kind, paths in kinds)

    def _nothing(self, folder: Path) -> ReportError:
        listed = self.passed_over()
        got = f"none with figures, but {listed}" if listed else "none"
        remedy = "Name a file, or a folder with csynth.xml, a utilization report or the like."
        return ReportError(problem(str(folder), "must hold reports", got, remedy))


def _without_functions(read: dict[Path, tuple[Measurement, ...]]) -> list[Measurement]:
    """List all measurements by path.

    Reports of functions become modules of their design.
    """
    wholes = whole_reports(read)
    beside: dict[Path, list[Measurement]] = {whole: [] for whole in wholes.values()}
    found: dict[Path, tuple[Measurement, ...]] = {}
    for path in sorted(read):
        whole = wholes.get(path.parent)
        if whole is not None and whole != path and is_function(path):
            beside[whole] += read[path]
        else:
            found[path] = read[path]
    for whole, functions in beside.items():
        first, *others = found[whole]
        found[whole] = (_with_functions(first, others, functions), *others)
    return [m for path in found for m in found[path]]


def _with_functions(
    first: Measurement, others: Sequence[Measurement], functions: Sequence[Measurement]
) -> Measurement:
    """Add functions to `first` as modules, unless the report lists them itself.

    A text report lists instances; the functions replace them.
    """
    own = next((m for m in functions if m.top == first.top), None)
    if own is not None:
        lacking = {name: getattr(own, name) for name in ADDED if getattr(first, name) is None}
        first = replace(first, **lacking)
    if first.source.endswith(".rpt") and len(functions) > 1:
        first = replace(first, modules=())
    known = {top.top for top in (first, *others)}
    known |= {module.top for top in (first, *others) for module in top.modules}
    new = (replace(m, available=first.available) for m in functions if m.top not in known)
    return replace(first, modules=(*first.modules, *new))


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
