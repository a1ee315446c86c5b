"""Co-simulation reports: cycles of the RTL, for each transaction or in total.

`<top>_cosim.rpt` is a table with a row for each language; `lat.rpt` sets variables;
`result.transaction` lists latency and interval of each call, under any extension (until 2019
without a colon).
"""

from __future__ import annotations

import re

from qnas.accel.reports.measurement import Measurement
from qnas.accel.reports.numbers import count
from qnas.accel.reports.text import AGAIN, Text, WithoutFigures
from qnas.errors import ReportError, problem

SIMULATOR = re.compile(r"Simulation tool\s*:(.*)")
HEAD_LETTERS = 200
VERSION = re.compile(r"(?:Version|v)\s*:?\s*(20\d\d\.\d(?:\.\d)?)")
TOP = re.compile(r"(\w+)_cosim\.rpt")
LANGUAGE = re.compile(r"\|\s*(Verilog|VHDL|SystemC)\s*\|(.*)\|\s*", re.IGNORECASE)
VARIABLE = re.compile(r"\s*\$(MAX_LATENCY|MAX_THROUGHPUT)\s*=(.*)")
QUOTED = re.compile(r"\"[^\"]*\"|[^\"]*")
TRANSACTION = re.compile(r"\s*transaction\s*(\d+)(?:\s*:|\s)\s*(\S+)(?:\s+(\S+))?\s*")
LATENCY_MAX, INTERVAL_MAX, CELLS = 3, 6, 7  # indices in a row, and its number of cells


def is_cosim(text: Text) -> bool:
    """Whether a line belongs to a result of co-simulation."""
    return any(
        LANGUAGE.fullmatch(line) or TRANSACTION.fullmatch(line) or line.startswith("$MAX_LATENCY")
        for line in text.lines
    ) or any("simulation tool" in line.lower() for line in text.lines[:8])


class FailedSimulation(ReportError):
    """A report says that the co-simulation failed: no figure of that run counts."""


def read_cosim(text: Text) -> Measurement:
    """Read the largest latency and interval.

    Raises:
        ReportError: The simulation failed, or the file is cut off.
    """
    latency, interval = _table(text) or _variables(text) or _transactions(text) or (None, None)
    if latency is None:
        rule = "must hold the latency of a co-simulation that passed"
        message = problem(text.end, rule, "none", AGAIN)
        raise WithoutFigures(message, kind="co-simulation without a latency")
    fields = (SIMULATOR.fullmatch(line) for line in text.lines[:12])
    simulator = next((name for field in fields if field and (name := field[1].strip(" ."))), None)
    version = VERSION.search("\n".join(line[:HEAD_LETTERS] for line in text.lines[:12]))
    top = TOP.fullmatch(text.source.rpartition("/")[2])
    return Measurement(
        source=text.source,
        tool=f"HLS co-simulation ({simulator})" if simulator else "HLS co-simulation",
        version=version[1] if version else None,
        stage="cosim",
        top=top[1] if top else None,
        latency_cycles_max=latency,
        interval_max=interval,
    )


def _table(text: Text) -> tuple[int | None, int | None] | None:
    """Latency and interval of a language that passed."""
    for index, line in enumerate(text.lines):
        row = LANGUAGE.fullmatch(line)
        if row is None:
            continue
        where, cells = text.where(index), [cell.strip() for cell in row[2].split("|")]
        if cells[0].lower() == "fail":
            raise FailedSimulation(
                problem(where, "must be of a co-simulation that passed", "Fail", AGAIN)
            )
        if cells[0].lower() == "pass":
            if len(cells) < CELLS:
                raise ReportError(problem(where, f"must have {CELLS} columns", len(cells), AGAIN))
            return (
                count(cells[LATENCY_MAX], where=where),
                count(cells[INTERVAL_MAX], where=where),
            )
    return None


def _variables(text: Text) -> tuple[int | None, int | None] | None:
    found: dict[str, int | None] = {}
    for index, line in enumerate(text.lines):
        variable = VARIABLE.fullmatch(line)
        if variable and QUOTED.fullmatch(variable[2].strip()):
            found[variable[1]] = count(variable[2].strip(' "'), where=text.where(index))
    if "MAX_LATENCY" not in found:
        return None
    return found["MAX_LATENCY"], found.get("MAX_THROUGHPUT") or None


def _transactions(text: Text) -> tuple[int | None, int | None] | None:
    """Largest latency and interval of all calls. The last call has no interval."""
    latencies, intervals = [], []
    for index, line in enumerate(text.lines):
        call = TRANSACTION.fullmatch(line)
        if call:
            where = text.where(index)
            latencies.append(count(call[2], where=where))
            intervals.append(count(call[3], where=where))
    known = [value for value in latencies if value is not None]
    if not known or len(known) < len(latencies):
        return None
    return max(known), max((value for value in intervals if value), default=None)
