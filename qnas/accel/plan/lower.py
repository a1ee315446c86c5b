"""lower(architecture, device, folding) -> HardwarePlan: operations become stages with addresses.

Activation memory has `tt` x `tk` banks. Element (token, channel) of a tensor with base row `base`
and `stride` bank rows for each token group lies in bank (token % tt, channel % tk), row
base + (token // tt) * stride + channel // tk. A tensor with a head axis repeats this layout for
each head, `group_stride` rows apart. Key memory has `tk` banks: element (token, channel) lies in
bank (token + channel) % tk, row base + token * stride + channel // tk. One cycle reads TK channels
of one key, or writes one channel of TT keys. Scores and the residual stream are turned likewise
(memory.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from qnas._util.units import ceil_div
from qnas.accel.device import Device
from qnas.accel.plan.depths import loop_depths
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.loops import Trips, gemm_shape, step_trips, stream_words
from qnas.accel.plan.memory import (
    Array,
    Region,
    accumulator_bits,
    activation_map,
    plan_arrays,
    score_bits,
)
from qnas.accel.plan.multipliers import packing, plan_multipliers
from qnas.accel.plan.placement import Placement, check_placement, storage_of
from qnas.accel.plan.plan import Buffer, HardwarePlan, Loop, Port, Stage
from qnas.accel.plan.ports import check_weight_ports, plan_ports
from qnas.accel.plan.schedule import buffer_index, schedule
from qnas.architecture import Architecture
from qnas.errors import CapacityError, problem
from qnas.numerics import MAX_KEYS, NIBBLE_MAX, act_max
from qnas.operations import (
    Gemm,
    LayerNorm,
    LoadPatches,
    Operation,
    Softmax,
    Tensor,
)

MAX_ROWS = 1 << 12  # row field of a row parameter
MAX_CHANNELS = 1023  # LayerNorm's widths are proven up to here

# Fields that a stage does not use are 0 or an empty name.
UNUSED: Mapping[str, object] = {
    field.name: 0 if field.type in (int, "int") else "" for field in fields(Stage)
}

Regions = Mapping[Tensor, Region]


def lower(
    arch: Architecture,
    device: Device,
    folding: Folding,
    *,
    placement: Placement | None = None,
    share_with: Sequence[Architecture] = (),
) -> HardwarePlan:
    """Make the plan of `arch` under `folding`. The function is pure.

    Args:
        arch: The network.
        device: The target device.
        folding: The parallelism, with scalar fields.
        placement: Kinds of memory of buffers that do not follow the rule of depth (PLAN.md,
            section 4).
        share_with: Other networks of the same kernel. Buffers and widths are made large enough
            for all of them; stages and the number of words of each port are those of `arch`.

    Returns:
        The plan. Whether it fits the device is decided by the cost model.

    Raises:
        ConfigError: The folding or the placement breaks its rules or exceeds the device's ports.
        CapacityError: The number formats of NUMERICS.md cannot hold the network.
    """
    folding.check()
    check_weight_ports(folding, device)
    check_formats(arch)
    placement = placement or {}
    check_placement(placement, device)
    everyone = (arch, *share_with)
    regions, _ = activation_map(arch, folding)
    depths = loop_depths(arch, device, folding)
    stages = tuple(
        replace(
            _stage(op, folding, regions, device.port_bits),
            step=step,
            half=buffer_index(op, folding.head_buffers),
            loops=tuple(_loop(one, depths) for one in trips),
        )
        for step, operations in enumerate(schedule(arch, folding.head_buffers))
        for op, trips in zip(
            operations, step_trips(operations, folding, device.port_bits), strict=True
        )
    )
    return HardwarePlan(
        architecture=arch,
        device=device.name,
        clock_mhz=device.clock_mhz,
        folding=folding,
        stages=stages,
        buffers=tuple(
            _buffer(a, placement) for a in plan_arrays(everyone, folding, device.port_bits)
        ),
        multipliers=plan_multipliers(arch, device, folding),
        ports=_ports(arch, folding, stages, device.port_bits),
        dsp_wide_bits=device.dsp_wide_bits,
        dsp_narrow_bits=device.dsp_narrow_bits,
        packing=packing(device, arch.activation_bits),
        activation_bits=arch.activation_bits,
        accumulator_bits=max(accumulator_bits(one) for one in everyone),
        score_bits=score_bits(arch),
    )


def max_inner(activation_bits: int) -> int:
    """Largest number of inputs for which the sum of a row of two nibbles stays below 2**26."""
    return (1 << 26) // (NIBBLE_MAX * act_max(activation_bits))


def check_formats(arch: Architecture) -> None:
    """Check the dimensions against the limits that NUMERICS.md proves its formats for.

    Raises:
        CapacityError: A dimension exceeds its limit.
    """
    rows = max(arch.embed_dim, *(b.mlp_hidden for b in arch.blocks), arch.num_classes)
    rows = max(rows, *(arch.attention_dim(i) for i in range(arch.depth)))
    limits = [
        ("num_tokens", arch.num_tokens, MAX_KEYS, "Use larger patches or smaller images."),
        ("embed_dim", arch.embed_dim, MAX_CHANNELS, "Use a narrower network."),
        ("rows of a matrix", rows, MAX_ROWS, "Use a narrower network."),
        ("patch_dim", arch.patch_dim, max_inner(arch.activation_bits), "Use smaller patches."),
    ]
    for name, value, limit, remedy in limits:
        if value > limit:
            raise CapacityError(problem(name, f"must be at most {limit}", value, remedy))


def _loop(trips: Trips, depths: Mapping[str, Any]) -> Loop:
    return Loop(
        trips.name,
        trips=int(trips.trips),
        entries=int(trips.entries),
        depth=int(depths[trips.name]),
        hidden=int(trips.hidden),
    )


def _stage(op: Operation, folding: Folding, regions: Regions, port_bits: int) -> Stage:
    words = int(stream_words(op, folding, port_bits))
    entry = {**UNUSED, "name": op.name, "dst": str(op.dst), "loops": (), "stream_words": words}
    if isinstance(op, Gemm):
        entry |= _gemm_fields(op, folding, regions, port_bits)
    elif isinstance(op, Softmax):
        entry |= {"kind": "softmax", "tokens": op.queries, "inner": op.keys, "head": op.head}
    elif isinstance(op, LayerNorm):
        entry |= {"kind": "layer_norm", "tokens": op.tokens, "rows": op.channels}
        entry |= _destination(op.dst, regions, op.channels, folding)
    elif isinstance(op, LoadPatches):
        entry |= {"kind": "load_patches", "tokens": op.tokens, "rows": op.channels}
        entry |= _destination(op.dst, regions, op.channels, folding)
    else:
        entry |= {"kind": "load_residual", "tokens": op.tokens, "rows": op.channels}
    return Stage(**entry)  # type: ignore[arg-type]


def _gemm_fields(
    op: Gemm, folding: Folding, regions: Regions, port_bits: int
) -> dict[str, int | str]:
    shape = gemm_shape(op, folding, port_bits)
    src = regions[op.right]
    entry: dict[str, int | str] = {
        "kind": "gemm",
        "left": str(op.left),
        "right": str(op.right),
        "epilogue": str(op.epilogue),
        "rows": op.rows,
        "slots": op.slots,
        "tokens": op.tokens,
        "inner": op.inner,
        "head": op.head,
        "token_offset": op.token_offset,
        "row_tiles": int(shape.row_tiles),
        "token_tiles": int(shape.token_tiles),
        "beats": int(shape.beats),
        "drain_steps": int(shape.drain_steps),
        "tile_steps": int(shape.tile_steps),
        "load_steps": int(shape.load_steps),
        "param_steps": int(shape.param_steps),
        "w8_rows": int(shape.w8_rows),
        "w8_more": int(shape.w8_more),
        "src_base": int(src.base + op.head * src.group_stride),
        "src_stride": int(ceil_div(op.inner, folding.tk)),
    }
    if op.left is Tensor.KEY:
        key = regions[Tensor.KEY]
        entry |= {
            "left_base": int(key.base + op.head * key.group_stride),
            "left_stride": int(ceil_div(op.inner, folding.tk)),
        }
    elif op.left is Tensor.PROBS:
        entry |= {"left_stride": ceil_div(op.inner, folding.tk)}
    return entry | _destination(op.dst, regions, op.dst_channels, folding)


def _destination(
    dst: Tensor, regions: Regions, channels: int, folding: Folding
) -> dict[str, int | str]:
    """Fields of a stage's destination in activation or key memory; empty for other tensors."""
    if dst not in regions:
        return {}
    region = regions[dst]
    stride = ceil_div(channels, folding.tk) if region.stride is None else region.stride
    return {
        "dst_base": int(region.base),
        "dst_stride": int(stride),
        "dst_group_stride": int(region.group_stride),
    }


def _buffer(array: Array, placement: Placement) -> Buffer:
    storage = storage_of(array, placement)
    bits, banks = array.shape_in(storage)
    return Buffer(array.name, int(bits), int(banks), int(array.depth), storage)


def _ports(
    arch: Architecture, folding: Folding, stages: tuple[Stage, ...], port_bits: int
) -> tuple[Port, ...]:
    words = sum(stage.stream_words for stage in stages)
    ports = plan_ports(arch, folding, weight_words=words, port_bits=port_bits)
    return tuple(replace(port, words=int(port.words)) for port in ports)
