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
# Families by the start of a part number, after `xc`, `xa` or `xq`; the first that matches counts.
PARTS: tuple[tuple[str, tuple[Family, ...]], ...] = (
    (r"7s", ("spartan-7",)),
    (r"7a", ("artix-7",)),
    (r"7k", ("kintex-7",)),
    (r"7v", ("virtex-7",)),
    (r"7z", ("zynq-7000",)),
    (r"su\d", ("spartan-ultrascale-plus",)),
    (r"au\d", ("artix-ultrascale-plus",)),
    (r"ku\d+p", ("kintex-ultrascale-plus",)),
    (r"ku\d", ("kintex-ultrascale",)),
    (r"vu(31|33|35|37|45|47|57)p", ("virtex-ultrascale-plus-hbm",)),
    (r"vu\d+p", ("virtex-ultrascale-plus",)),
    (r"vu\d", ("virtex-ultrascale",)),
    (r"zu\d+dr", ("zynq-ultrascale-plus-rfsoc",)),
    (r"(zu\d|k2[46]$|k2[46]-)", ("zynq-ultrascale-plus",)),
    (r"u\d", ("virtex-ultrascale-plus", "virtex-ultrascale-plus-hbm")),
    (r"vc\d", ("versal-ai-core",)),
    (r"ve\d", ("versal-ai-edge",)),
    (r"vm\d", ("versal-prime",)),
    (r"vp\d", ("versal-premium",)),
    (r"vh\d", ("versal-hbm",)),
    (r"vr\d", ("versal-rf",)),
    (r"v80", ("versal-hbm",)),
)
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


def families_of_part(part: str) -> tuple[Family, ...]:
    """Return the families that a part number can be of; empty for an unknown number.

    `xc`, `xa` and `xq` in front may be missing. The general names `ultrascale-plus` and `versal`
    name every part of theirs.
    """
    number = re.sub(r"^x[acq]", "", part.strip().lower())
    for start, families in PARTS:
        if re.match(start, number):
            return (*families, *_general(families))
    return ()


def _general(families: tuple[Family, ...]) -> tuple[Family, ...]:
    if families[0].startswith("versal"):
        return ("versal",)
    plus = "ultrascale-plus" in families[0] and not families[0].startswith("zynq")
    return ("ultrascale-plus",) if plus else ()


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
