"""Kernels as designs to learn from: their features, structural estimates, and the shipped table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from qnas._util.cache import kept, user_cache
from qnas._util.serialization import decode, digest, write_json
from qnas.accel.calibration.designs import APART, Columns, Designs, Floats, Setup
from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.estimate import RESOURCES, Estimate
from qnas.accel.cost.prediction import CYCLES, Backend
from qnas.accel.cost.rtl_kernel import estimate_kernel, kernel_total
from qnas.accel.device import Device, load_device
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.kernel.cycles import cycles_of_first_pass, cycles_of_pass
from qnas.accel.rtl.kernel.grid import DIGITS, KERNELS, digits
from qnas.accel.rtl.kernel.package import is_series7
from qnas.accel.rtl.kernel.table import KernelRow, read_kernels

KERNEL_AMOUNTS = (*RESOURCES, *CYCLES)
MEASURED = "synthesized and simulated"  # stage of an RTL kernel


@dataclass(frozen=True, slots=True)
class KernelDesign:
    """One kernel as a design; amounts that were not measured are absent."""

    name: str
    group: str
    features: Mapping[str, float]
    estimated: Mapping[str, float]
    measured: Mapping[str, float]
    earlier: Mapping[str, float]


def kernel_name(plans: Sequence[HardwarePlan]) -> str:
    """Identifier of a kernel and of its first network: all that a plan is made of."""
    first = plans[0]
    placed = {buffer.name: buffer.storage for buffer in first.buffers}
    keys = [plan.architecture.key for plan in plans]
    # Of the networks that share a kernel only the first one's cycles are told.
    made_of = [keys[:1], sorted(keys[1:]), first.device, first.clock_mhz, first.folding, placed]
    return digest(made_of, length=16)


def kernel_features(plans: Sequence[HardwarePlan]) -> dict[str, float]:
    """Numbers that describe a kernel: folding, sizes of its networks, and DSPs.

    The batch is left out: what it adds is counted, and few of the known kernels have one.
    """
    plan, archs = plans[0], [plan.architecture for plan in plans]
    return {
        **{
            f.name: float(getattr(plan.folding, f.name))
            for f in fields(Folding)
            if f.name != "batch"
        },
        "activation_bits": float(plan.activation_bits),
        "embed_dim": float(max(arch.embed_dim for arch in archs)),
        "mlp_hidden": float(max(block.mlp_hidden for arch in archs for block in arch.blocks)),
        "heads": float(max(block.num_heads for arch in archs for block in arch.blocks)),
        "depth": float(max(len(arch.blocks) for arch in archs)),
        "tokens": float(archs[0].num_tokens),
        "networks": float(len(plans)),
        "series7": APART * is_series7(plan),
    }


def structural(
    plans: Sequence[HardwarePlan], estimated: Estimate, *, backend: Backend
) -> dict[str, float]:
    """The structural estimate of a back end's kernel by amount.

    Of the C++ it is the cost model's, `estimated`. Of the RTL it is counted unit by unit, and its
    cycles are those of its own pipelines.
    """
    if backend == "c++":
        resources, cycles = estimated.resources, {n: getattr(estimated, n) for n in CYCLES}
    else:
        resources = kernel_total(estimate_kernel(plans))
        own, first = cycles_of_pass(plans[0]), cycles_of_first_pass(plans[0])
        cycles = {"cycles": own, "cycles_first": first}
    amounts = {name: getattr(resources, name) for name in RESOURCES}
    return {name: float(value) for name, value in (amounts | cycles).items()}


def kernel_design(
    plans: Sequence[HardwarePlan],
    measured: Mapping[str, float],
    *,
    backend: Backend,
    estimated: Estimate | None = None,
    earlier: Mapping[str, float] | None = None,
) -> KernelDesign:
    """The kernel of `plans` as a design.

    Args:
        plans: Plans of one kernel; cycles are the first one's.
        measured: Measured amounts by name.
        backend: What was measured.
        estimated: The cost model's estimate; computed if it is not given.
        earlier: Amounts measured at an earlier stage of the flow.
    """
    return KernelDesign(
        kernel_name(plans),
        plans[0].architecture.key,
        kernel_features(plans),
        structural(plans, estimated or estimate(*plans), backend=backend),
        measured,
        earlier or {},
    )


def designs_of(kernels: Sequence[KernelDesign]) -> Designs:
    """The columns of kernels."""

    def columns(name: str, keys: Sequence[str]) -> dict[str, Floats]:
        tables = [getattr(kernel, name) for kernel in kernels]
        return {key: np.array([t.get(key, np.nan) for t in tables], float) for key in keys}

    known = [key for key in KERNEL_AMOUNTS if any(key in kernel.earlier for kernel in kernels)]
    return Designs(
        np.array([kernel.name for kernel in kernels], np.str_),
        np.array([kernel.group for kernel in kernels], np.str_),
        columns("features", list(kernels[0].features)),
        columns("estimated", KERNEL_AMOUNTS),
        columns("measured", KERNEL_AMOUNTS),
        columns("earlier", known),
    )


def has_table(device: Device) -> bool:
    """Whether the shipped table has kernels of the device's family."""
    return "ultrascale-plus" in device.series or device.part.lower().startswith("xc7")


@cache
def shipped_designs() -> tuple[Setup, Designs]:
    """The shipped table of kernels: what was synthesized, and cycles that were simulated."""
    tools = {row.tools for row in read_kernels() if row.synthesized}
    designs = decode(Columns, _columns_of_table(), subject="the cached table of kernels").designs()
    return Setup(", ".join(sorted(tools)), MEASURED), designs


def shipped_digest() -> str:
    """Digest of the shipped table and of the estimates that it corrects."""
    return digest(_columns_of_table())


@cache
def _columns_of_table() -> dict[str, Any]:
    """The designs of the shipped table, as data.

    Their plans and estimates are kept in the user's cache, since a command of a second needs them.
    """
    rows = read_kernels()

    def make(path: Path) -> None:
        write_json(path, Columns.of(table_designs(rows)))

    key = digest([sources_digest(Path(__file__).parents[1]), rows], length=16)
    content: dict[str, Any] = json.loads(kept(user_cache() / f"kernels-{key}.json", make))
    return content


def sources_digest(folder: Path) -> str:
    """Digest of the Python sources and the boards' files below `folder`, from which plans and
    estimates are made."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".toml"))
    return digest([path.read_text(encoding="utf-8") for path in files])


def table_designs(rows: Sequence[KernelRow]) -> Designs:
    """The measured kernels among the rows of the table."""
    found = []
    for row in rows:
        measured = measurement_of(row)
        if measured:
            plans = KERNELS[row.kernel].plans()
            own = [plans[row.network], *(p for i, p in enumerate(plans) if i != row.network)]
            found.append(kernel_design(own, measured, backend="rtl"))
    return designs_of(found)


def measurement_of(row: KernelRow) -> dict[str, float]:
    """The measured amounts of a row: resources stand in that of a kernel's first network."""
    found: dict[str, float] = {}
    if row.synthesized and row.network == 0:
        found |= {name: float(getattr(row, name)) for name in RESOURCES}
    if row.simulated:
        found |= {"cycles": float(row.cycles_next), "cycles_first": float(row.cycles_first)}
    return found


@cache
def model_version() -> str:
    """Digest of what this version makes of a small kernel: its plan and its estimates.

    It changes with the plan, with the cost model and with the RTL's structural estimate, after
    which measured kernels have to be fitted anew.
    """
    parts = []
    for board in ("zcu102", "pynq_z2"):
        plan = lower(digits(), load_device(board), DIGITS)
        parts.append([plan, estimate(plan), estimate_kernel([plan])])
    return digest(parts, length=16)
