"""Families of devices, by their names in data sheets and in the tools."""

from __future__ import annotations

import re
from typing import Literal, get_args

from qnas.errors import ConfigError, nearest, problem

Family = Literal[
    "spartan-7",
    "artix-7",
    "kintex-7",
    "virtex-7",
    "zynq-7000",
    "kintex-ultrascale",
    "virtex-ultrascale",
    "ultrascale-plus",
    "spartan-ultrascale-plus",
    "artix-ultrascale-plus",
    "kintex-ultrascale-plus",
    "virtex-ultrascale-plus",
    "virtex-ultrascale-plus-hbm",
    "zynq-ultrascale-plus",
    "zynq-ultrascale-plus-rfsoc",
    "versal",
    "versal-ai-core",
    "versal-ai-edge",
    "versal-hbm",
    "versal-premium",
    "versal-prime",
    "versal-rf",
]
FAMILIES: tuple[Family, ...] = get_args(Family)
BRACKETS = re.compile(r"\s*\(.*\)\s*")


def family_of(text: str) -> Family:
    """Return the family that `text` names, in the spelling of FAMILIES.

    `zynquplus` and `Zynq UltraScale+` are `zynq-ultrascale-plus`; text in brackets is ignored.

    Raises:
        ConfigError: The family is unknown.
    """
    key = _key(BRACKETS.sub("", text))
    found = _BY_KEY.get(key) or _BY_KEY.get(key.removesuffix("mpsoc"))
    if found is None:
        rule, remedy = "must be a known family of AMD's devices", nearest(text.lower(), FAMILIES)
        raise ConfigError(problem("family", rule, repr(text), remedy))
    return found


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("+", "plus"))


def _keys() -> dict[str, Family]:
    """Every spelling: `zynquplus` is Vivado's; `a` (automotive) or `q` (defence) may precede it."""
    found: dict[str, Family] = {"zynq": "zynq-7000", "azynq": "zynq-7000", "qzynq": "zynq-7000"}
    for family in FAMILIES:
        own = _key(family)
        short = own.replace("ultrascale", "u")
        for key in (own, short):
            found |= {key: family, f"a{key}": family, f"q{key}": family}
    return found


_BY_KEY = _keys()
