"""Which blocks the shipped table holds: small ones across what the folding search uses. Resources
are linear in the lanes, so that blocks of a few lanes tell those of many."""

from __future__ import annotations

from collections.abc import Iterator

from qnas.accel.rtl.block import RtlBlock

ACC = 22


def grid() -> tuple[RtlBlock, ...]:
    """Every block of the table, cheap ones first."""
    return (*_buffers(), *_epilogues(), *_vector_units(), *_arrays(), *_engines())


def candidates() -> tuple[RtlBlock, ...]:
    """The grid, and larger blocks that still take but minutes: what may be measured next."""
    larger = [array(tm, tt, tk) for tm in (2, 4, 8) for tt in (2, 4, 6) for tk in (2, 4, 8, 16)]
    larger += [array(4, 4, tk, lut_slots=2) for tk in (4, 8)]
    for lanes in (8, 16):
        larger += [RtlBlock.of("requantize", lanes=lanes), RtlBlock.of("normalise", lanes=lanes)]
        larger += [
            RtlBlock.of("norm_statistics", lanes=lanes),
            RtlBlock.of("gelu", lanes=lanes, port=128),
        ]
        larger += [RtlBlock.of(kind, lanes=lanes, score=18) for kind in ("maximum", "exponential")]
    for bits, banks, depth in ((4, 64, 96), (6, 64, 64), (16, 32, 64), (8, 128, 128)):
        larger.append(RtlBlock.of("buffer", bits=bits, banks=banks, depth=depth, block=0))
    return tuple(dict.fromkeys((*grid(), *larger)))


def array(
    tm: int, tt: int, tk: int, *, lut_slots: int = 0, acc: int = ACC, wx: int = 6
) -> RtlBlock:
    """A multiplier array with packed DSPs."""
    return RtlBlock.of("array", tm=tm, tt=tt, tk=tk, lut_slots=lut_slots, acc=acc, wx=wx, packed=1)


def _arrays() -> Iterator[RtlBlock]:
    for tk in (1, 2, 4, 8, 16):
        yield array(2, min(2, tk), tk)
        yield array(2, 1, tk, lut_slots=2)
    for tm, tt, tk in ((4, 2, 4), (2, 4, 4), (4, 4, 4), (4, 3, 4), (6, 2, 4), (4, 4, 8)):
        yield array(tm, tt, tk)
    for acc in (16, 19, 26):
        yield array(2, 2, 4, acc=acc)
    for tm, tt, tk, slots in ((4, 2, 2, 4), (4, 2, 4, 2), (4, 3, 2, 2), (6, 2, 2, 4)):
        yield array(tm, tt, tk, lut_slots=slots)
    for wx in (5, 7, 8):
        yield array(2, 1, 4, lut_slots=2, wx=wx)
    for tm, tt, tk, slots in ((2, 1, 4, 0), (2, 2, 4, 0), (2, 2, 4, 2), (4, 2, 2, 2), (2, 1, 8, 0)):
        shape = {"tm": tm, "tt": tt, "tk": tk, "lut_slots": slots}
        yield RtlBlock.of("array", "xc7", **shape, acc=ACC, wx=6, packed=0)


def _buffers() -> Iterator[RtlBlock]:
    for bits, banks, depth in ((4, 4, 16), (6, 4, 32), (6, 2, 64), (8, 2, 64), (16, 2, 64)):
        yield RtlBlock.of("buffer", bits=bits, banks=banks, depth=depth, block=0)
    for bits, banks, depth in ((64, 1, 32), (6, 2, 128), (51, 1, 64), (18, 1, 64), (4, 4, 96)):
        yield RtlBlock.of("buffer", bits=bits, banks=banks, depth=depth, block=0)
    for bits, banks, depth in ((4, 2, 256), (6, 2, 512), (16, 2, 1024), (8, 1, 2048), (36, 1, 512)):
        yield RtlBlock.of("buffer", bits=bits, banks=banks, depth=depth, block=1)
    for bits, depth in ((72, 600), (54, 192), (15, 256)):
        yield RtlBlock.of("buffer", bits=bits, banks=1, depth=depth, block=1)
    for bits, depth, block in ((6, 64, 0), (6, 1024, 1)):
        yield RtlBlock.of("buffer", "xc7", bits=bits, banks=2, depth=depth, block=block)


def _epilogues() -> Iterator[RtlBlock]:
    for lanes in (1, 2, 4):
        yield RtlBlock.of("requantize", lanes=lanes)
    yield RtlBlock.of("requantize", "xc7", lanes=1)


def _vector_units() -> Iterator[RtlBlock]:
    for lanes, port in ((1, 64), (1, 128), (2, 128)):
        yield RtlBlock.of("gelu", lanes=lanes, port=port)
    for lanes in (1, 2, 4):
        yield RtlBlock.of("norm_statistics", lanes=lanes)
        yield RtlBlock.of("normalise", lanes=lanes)
    for lanes, score in ((1, 18), (2, 18), (4, 18), (2, 20)):
        yield RtlBlock.of("exponential", lanes=lanes, score=score)
    for lanes, score in ((1, 18), (2, 20), (4, 18)):
        yield RtlBlock.of("maximum", lanes=lanes, score=score)
    yield RtlBlock.of("row_scale", width=17)


def engine(
    tm: int, tt: int, tk: int, *, port: int = 128, pairs: int = 1, slots: int = 0
) -> RtlBlock:
    """A GEMM engine with small memories, fed and drained by its bench."""
    sizes = {"tm": tm, "tt": tt, "tk": tk, "lut_slots": slots, "pairs": pairs}
    return RtlBlock.of("engine", **sizes, acc=ACC, port=port, beats=8, rows=64, packed=1)


def _engines() -> Iterator[RtlBlock]:
    for tm, tt, tk in ((2, 1, 1), (2, 2, 4), (4, 2, 4), (4, 3, 4), (4, 4, 4), (2, 2, 8)):
        yield engine(tm, tt, tk)
    yield engine(4, 2, 4, port=64)
    yield engine(4, 2, 4, pairs=2)
    yield engine(4, 2, 4, slots=2)
