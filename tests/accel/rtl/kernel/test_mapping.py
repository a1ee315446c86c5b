"""Units of a kernel as they are written for mapping: without what differs between kernels."""

from __future__ import annotations

import json
from typing import Any

from qnas.accel.rtl.kernel.mapping import Unit, batches, unit_of
from qnas.accel.rtl.kernel.synthesize import assembled


def fifo(first: int, number: int) -> dict[str, Any]:
    """A queue as Yosys writes it, its nets numbered from `first`, its cells by `number`."""
    nets = [[first], [first + 1], [first + 2]]
    return {
        "attributes": {"src": f"fifo.sv:{number}"},
        "ports": {
            "d": {"direction": "input", "bits": nets[0]},
            "q": {"direction": "output", "bits": nets[2]},
        },
        "cells": {
            f"$not$fifo.sv:7${number}": {
                "type": "$not",
                "parameters": {"Y_WIDTH": "01"},
                "attributes": {"src": "fifo.sv:7"},
                "port_directions": {"A": "input", "Y": "output"},
                "connections": {"A": nets[0], "Y": nets[1]},
            },
            "cells": {
                "type": "ram",
                "parameters": {},
                "attributes": {},
                "port_directions": {"a": "input", "q": "output"},
                "connections": {"a": nets[1], "q": nets[2]},
            },
        },
        "netnames": {"unused": {"bits": nets[1], "attributes": {}}},
    }


RAM: dict[str, Any] = {
    "attributes": {},
    "ports": {
        "a": {"direction": "input", "bits": [2]},
        "q": {"direction": "output", "bits": [3]},
    },
    "cells": {
        "$read$9": {
            "type": "$memrd",
            "parameters": {"MEMID": "\\content"},
            "attributes": {},
            "connections": {"ADDR": [2], "DATA": [3]},
        }
    },
    "netnames": {},
    "memories": {"content": {"width": 1, "size": 2, "attributes": {"src": "x", "ram_style": "b"}}},
}


def test_equal_units_of_two_kernels_are_mapped_once() -> None:
    one = unit_of({"ram": RAM, "a": fifo(2, 17)}, "a")
    other = unit_of({"ram": RAM, "b": fifo(90, 4711)}, "b")
    assert one.name == other.name and one.text == other.text
    changed = fifo(2, 17)
    changed["cells"]["$not$fifo.sv:7$17"]["type"] = "$logic_not"
    assert unit_of({"ram": RAM, "a": changed}, "a").name != one.name


def test_a_unit_keeps_its_memory_and_its_boxes() -> None:
    text = json.loads(unit_of({"ram": RAM}, "ram").text)
    (module,) = text["modules"].values()
    assert module["memories"] == {"m0": {"width": 1, "size": 2, "attributes": {"ram_style": "b"}}}
    assert module["cells"]["c0"]["parameters"]["MEMID"] == "\\m0"
    boxed = json.loads(unit_of({"ram": RAM, "a": fifo(2, 1)}, "a").text)["modules"]
    (box,) = (name for name in boxed if name.startswith("box_"))
    assert "blackbox" in boxed[box]["attributes"]


def test_mapped_units_are_put_back_where_they_were() -> None:
    modules = {"ram": RAM, "a": fifo(2, 1)}
    mapped = {
        "ram": {"ports": RAM["ports"], "cells": {"x": {"type": "RAM32M"}}, "paired": 4},
        "a": {
            "ports": {},
            "cells": {"cells": {"type": "box_1"}, "l": {"type": "INV"}},
            "paired": 1,
        },
    }
    found = assembled(modules, mapped)
    assert found["a"]["cells"]["cells"]["type"] == "ram"
    assert found["a"]["cells"]["l"]["type"] == "INV" and found["ram"]["paired"] == 4


def test_a_batch_holds_small_units_or_one_large_one() -> None:
    units = [Unit(str(n), "", "unit", cells) for n, cells in enumerate((300, 200, 200, 5000, 10))]
    assert [[u.cells for u in group] for group in batches(units)] == [
        [300, 200],
        [200],
        [5000],
        [10],
    ]
