"""What memories and FIFOs are bound to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

from qnas.accel.hls.lint.cpp import Function, Variable, functions, units
from qnas.accel.hls.lint.finding import Finding, Sources, at
from qnas.accel.hls.lint.scopes import dimensions, variable_of

# Arrays with fewer elements are partitioned into registers whatever they are bound to (UG1399,
# config_array_partition -complete_threshold).
FEWEST_ROWS = 4


def fifos_are_bound(sources: Sources) -> Iterator[Finding]:
    """A wide FIFO that is not told otherwise takes block RAM."""
    for function in functions(sources):
        bound = {
            pragma.names[0]
            for pragma in function.pragmas
            if pragma.kind == "BIND_STORAGE" and pragma.names and pragma.get("type") == "fifo"
        }
        for pragma in function.pragmas:
            if pragma.kind == "STREAM" and pragma.names and pragma.names[0] not in bound:
                yield at(pragma, "a FIFO must be bound: BIND_STORAGE type=fifo impl=..")


def registers_are_bound_to_no_ram(sources: Sources) -> Iterator[Finding]:
    """A bank of few rows becomes registers, which DEPENDENCE and ports say nothing of."""
    numbers = dict(constants(sources))
    for function in functions(sources):
        for pragma in function.pragmas:
            if pragma.kind == "BIND_STORAGE" and (pragma.get("type") or "").startswith("ram_"):
                variable = variable_of(function, pragma, pragma.names[0])
                rows = _rows(function, variable, sources, numbers) if variable else None
                if rows is None:
                    yield at(pragma, "a RAM's sizes must be constants of the plan")
                elif rows < FEWEST_ROWS:
                    yield at(pragma, f"a bank of {rows} rows is registers, no RAM")


def _rows(
    function: Function, variable: Variable, sources: Sources, numbers: dict[str, int]
) -> int | None:
    """Elements of a bank; None where a size is no known constant."""
    sizes = dimensions(variable, units(sources))
    cut = {
        int(pragma.get("dim") or 1)
        for pragma in function.pragmas
        if pragma.kind in ("ARRAY_PARTITION", "ARRAY_RESHAPE")
        and variable.name in pragma.names
        and (pragma.get("dim") or "1").isdigit()
    }
    whole = [size for dim, size in enumerate(sizes, start=1) if dim not in cut and 0 not in cut]
    found = [value(size, numbers) for size in whole]
    return prod(n for n in found if n is not None) if None not in found else None


def constants(sources: Sources) -> Iterator[tuple[str, int]]:
    """Integer constants of the plan, by their names."""
    for text in sources.values():
        for name, number in re.findall(r"constexpr int (\w+) = (\d+);", text):
            yield name, int(number)


def value(size: str, numbers: dict[str, int]) -> int | None:
    """A number, a constant's name, or a product of these."""
    factors = [factor.strip().rpartition("::")[2] for factor in size.split("*")]
    found = [int(f) if f.isdigit() else numbers.get(f) for f in factors]
    return prod(n for n in found if n is not None) if None not in found else None
