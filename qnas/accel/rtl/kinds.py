"""The kinds of RTL blocks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from qnas.accel.rtl.block import Kind, Maker
from qnas.accel.rtl.vectors.array import array
from qnas.accel.rtl.vectors.engine import engine
from qnas.accel.rtl.vectors.gelu import gelu
from qnas.accel.rtl.vectors.memories import buffer
from qnas.accel.rtl.vectors.norm import norm_statistics, normalise
from qnas.accel.rtl.vectors.requantize import requantized
from qnas.accel.rtl.vectors.softmax import exponential, maximum, row_scales

_SCALED = ("dsp.sv", "delay.sv", "shift.sv", "lanes.sv", "tables.sv")
_LANES = ("dsp.sv", "delay.sv", "lanes.sv", "array.sv")


def _vector_unit(name: str, parameters: tuple[str, ...], vectors: Maker, *sources: str) -> Kind:
    """UltraScale+ alone: its multipliers are as wide as that DSP's ports."""
    return Kind(name, sources, parameters, vectors, families=("xcup",))


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
                (*_LANES, "bank.sv", "choose.sv", "engine.sv"),
                (
                    *("tm", "tt", "tk", "lut_slots", "acc", "port", "beats", "rows", "pairs"),
                    "packed",
                ),
                engine,
                series7=True,
            ),
            Kind(
                "requantize",
                ("dsp.sv", "delay.sv", "shift.sv", "requantize.sv"),
                ("lanes",),
                requantized,
                series7=True,
            ),
            _vector_unit("gelu", ("lanes", "port"), gelu, "bank.sv", "choose.sv", "gelu.sv"),
            _vector_unit("norm_statistics", ("lanes",), norm_statistics, *_SCALED, "norm.sv"),
            _vector_unit("normalise", ("lanes",), normalise, *_SCALED, "norm.sv"),
            _vector_unit("maximum", ("lanes", "score"), maximum, *_SCALED, "softmax.sv"),
            _vector_unit("exponential", ("lanes", "score"), exponential, *_SCALED, "softmax.sv"),
            _vector_unit("row_scale", ("width",), row_scales, *_SCALED, "softmax.sv"),
        )
    }
)
