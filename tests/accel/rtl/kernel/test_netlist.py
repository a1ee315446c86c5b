"""Cells by unit and paths between registers, of a netlist made by hand."""

from __future__ import annotations

from typing import Any

from qnas.accel.rtl.kernel.netlist import base_name, instances, levels, unit_levels


def cell(kind: str, inputs: dict[str, list[int]], outputs: dict[str, list[int]]) -> dict[str, Any]:
    ways = {**dict.fromkeys(inputs, "input"), **dict.fromkeys(outputs, "output")}
    return {"type": kind, "connections": {**inputs, **outputs}, "port_directions": ways}


UNIT = "$paramod$12ab\\fifo"
# Two LUTs and a carry chain from the register to the output, and a memory's cell of its own.
FIFO = {
    "paired": 2,
    "ports": {"d": {"bits": [2]}, "q": {"bits": [6]}},
    "cells": {
        "one": cell("LUT4", {"I0": [2], "I1": [3]}, {"O": [4]}),
        "chain": cell("CARRY4", {"S": [4]}, {"O": [5]}),
        "two": cell("LUT2", {"I0": [5]}, {"O": [6]}),
        "held": cell("FDRE", {"D": [6]}, {"Q": [3]}),
    },
}
TOP = {
    "paired": 1,
    "ports": {},
    "cells": {
        "first": cell(UNIT, {"d": [10]}, {"q": [11]}),
        "second": cell(UNIT, {"d": [11]}, {"q": [12]}),
        "last": cell("INV", {"I": [12]}, {"O": [13]}),
        "memory.bank[0].cells": cell("ram", {"a": [13]}, {"q": [10]}),
    },
}
RAM = {
    "paired": 0,
    "ports": {"a": {"bits": [2]}, "q": {"bits": [3]}},
    "cells": {"bits": cell("RAM32M", {"ADDRA": [2], "ADDRD": [7]}, {"DOA": [3]})},
}
MODULES = {"top": TOP, UNIT: FIFO, "ram": RAM}


def test_units_are_counted_with_their_instances() -> None:
    found = instances(MODULES, "top")
    assert {name: (count, paired) for name, (count, _, paired) in found.items()} == {
        "top": (1, 1),
        "fifo": (2, 4),
        "memory memory": (1, 0),
    }
    assert found["fifo"][1] == {"LUT4": 2, "LUT2": 2, "CARRY4": 2, "FDRE": 2}
    grouped = instances(MODULES, "top", {"fifo": "queues"})
    assert grouped["queues"] == found["fifo"]
    assert base_name("$paramod\\axi_writer\\MOST_BEATS=s32'1") == "axi_writer"


def test_the_longest_path_crosses_units_and_counts_luts_alone() -> None:
    without = {**MODULES, "top": {**TOP, "cells": {**TOP["cells"]}}}
    without["top"]["cells"].pop("memory.bank[0].cells")
    count, path = levels(without, "top")
    assert count == 5  # two in each queue, and the inverter
    assert path[0].startswith("first.one") and path[-1].startswith("last")
    assert sum("CARRY4" in name for name in path) == 2


def test_a_ring_of_cells_has_an_end() -> None:
    count, _ = levels(MODULES, "top")  # the memory's asynchronous read closes it
    assert count >= 5


def test_levels_inside_a_unit_end_at_its_borders() -> None:
    found = unit_levels(MODULES, "top", {"fifo": "queues"})
    assert found == {"top": 1, "queues": 2, "memory memory": 1}
