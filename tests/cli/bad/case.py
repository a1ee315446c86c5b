"""A case of bad input, and what many have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STUDY = 'name = "mine"\nspace = "digits"\ndata = "digits"\ndevice = "zcu102"\n'
FIX_STUDY = "Correct the study."
FIX_DEVICE = "Correct the device file."
FIX_VALUE = "Correct the value."
NUL = "must hold no NUL character"
DEEP = 100_000
DIGITS = "1" * 400


@dataclass(frozen=True)
class Bad:
    """`files` are made in an empty folder, `command` is run there. The message must be about
    `subject`, and say `rule`, `value` and `remedy` in that order."""

    name: str
    files: Mapping[str, str | bytes]
    command: str
    subject: str
    rule: str
    value: str
    remedy: str
