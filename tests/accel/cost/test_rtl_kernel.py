"""The structural estimate of kernels as RTL, held against the table that comes with the package."""

from __future__ import annotations

from statistics import mean

from qnas.accel.cost.rtl_kernel import estimate_kernel, kernel_total
from qnas.accel.rtl.kernel.grid import KERNELS
from qnas.accel.rtl.kernel.table import KernelRow, read_kernels, read_units

SYNTHESIZED = [row for row in read_kernels() if row.synthesized and row.network == 0]


def error(row: KernelRow, resource: str) -> float:
    found = getattr(kernel_total(estimate_kernel(KERNELS[row.kernel].plans())), resource)
    return float(found / getattr(row, resource) - 1)


def test_the_estimate_is_within_two_percent_and_blocks_are_exact() -> None:
    assert SYNTHESIZED
    for resource in ("lut", "ff"):
        errors = [abs(error(row, resource)) for row in SYNTHESIZED]
        assert max(errors) < 0.02 and mean(errors) < 0.005
    for row in SYNTHESIZED:
        assert error(row, "dsp") == error(row, "bram18") == 0


def test_units_add_up_to_their_kernel_and_are_those_of_the_estimate() -> None:
    units = read_units()
    for row in SYNTHESIZED:
        own = [unit.counts for unit in units if unit.kernel == row.kernel]
        for resource in ("lut", "ff", "dsp", "bram18", "uram"):
            assert sum(getattr(c, resource) for c in own) == getattr(row, resource)
        estimated = {unit.unit for unit in estimate_kernel(KERNELS[row.kernel].plans())}
        assert {c.unit for c in own} <= estimated | {"square27", "sum_tree", "max_tree"}
