"""Recognition of a report's kind by its content, and reading of the report."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from qnas.accel.reports.cosim import read_cosim
from qnas.accel.reports.csynth import is_csynth, read_csynth
from qnas.accel.reports.export_text import read_export
from qnas.accel.reports.hls_text import read_function, read_summary
from qnas.accel.reports.implementation import (
    VIVADO_ROOT,
    is_implementation,
    read_implementation,
    text_of_vivado_xml,
)
from qnas.accel.reports.kinds import kind_of
from qnas.accel.reports.link import read_kernel_utilization, read_system_estimate
from qnas.accel.reports.measurement import Amounts, Measurement
from qnas.accel.reports.text import Text, WithoutFigures
from qnas.accel.reports.timing import read_timing
from qnas.accel.reports.utilization import read_utilization
from qnas.accel.reports.xml_tree import Element, parse_xml
from qnas.errors import ReportError, problem

# Far beyond any report. A parsed XML takes many times the memory of its file.
MAX_BYTES, MAX_XML_BYTES = 1 << 27, 1 << 26
KINDS = (
    "must be a csynth.xml, csynth.rpt, export_impl.xml, utilization report, timing summary, "
    "co-simulation report or report of v++"
)
BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
READERS: dict[str, Callable[[Text], Measurement | tuple[Measurement, ...]]] = {
    "utilization": read_utilization,
    "timing summary": read_timing,
    "co-simulation": read_cosim,
    "HLS summary": read_summary,
    "HLS report": read_function,
    "export results": read_export,
    "export figures": read_export,
    "kernel utilization": read_kernel_utilization,
    "system estimate": read_system_estimate,
}
UNKNOWN = "other file"


def read_report(path: str | Path) -> tuple[Measurement, ...]:
    """Read the designs of one file: several if it has several top functions.

    Raises:
        ReportError: The report is cut off or damaged, or its run failed; the message names file
            and line.
        WithoutFigures: The file is of another kind.
    """
    source, data = str(path), _bytes(Path(path))
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")  # XML must begin with its declaration
    if start.startswith(b"<"):
        return _read_xml(start, source, data[: len(data) - len(start)].count(b"\n"))
    if data[:4] in (b"\xff\xfe<\0", b"\xfe\xff\0<"):
        return _read_xml(data, source, 0)
    lines = (line.rstrip() for line in _decoded(data).splitlines())
    return _read_text(Text(source, tuple(lines)))


def _read_text(text: Text) -> tuple[Measurement, ...]:
    kind = kind_of(text)
    if kind is None:
        first = next((line.strip() for line in text.lines if line.strip()), "")
        raise _without_figures(f"{text.source}:1", repr(first[:60]), UNKNOWN)
    if kind not in READERS:
        raise _without_figures(f"{text.source}:1", f"a {kind}", kind)
    found = READERS[kind](text)
    return found if isinstance(found, tuple) else (found,)


def _read_xml(data: bytes, source: str, blank_lines: int) -> tuple[Measurement, ...]:
    if len(data) > MAX_XML_BYTES:
        raise _too_long(source, MAX_XML_BYTES)
    root = parse_xml(data, source=source, first_line=1 + blank_lines)
    if root.tag == VIVADO_ROOT:
        return _read_text(text_of_vivado_xml(root, source=source))
    for element in (root, *root.children):
        if is_csynth(element):
            return _required(read_csynth(element, source=source), element)
        if is_implementation(element):
            return _required((read_implementation(element, source=source),), element)
    raise _without_figures(f"{source}:{root.line}", f"<{root.tag[:60]}>", UNKNOWN)


def _required(found: tuple[Measurement, ...], root: Element) -> tuple[Measurement, ...]:
    """Return `found`, unless all fields are empty, which means that no run has finished."""
    if not any(_says_something(m) for top in found for m in (top, *top.modules)):
        where, rule = f"{found[0].source}:{root.line}", "must hold a latency, a clock or a resource"
        remedy = "Give the report of a run that went through."
        raise ReportError(problem(where, rule, "none of them", remedy))
    return found


def _says_something(m: Measurement) -> bool:
    numbers = (m.latency_cycles_max, m.interval_max, m.clock_estimated_ns)
    return any(n is not None for n in numbers) or m.amounts != Amounts()


def _bytes(path: Path) -> bytes:
    try:
        # Non-blocking, since opening a FIFO or a device may wait forever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(0, "no plain file")
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        rule, remedy = "must be a readable file", "Check the path."
        raise ReportError(problem(str(path), rule, reason, remedy)) from None
    if len(data) > MAX_BYTES:
        raise _too_long(str(path), MAX_BYTES)
    if not data.strip():
        raise ReportError(problem(f"{path}:1", KINDS, "an empty file", "Run the tool again."))
    return data


def _too_long(source: str, most: int) -> ReportError:
    got = f"more than {most:,} bytes"
    return ReportError(problem(f"{source}:1", KINDS, got, "Name the report."))


def _decoded(data: bytes) -> str:
    """Decode UTF-8, UTF-16 with its mark, or else bytes as Latin-1: digits are the same in all."""
    encoding = next((e for mark, e in BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _without_figures(where: str, got: str, kind: str) -> WithoutFigures:
    return WithoutFigures(problem(where, KINDS, got, "Check the path."), kind=kind)
