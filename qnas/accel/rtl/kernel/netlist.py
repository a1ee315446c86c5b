"""A mapped netlist of Yosys (`write_json`): cells by unit, and paths between registers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

Modules = Mapping[str, Any]
Net = tuple[int, int | str]  # an instance of a module, and a net in it

# What a signal passes on its way from register to register, and how many LUTs that counts as.
LUTS = re.compile(r"LUT[1-6](_2)?|INV")
PASSED = re.compile(r"MUXF[789]|CARRY[48]|BUFG?|XORCY|MUXCY")
ASYNC_READ = re.compile(r"RAM(32|64|128|256|512)")  # a LUT that is read: address to data
WRITE_PINS = re.compile(r"D.*|ADDRD|WE|WCLK|.*CLK")


def base_name(module: str) -> str:
    """`fifo` of `$paramod$1a2b\\fifo`."""
    if module.startswith("$paramod\\"):
        return module.split("\\")[1]
    return module.split("\\")[-1]


def instances(
    modules: Modules, top: str, groups: Mapping[str, str] = MappingProxyType({})
) -> dict[str, tuple[int, Counter[str], int]]:
    """(instances, cells, LUTs where small functions share one) of each unit.

    A memory's name is that of its buffer or queue; units in `groups` are counted under its name.
    """
    count: Counter[str] = Counter()
    paired: Counter[str] = Counter()
    cells: dict[str, Counter[str]] = defaultdict(Counter)
    for unit, module in _walk(modules, top, base_name(top)):
        name = groups.get(unit, unit)
        count[name] += 1
        paired[name] += modules[module]["paired"]
        kinds = (cell["type"] for cell in modules[module]["cells"].values())
        cells[name].update(kind for kind in kinds if kind not in modules)
    return {name: (count[name], cells[name], paired[name]) for name in count}


def _walk(modules: Modules, module: str, name: str) -> Iterator[tuple[str, str]]:
    """Each instance of a module: the name of its unit, and the module."""
    yield name, module
    for instance, cell in modules[module]["cells"].items():
        if cell["type"] in modules:
            inside = base_name(cell["type"])
            if inside == "ram":  # `act_memory.bank[3].cells`: the memory's name
                own = instance.split(".")[0]
                inside = f"memory {own if own != 'cells' else name}"
            yield from _walk(modules, cell["type"], inside)


def unit_levels(modules: Modules, top: str, groups: Mapping[str, str]) -> dict[str, int]:
    """LUTs on the longest path inside each unit, from and to registers, ports and other units."""
    of_module: dict[str, int] = {}
    found: Counter[str] = Counter()
    for unit, module in _walk(modules, top, base_name(top)):
        if module not in of_module:
            own = {**modules[module], "cells": dict(_own_cells(modules, module))}
            of_module[module] = levels({module: own}, module)[0]
        name = groups.get(unit, unit)
        found[name] = max(found[name], of_module[module])
    return dict(found)


def _own_cells(modules: Modules, module: str) -> Iterator[tuple[str, Any]]:
    cells: Mapping[str, Any] = modules[module]["cells"]
    return ((name, cell) for name, cell in cells.items() if cell["type"] not in modules)


def levels(modules: Modules, top: str) -> tuple[int, tuple[str, ...]]:
    """LUTs on the longest path between registers, memories and DSPs, and the path's cells."""
    graph = _Graph(modules)
    graph.add(top, "", {})
    return graph.longest()


class _Graph:
    """Combinational cells of a netlist, flattened: of each its inputs, outputs and LUTs."""

    def __init__(self, modules: Modules) -> None:
        self._modules, self._count = modules, 0
        self._names: list[tuple[str, int]] = []  # name, LUTs
        self._inputs: list[list[Net]] = []
        self._driver: dict[Net, int] = {}

    def add(self, module: str, path: str, outside: Mapping[int, Net]) -> None:
        """An instance of `module`; `outside` are the nets of its ports in what it lies in."""
        own, self._count = self._count, self._count + 1
        constants = {"0", "1", "x", "z"}

        def net(bit: int | str) -> Net | None:
            if bit in constants:
                return None
            return outside.get(bit, (own, bit)) if isinstance(bit, int) else None

        for name, cell in self._modules[module]["cells"].items():
            kind = cell["type"]
            if kind in self._modules:
                ports = self._modules[kind]["ports"]
                nets: dict[int, Net] = {}
                for port, bits in cell["connections"].items():
                    for inner, bit in zip(ports[port]["bits"], bits, strict=False):
                        found = net(bit)
                        if isinstance(inner, int) and found is not None:
                            nets[inner] = found
                self.add(kind, f"{path}{name}.", nets)
            elif LUTS.fullmatch(kind) or PASSED.match(kind) or ASYNC_READ.match(kind):
                self._cell(f"{path}{name} ({kind})", kind, cell, net)

    def _cell(self, name: str, kind: str, cell: Mapping[str, Any], net: Any) -> None:
        index, reads = len(self._names), bool(ASYNC_READ.match(kind))
        self._names.append((name, 0 if PASSED.match(kind) else 1))
        inputs: list[Net] = []
        for port, bits in cell["connections"].items():
            ways = cell["port_directions"].get(port)
            for found in filter(None, map(net, bits)):
                if ways == "output":
                    self._driver[found] = index
                elif not (reads and WRITE_PINS.fullmatch(port)):
                    inputs.append(found)
        self._inputs.append(inputs)

    def longest(self) -> tuple[int, tuple[str, ...]]:
        """Depth first; a ring, which no register breaks, ends where it closes."""
        depth: dict[int, int] = {}
        last: dict[int, int] = {}  # the cell before, on the longest path to each
        for root in range(len(self._names)):
            stack, entered = [root], set()
            while stack:
                index = stack[-1]
                sources = {self._driver[n] for n in self._inputs[index] if n in self._driver}
                if index not in depth and index not in entered:
                    entered.add(index)
                    stack.extend(sources - depth.keys() - entered)
                    continue
                stack.pop()
                done = [s for s in sources if s in depth]
                if index not in depth:
                    depth[index] = self._names[index][1] + max((depth[s] for s in done), default=0)
                    if done:
                        last[index] = max(done, key=depth.__getitem__)
        if not depth:
            return 0, ()
        end = max(depth, key=depth.__getitem__)
        path = [end]
        while path[-1] in last:
            path.append(last[path[-1]])
        return depth[end], tuple(self._names[index][0] for index in reversed(path))
