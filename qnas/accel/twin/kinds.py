"""Every kind of block that the twin has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from qnas.accel.twin.block import Kind
from qnas.accel.twin.vectors.array import array
from qnas.accel.twin.vectors.engine import engine
from qnas.accel.twin.vectors.memories import buffer
from qnas.accel.twin.vectors.requantize import requantized

_LANES = ("dsp.sv", "delay.sv", "lanes.sv", "array.sv")

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind(
                "array",
                _LANES,
                ("tm", "tt", "tk", "lut_slots", "acc", "wx", "packed"),
                array,
                series7=True,
            ),
            Kind("buffer", ("bank.sv",), ("bits", "banks", "depth", "block"), buffer),
            Kind(
                "engine",
                (*_LANES, "bank.sv", "engine.sv"),
                (
                    *("tm", "tt", "tk", "lut_slots", "acc", "port", "beats", "rows", "pairs"),
                    "packed",
                ),
                engine,
                series7=True,
            ),
            Kind(
                "requantize",
                ("dsp.sv", "delay.sv", "requantize.sv"),
                ("lanes",),
                requantized,
                series7=True,
            ),
        )
    }
)
