"""Hypothesis strategies for architectures and foldings, and one tiny case worked by hand."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from qnas.accel.device import Device, load_device
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.multi_network import ALIKE
from qnas.architecture import ACTIVATION_BITS, Architecture, BlockSpec, W8Shares

PORT_BITS = 128
WEIGHT_PORTS = (1, 2, 4)  # of a ZCU102


def zcu102() -> Device:
    return load_device("zcu102")


def tiny() -> Architecture:
    """4x4 images in 2x2 patches: 5 tokens, 8 channels, one head of 4, hidden 12, half 8-bit."""
    block = BlockSpec(num_heads=1, mlp_hidden=12, w8=W8Shares(4, 4, 4, 4))
    return Architecture(
        image_size=4,
        patch_size=2,
        in_channels=1,
        num_classes=3,
        embed_dim=8,
        head_dim=4,
        blocks=(block,),
    )


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    share = st.integers(0, 8)
    patch = draw(st.sampled_from((1, 2, 4)))
    block = st.builds(
        BlockSpec,
        num_heads=st.integers(1, 4),
        mlp_hidden=st.integers(1, 160),
        w8=st.builds(W8Shares, share, share, share, share),
    )
    return Architecture(
        image_size=patch * draw(st.integers(1, 5)),
        patch_size=patch,
        in_channels=draw(st.integers(1, 3)),
        num_classes=draw(st.integers(1, 20)),
        embed_dim=draw(st.integers(1, 96)),
        head_dim=draw(st.integers(1, 20)),
        blocks=tuple(draw(st.lists(block, min_size=1, max_size=3))),
        stem_w8=draw(share),
        head_w8=draw(share),
        activation_bits=draw(st.sampled_from(ACTIVATION_BITS)),
        register_tokens=draw(st.integers(0, 3)),
    )


def alike(arch: Architecture, first: Architecture) -> Architecture:
    """`arch` with what networks that share a kernel with `first` have of it."""
    return replace(arch, **{name: getattr(first, name) for name in ALIKE})


@st.composite
def foldings(draw: st.DrawFn) -> Folding:
    tm = 2 * draw(st.integers(1, 16))
    tk = 2 ** draw(st.integers(0, 6))
    tt = draw(st.integers(1, tk))
    vl = min(tk, 2 ** draw(st.integers(0, 4)))
    pairs = draw(st.sampled_from(drain_widths(tm, tt, vl)))
    return Folding(
        tm=tm,
        tt=tt,
        tk=tk,
        vl=vl,
        lut_slots=2 * draw(st.integers(0, tm // 2)),
        drain_pairs=pairs,
        head_buffers=draw(st.sampled_from((1, 2))),
        weight_ports=draw(st.sampled_from(WEIGHT_PORTS)),
        lut_tokens=draw(st.integers(0, tt)),
        score_pairs=draw(st.sampled_from([p for p in drain_widths(tm, vl, vl) if p >= pairs])),
        load_pairs=draw(st.sampled_from(drain_widths(tm, tm, tm))),
        batch=draw(st.sampled_from((1, 1, 1, 2, 3))),
    )


def drain_widths(tm: int, tt: int, vl: int) -> list[int]:
    """Values of `drain_pairs` that these lanes allow."""
    return [p for p in (1, 2, 4, 8) if p <= min(tt, vl) and tm % (2 * p) == 0]
