"""Delays of operators by device family: `delays.toml`, with the source of every number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from qnas._util.serialization import Value, decode
from qnas.accel.device import Device
from qnas.accel.plan.depths import UNCERTAINTY

# The table of a family: of the first word that its name holds.
TABLES = {
    "ultrascale-plus": "ultrascale-plus",
    "ultrascale": "ultrascale",
    "versal": "versal",
    "-7": "7-series",
}
CYCLES = ("dsp_cycles", "bram_cycles", "lutram_cycles", "uram_cycles")


@dataclass(frozen=True, slots=True)
class Delays(Value):
    """Picoseconds of each operator, and clock cycles where a name says so; see `delays.toml`."""

    add: int
    add_per_16_bits: int
    compare: int
    compare_per_16_bits: int
    compare_most: int
    select: int
    logic: int
    shift_level: int
    multiply_level: int
    carry: int
    dsp_cycles: int
    dsp: int
    bram_cycles: int
    bram: int
    lutram_cycles: int
    lutram: int
    uram_cycles: int
    uram: int
    rom: int
    fifo: int
    index_level: int

    def arguments(self, clock_mhz: float, device: Device) -> list[str]:
        """As the instrumented program takes them, with the period that is left for operators and
        the widths that a DSP of `device` multiplies."""
        period = round(1e6 / clock_mhz * (1 - UNCERTAINTY))
        own = (getattr(self, name) for name in self.__slots__)
        return [str(x) for x in (period, *own, device.dsp_wide_bits, device.dsp_narrow_bits)]


@cache
def _table() -> dict[str, dict[str, Any]]:
    import tomllib

    text = resources.files("qnas.accel.hls.analysis").joinpath("delays.toml").read_text("utf-8")
    return tomllib.loads(text)


def delays_of(device: Device) -> Delays:
    """Of a device's family and speed grade."""
    table = next(name for word, name in TABLES.items() if word in device.series)
    values = dict(_table()[table])
    grade = re.search(r"-(\d[A-Z]*)-|-(\d)$", device.part)
    factor = values.pop("grades").get((grade[1] or grade[2]) if grade else "", 1.0)
    scaled = {k: v if k in CYCLES else round(v * factor) for k, v in values.items()}
    return decode(Delays, scaled, subject=f"delays of {table}")
