"""Finding out what kind of report a file is, and reading it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from qnas.accel.reports.cosim import is_cosim, read_cosim
from qnas.accel.reports.csynth import is_csynth, read_csynth
from qnas.accel.reports.implementation import is_implementation, read_implementation
from qnas.accel.reports.measurement import Amounts, Measurement
from qnas.accel.reports.text import Text
from qnas.accel.reports.timing import is_timing, read_timing
from qnas.accel.reports.utilization import is_utilization, read_utilization
from qnas.accel.reports.xml_tree import Element, parse_xml
from qnas.errors import ReportError, problem

# Names that reports have by default: what is looked for in a folder.
PATTERNS = (
    *("csynth.xml", "*_csynth.xml", "export_impl.xml", "export_syn.xml", "*_export.xml"),
    *("*_cosim.rpt", "*utilization*.rpt", "*timing_summary*.rpt"),
)
WHOLE_DESIGN = "csynth.xml"
MAX_BYTES = 1 << 28  # far beyond any report: something else was named
KINDS = (
    "must be a csynth.xml, export_impl.xml, utilization report, timing summary or co-simulation "
    "report"
)
BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


def read_reports(paths: Iterable[str | Path]) -> tuple[Measurement, ...]:
    """Every report in `paths`, in their order; a folder stands for the reports in and below it.

    ReportError naming file and line for what is no report, or one that is cut off.
    """
    found: list[Measurement] = []
    for path in map(Path, paths):
        found += _read_folder(path) if path.is_dir() else read_report(path)
    return tuple(found)


def read_report(path: str | Path) -> tuple[Measurement, ...]:
    """The designs that one file reports on: several if it has several top functions."""
    source, data = str(path), _bytes(Path(path))
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")  # XML must begin with its declaration
    if start.startswith(b"<"):
        return _read_xml(start, source, data[: len(data) - len(start)].count(b"\n"))
    if data[:4] in (b"\xff\xfe<\0", b"\xfe\xff\0<"):
        return _read_xml(data, source, 0)
    text = Text(source, tuple(_decoded(data).splitlines()))
    if is_timing(text):
        return (read_timing(text),)
    if is_utilization(text):
        return (read_utilization(text),)
    if is_cosim(text):
        return (read_cosim(text),)
    raise _unknown(f"{source}:1", next((line.strip() for line in text.lines if line.strip()), ""))


def _read_xml(data: bytes, source: str, blank_lines: int) -> tuple[Measurement, ...]:
    root = parse_xml(data, source=source, first_line=1 + blank_lines)
    for element in (root, *root.children):
        if is_csynth(element):
            return _required(read_csynth(element, source=source), element)
        if is_implementation(element):
            return _required((read_implementation(element, source=source),), element)
    raise _unknown(f"{source}:{root.line}", f"<{root.tag}>")


def _required(found: tuple[Measurement, ...], root: Element) -> tuple[Measurement, ...]:
    """`found`, unless it says nothing at all: then no run finished that it could be of."""
    if not any(_says_something(m) for top in found for m in (top, *top.modules)):
        where, rule = f"{found[0].source}:{root.line}", "must hold a latency, a clock or a resource"
        remedy = "Give the report of a run that went through."
        raise ReportError(problem(where, rule, "none of them", remedy))
    return found


def _says_something(m: Measurement) -> bool:
    numbers = (m.latency_cycles_max, m.interval_max, m.clock_estimated_ns)
    return any(n is not None for n in numbers) or m.amounts != Amounts()


def _read_folder(folder: Path) -> list[Measurement]:
    """Reports below `folder`. Beside a csynth.xml, reports of single functions are its modules."""
    files = sorted({p for pattern in PATTERNS for p in folder.rglob(pattern) if p.is_file()})
    if not files:  # renamed ones: everything that could be a report must be one
        files = sorted(p for p in folder.iterdir() if p.suffix in (".xml", ".rpt") and p.is_file())
    if not files:
        remedy = f"Name a file, or a folder with {', '.join(PATTERNS[:2])} or the like."
        raise ReportError(problem(str(folder), "must hold reports", "none", remedy))
    wholes = {path.parent for path in files if path.name == WHOLE_DESIGN}
    single = [p for p in files if p.name.endswith(f"_{WHOLE_DESIGN}") and p.parent in wholes]
    found: list[Measurement] = []
    for path in (p for p in files if p not in single):
        measurements = list(read_report(path))
        if path.name == WHOLE_DESIGN:
            beside = [m for p in single if p.parent == path.parent for m in read_report(p)]
            measurements[0] = _with_modules(measurements, beside)
        found += measurements
    return found


def _with_modules(tops: list[Measurement], beside: list[Measurement]) -> Measurement:
    """The first of `tops`, with those functions as modules that the report does not list itself."""
    known = {top.top for top in tops} | {module.top for top in tops for module in top.modules}
    new = tuple(replace(m, available=tops[0].available) for m in beside if m.top not in known)
    return replace(tops[0], modules=(*tops[0].modules, *new))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        rule, remedy = "must be a readable file", "Check the path."
        raise ReportError(problem(str(path), rule, reason, remedy)) from None
    if not data.strip() or len(data) > MAX_BYTES:
        got = "an empty file" if not data.strip() else f"more than {MAX_BYTES} bytes"
        raise ReportError(problem(f"{path}:1", KINDS, got, "Run the tool again."))
    return data


def _decoded(data: bytes) -> str:
    """Text in UTF-8, in UTF-16 with its mark, else byte by byte: digits are the same in all."""
    encoding = next((e for mark, e in BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _unknown(where: str, first: str) -> ReportError:
    remedy = "Of an HLS run give the .xml beside the .rpt." if "HLS" in first else "Check the path."
    return ReportError(problem(where, KINDS, repr(first[:60]), remedy))
