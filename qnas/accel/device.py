"""Device: the resources of a board. Each board has a TOML file with a source for every number."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from qnas._util.extensions import load_plugin, plugin_names
from qnas._util.field_types import normalise_fields
from qnas._util.serialization import Value, decode, read_toml
from qnas._util.units import is_power_of_two
from qnas.accel.family import Family, families_of_part, family_of
from qnas.errors import ConfigError, UnknownNameError, nearest, problem

GROUP = "qnas.devices"
Resource = Literal["lut", "ff", "dsp", "bram18", "uram"]
RESOURCES: tuple[Resource, ...] = ("lut", "ff", "dsp", "bram18", "uram")
TEXTS = ("name", "part", "family", "memory")
MOST_LETTERS = 100
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
PLAIN_RULE = "must be letters, digits, `_`, `.` and `-`, 64 at most"
MIN_PORT_BITS, MAX_PORT_BITS = 64, 1024  # a row parameter is 64 bits; AXI ends at 1024
MIN_DSP_BITS, MAX_DSP_BITS = 8, 64
MAX_WEIGHT_PORTS = 8  # more than any device sustains; one digit numbers them
OTHER_PORTS = 2  # ports of a kernel beside the weight stream: image and logits
MIN_AXI_PORTS = 1 + OTHER_PORTS
MOST = 10**9  # far beyond any board: a larger number is a typing error
# At least ten times the largest existing device.
MOST_OF = {
    **{"lut": 10**8, "ff": 10**9, "dsp": 10**6, "bram18": 10**6, "uram": 10**5},
    **{"clock_mhz": 10**4, "dram_gbytes_per_s": 10**6, "axi_ports": 10**4},
}
_MOST_RULE = f"must be at most {MOST:,}"
_DSP_RULE = f"must be from {MIN_DSP_BITS} to {MAX_DSP_BITS}"


@dataclass(frozen=True, slots=True)
class Margins(Value):
    """Share (0..1] of each resource that a plan may use; place and route needs the rest."""

    lut: float
    ff: float
    dsp: float
    bram18: float
    uram: float

    def __post_init__(self) -> None:
        normalise_fields(self, prefix="margins.")
        for name in RESOURCES:
            share = getattr(self, name)
            if not 0 < share <= 1:
                rule = "must be a share above 0, at most 1"
                raise ConfigError(problem(f"margins.{name}", rule, share, "Choose, say, 0.7."))


@dataclass(frozen=True, slots=True)
class Source(Value):
    """The source of the numbers named in `of`: a document, or the word "assumed"."""

    of: tuple[str, ...]
    text: str
    url: str = ""

    def __post_init__(self) -> None:
        normalise_fields(self, prefix="sources.")


@dataclass(frozen=True, slots=True)
class Device(Value):
    """A board: resources as in its data sheet, its memory, and an assumed clock.

    Attributes:
        name: Name of the board.
        part: The device's part number.
        family: One of FAMILIES, or Vivado's spelling of it; text in brackets is ignored.
        lut: LUTs.
        ff: Flip-flops.
        dsp: DSP blocks.
        bram18: 18 Kb block RAMs, two for each RAMB36.
        uram: UltraRAM blocks.
        clock_mhz: Assumed clock of an accelerator.
        dram_gbytes_per_s: Peak bandwidth of the memory (1 GB = 1e9 bytes).
        dram_efficiency: Share of the peak that long bursts reach.
        port_bits: Width of one AXI port.
        margins: Share of each resource that a plan may use.
        sources: Sources of the numbers.
        memory: The board's name for its memory.
        dsp_wide_bits: Wider signed operand of a DSP block, by default the DSP48E2's (AMD UG579).
        dsp_narrow_bits: Narrower signed operand.
        axi_ports: AXI ports that a kernel may have, by default the fewest that it needs.
    """

    name: str
    part: str
    family: str
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    clock_mhz: float
    dram_gbytes_per_s: float
    dram_efficiency: float
    port_bits: int
    margins: Margins
    sources: tuple[Source, ...] = ()
    memory: str = "DDR4"
    dsp_wide_bits: int = 27
    dsp_narrow_bits: int = 18
    axi_ports: int = MIN_AXI_PORTS

    def __post_init__(self) -> None:
        normalise_fields(self)
        self._check_texts()
        for name in ("lut", "ff", "dsp", "bram18", "clock_mhz", "dram_gbytes_per_s"):
            _require(getattr(self, name) > 0, name, "must be positive", getattr(self, name))
        _require(self.uram >= 0, "uram", "must not be negative", self.uram)
        for name in (*RESOURCES, "clock_mhz", "dram_gbytes_per_s"):
            _require(getattr(self, name) <= MOST, name, _MOST_RULE, getattr(self, name))
        _require(self.clock_mhz >= 1, "clock_mhz", "must be at least 1", self.clock_mhz)
        for name in ("dsp_wide_bits", "dsp_narrow_bits"):
            bits = getattr(self, name)
            _require(MIN_DSP_BITS <= bits <= MAX_DSP_BITS, name, _DSP_RULE, bits)
        share = self.dram_efficiency
        _require(0 < share <= 1, "dram_efficiency", "must be a share above 0, at most 1", share)
        _require(
            is_power_of_two(self.port_bits) and MIN_PORT_BITS <= self.port_bits <= MAX_PORT_BITS,
            "port_bits",
            f"must be a power of two from {MIN_PORT_BITS} to {MAX_PORT_BITS}",
            self.port_bits,
        )
        _require(
            self.port_gbytes_per_s <= self.dram_sustained_gbytes_per_s,
            "port_bits",
            f"must not outrun the memory ({self.dram_sustained_gbytes_per_s:g} GB/s sustained)",
            f"{self.port_gbytes_per_s:g} GB/s",
            remedy="Choose a narrower port or a slower clock.",
        )
        _require(
            MIN_AXI_PORTS <= self.axi_ports <= MOST,
            "axi_ports",
            f"must be at least {MIN_AXI_PORTS} (weights, image, logits)",
            self.axi_ports,
        )
        for name, most in MOST_OF.items():
            value = getattr(self, name)
            _require(value <= most, name, f"must be at most {most:,}", value)

    def _check_texts(self) -> None:
        for name in TEXTS:
            value = getattr(self, name)
            fits = value.isprintable() and 0 < len(value) <= MOST_LETTERS
            rule = f"must be a text of 1 to {MOST_LETTERS} letters, without control characters"
            _require(fits, name, rule, repr(value)[:MOST_LETTERS])
        for name in ("name", "part"):  # they stand in scripts
            value = getattr(self, name)
            _require(PLAIN.fullmatch(value) is not None, name, PLAIN_RULE, repr(value))
        found, known = family_of(self.family), families_of_part(self.part)
        rule = f"must be the family of the part {self.part}, {' or '.join(known)}"
        _require(not known or found in known, "family", rule, self.family)

    @property
    def series(self) -> Family:
        """The family in the spelling of FAMILIES."""
        return family_of(self.family)

    @property
    def port_gbytes_per_s(self) -> float:
        """Bandwidth of one port that transfers a word in every cycle, in GB/s."""
        return self.port_bits * self.clock_mhz / 8e3

    @property
    def dram_sustained_gbytes_per_s(self) -> float:
        """Bandwidth of the memory in long bursts, in GB/s."""
        return self.dram_gbytes_per_s * self.dram_efficiency

    @property
    def most_weight_ports(self) -> int:
        """Largest number of AXI ports, a power of two, for the weight stream.

        A word of the stream is at most MAX_PORT_BITS wide, the memory must sustain one word a
        cycle, and the kernel's other ports must remain available.
        """
        most = min(
            MAX_WEIGHT_PORTS,
            MAX_PORT_BITS // self.port_bits,
            int(self.dram_sustained_gbytes_per_s / self.port_gbytes_per_s),
            self.axi_ports - OTHER_PORTS,
        )
        return 1 << (most.bit_length() - 1)

    def limit(self, resource: Resource) -> int:
        """Amount of `resource` that a plan may use: the margin's share, rounded down."""
        if resource not in RESOURCES:
            rule = "must be a resource of a device"
            raise UnknownNameError(
                problem("resource", rule, repr(resource), nearest(str(resource), RESOURCES))
            )
        # The small term keeps 0.7 * 10 = 7.000...1 or 6.999...9 at 7.
        have, share = int(getattr(self, resource)), float(getattr(self.margins, resource))
        return math.floor(have * share + 1e-9)

    def limits(self) -> dict[Resource, int]:
        """Limit of every resource."""
        return {resource: self.limit(resource) for resource in RESOURCES}

    def sources_of(self, field: str) -> tuple[Source, ...]:
        """Sources of a field's number, in the order of the file."""
        return tuple(source for source in self.sources if field in source.of)

    @classmethod
    def from_json(cls, data: Any) -> Device:
        """Decode a device from JSON values.

        Raises:
            ConfigError: A key is wrong; the message names it.
        """
        return decode(cls, data, subject="device")


def is_hbm(memory: str) -> bool:
    """Whether a memory is stacked inside the package, as `HBM2` and `hbm2e` are."""
    return memory.strip().lower().startswith("hbm")


def device_names() -> list[str]:
    """Names of the devices that come with qnas, sorted, then those of plugins (group GROUP)."""
    ours = _shipped()
    return ours + [name for name in plugin_names(GROUP) if name not in ours]


def load_device(name_or_path: str | Path) -> Device:
    """Load a device by its name, or from a TOML file.

    Args:
        name_or_path: The name of a device of qnas or of a plugin, or the path of a TOML file.

    Raises:
        UnknownNameError: No device has this name.
        ConfigError: The file does not describe a device.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text:
        return _read(Path(name_or_path))
    known = device_names()
    if text not in known:
        remedy = f"{nearest(text, known)} Or give the path of a TOML file."
        raise UnknownNameError(problem("device", "must be a known device", repr(text), remedy))
    if text not in _shipped():
        return _plugin(text)
    with resources.as_file(resources.files("qnas.accel").joinpath("devices")) as folder:
        return _read(folder / f"{text}.toml")


def _shipped() -> list[str]:
    files = resources.files("qnas.accel").joinpath("devices").iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


def _plugin(name: str) -> Device:
    """Load a plugin's device; the entry point is a Device or the path of its TOML file."""
    found = load_plugin(GROUP, name)
    if isinstance(found, str | Path):
        found = _read(Path(found))
    if not isinstance(found, Device) or found.name != name:
        rule = "must be a Device of that name, or the path of its TOML file"
        got = f"{found.name!r}" if isinstance(found, Device) else f"{found!r:.80}"
        remedy = "Repair or remove the distribution that adds it."
        raise ConfigError(problem(name, rule, got, remedy))
    return found


def _read(path: Path) -> Device:
    return decode(Device, read_toml(path), subject=f"device file {path.name}")


def _require(
    holds: bool, name: str, rule: str, value: object, *, remedy: str = "Correct the device file."
) -> None:
    if not holds:
        raise ConfigError(problem(name, rule, value, remedy))
