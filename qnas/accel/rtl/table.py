"""The measured table: one row a block. `qnas measure` makes it; it comes with the package.

CSV with a header. Columns: `kind`, `family`, `parameters` (`name=value` apart by spaces, names in
order), the resources (`lut` raw, `lut_paired`, `ff`, `dsp`, `bram18`, `uram`), `vectors` compared
with the integer reference, `latency_cycles` from the first vector in to the last answer out,
`busy_cycles` (of blocks that carry out a loop: the plan's iterations and the pipeline's depth, else
0), `seconds`, `tools`, and `digest`: of the block, its sources and the tools. Synthesis is Yosys's:
no place and route, no timing.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from qnas._util.serialization import write_atomically
from qnas.accel.reports.measurement import Measurement
from qnas.accel.rtl.block import RtlBlock, known
from qnas.accel.rtl.kinds import KINDS
from qnas.accel.rtl.synthesize import Counts
from qnas.errors import CheckpointError, problem


@dataclass(frozen=True, slots=True)
class Row(Counts):
    """What was measured of one block; see above."""

    block: RtlBlock
    vectors: int
    latency_cycles: int
    busy_cycles: int
    seconds: float
    tools: str
    digest: str

    @property
    def measurement(self) -> Measurement:
        """As reports of vendors' tools are held. LUTs are the raw count."""
        return Measurement(
            source=f"RTL twin {self.block.label}",
            tool="pyosys",
            version=self.tools,
            stage="synthesized",
            top=self.block.kind,
            lut=self.lut,
            ff=self.ff,
            dsp=self.dsp,
            bram18=self.bram18,
            uram=self.uram,
        )


NUMBERS = tuple(f.name for f in fields(Row) if f.type == "int")
COLUMNS = ("kind", "family", "parameters", *NUMBERS, "seconds", "tools", "digest")
SHIPPED = Path(__file__).with_name("measured.csv")


def read_table(path: Path = SHIPPED) -> tuple[Row, ...]:
    """CheckpointError if the file is absent or damaged, or has a block twice; ConfigError for a
    block that no kind has."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = tuple(_row(record) for record in csv.DictReader(file))
        _refuse_duplicates(rows)
        return rows
    except (OSError, csv.Error, KeyError, TypeError, ValueError, AttributeError) as error:
        rule, remedy = "must be a whole table of measured blocks", "Make it again: `qnas measure`."
        raise CheckpointError(problem(str(path), rule, error, remedy)) from None


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Sorted by kind, family and parameters, so that equal measurements make equal files."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    keyed = sorted(rows, key=lambda r: (r.block.kind, r.block.family, r.block.parameters))
    for row in keyed:
        record = {name: getattr(row, name) for name in COLUMNS[3:]}
        given = " ".join(f"{name}={value}" for name, value in row.block.parameters)
        writer.writerow(
            {"kind": row.block.kind, "family": row.block.family, "parameters": given} | record
        )
    write_atomically(path, text.getvalue())


def _refuse_duplicates(rows: Iterable[Row]) -> None:
    for block, count in Counter(row.block for row in rows).items():
        if count > 1:
            raise ValueError(f"{block.label} twice")


def _row(record: dict[str, str]) -> Row:
    pairs = (item.split("=") for item in record["parameters"].split())
    block = RtlBlock(
        record["kind"],
        record["family"],  # type: ignore[arg-type]
        tuple((name, _amount(value)) for name, value in pairs),
    )
    known(KINDS, block.kind).check(block)
    numbers = {name: _amount(record[name]) for name in NUMBERS}
    seconds, tools = float(record["seconds"]), record["tools"]
    return Row(block=block, **numbers, seconds=seconds, tools=tools, digest=record["digest"])


def _amount(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{text!r}, which is no amount")
    return int(text)
