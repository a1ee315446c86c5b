"""The breakdown of a plan's cycles, resources and bytes, for the table and the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qnas._util.serialization import read_json, read_value
from qnas.accel.cost.analytic import Part, estimate, parts
from qnas.accel.cost.breakdown import Slice, by_kind, slices
from qnas.accel.cost.energy import Energy, energy
from qnas.accel.cost.estimate import Estimate
from qnas.accel.cost.idle import array_shares, with_free_rows
from qnas.accel.device import RESOURCES, Device, Resource, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.check import check_plan
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import ConfigError, problem
from qnas.studies.run.manifest import read_manifest
from qnas.studies.run.outcome import PickOrigin
from qnas.studies.run.run_directory import PickDirectory, RunDirectory


@dataclass(frozen=True, slots=True)
class Explanation:
    """The breakdown of a plan's estimate on its device.

    Attributes:
        title: Title of the table and the page.
        plan: The hardware plan.
        device: The device of the plan.
        estimate: The cost model's amounts.
        slices: Cycles and bytes of each stage.
        parts: Resources of each unit of the hardware.
        energy: Energy of an image by part.
    """

    title: str
    plan: HardwarePlan
    device: Device
    estimate: Estimate
    slices: tuple[Slice, ...]
    parts: tuple[Part, ...]
    energy: Energy

    @property
    def atoms_per_cycle(self) -> int:
        return self.plan.folding.atoms_per_cycle

    @property
    def compute_roof(self) -> float:
        """Products per second of the array if it is never idle."""
        return self.atoms_per_cycle * self.plan.clock_mhz * 1e6

    @property
    def array_use(self) -> float:
        """Useful share of the array's possible products over the whole pass."""
        atoms = sum(part.atoms for part in self.slices)
        return atoms / (self.estimate.cycles * self.atoms_per_cycle)

    @property
    def array_shares(self) -> Mapping[str, float]:
        """The array's products at work, and idle ones by cause, as shares; largest first."""
        return array_shares(self.plan)

    @property
    def free_rows(self) -> Architecture:
        """The architecture with the 8-bit rows that would cost no time."""
        return with_free_rows(self.plan, self.device)

    def kinds(self) -> tuple[Slice, ...]:
        return by_kind(self.slices)

    def resources(self) -> tuple[Resource, ...]:
        """The resources that the board has or the plan uses."""
        limits = self.device.limits()
        return tuple(r for r in RESOURCES if limits[r] or self.used(r))

    def used(self, resource: Resource) -> int:
        return int(getattr(self.estimate.resources, resource))

    def share(self, part: Part, resource: Resource) -> float:
        """The share of the resource's limit that a part uses."""
        return float(getattr(part, resource)) / max(self.device.limit(resource), 1)

    def main_parts(self, count: int) -> tuple[Part, ...]:
        """At most `count` parts with the largest share of any resource, largest first, and the sum
        of the other parts, if any."""

        def weight(part: Part) -> float:
            return max(self.share(part, r) for r in self.resources())

        ranked = sorted(self.parts, key=lambda part: (-weight(part), part.name))
        ranked = [part for part in ranked if weight(part) > 0]
        if len(ranked) <= count:
            return tuple(ranked)
        rest = ranked[count:]
        sums = (sum(getattr(part, r) for part in rest) for r in RESOURCES)
        return (*ranked[:count], Part(f"{len(rest)} others", *sums))


def explain(title: str, plan: HardwarePlan, device: Device) -> Explanation:
    """Break down the estimate of `plan`; ConfigError if it is not a plan for `device`."""
    check_plan(plan, device)
    found = estimate(plan)
    return Explanation(
        title, plan, device, found, slices(plan), parts(plan), energy(plan, device, found)
    )


def explain_architecture(
    path: Path, device: str, *, dsp_share: float = 1.0, batch: int = 1
) -> Explanation:
    """Break down the fastest plan of an architecture, given as a JSON file, on a device, given by
    name or path, for passes of `batch` images."""
    arch, board = _architecture(path), load_device(device)
    plan, _ = best_plan(arch, board, dsp_share, batch=batch)
    return explain(f"{arch.key} on {board.name}", plan, board)


def explain_pick(folder: Path, *, device: str | None = None) -> Explanation:
    """Break down the plan in a pick's directory, on the device of its run or on `device`.

    Raises ConfigError for a directory that is no pick, and for a plan that this version of qnas
    cannot make.
    """
    files = PickDirectory(folder)
    if not files.plan.is_file():
        remedy = "Give a directory like runs/NAME/picks/knee; `qnas export` makes it."
        raise ConfigError(problem("pick", "must be a directory with a plan.json", folder, remedy))
    run = RunDirectory(folder.resolve().parent.parent)
    plan = HardwarePlan.from_json(read_json(files.plan))
    origin = read_value(PickOrigin, files.origin) if files.origin.is_file() else None
    study = f"{origin.study}, trial {origin.trial}" if origin else run.path.name
    own = origin.device if origin else None
    board = load_device(device) if device else own or _device_of(run)
    return explain(f"{folder.resolve().name} of {study}", plan, board)


def _architecture(path: Path) -> Architecture:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        rule, remedy = "must be a JSON file of an architecture", "Check the path and the file."
        raise ConfigError(problem(str(path), rule, error, remedy)) from None
    return Architecture.from_json(data)


def _device_of(run: RunDirectory) -> Device:
    """The device of a run."""
    if not run.manifest.is_file():
        remedy = "Name the board with --device."
        rule = "must lie in a run with a manifest.json"
        raise ConfigError(problem("pick", rule, run.path, remedy))
    return read_manifest(run.manifest).board_kept().board()
