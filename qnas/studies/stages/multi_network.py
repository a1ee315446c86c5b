"""together.json: what the networks of a kernel share, and what each gives up for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qnas._util.serialization import Value, read_value
from qnas.accel.cost.estimate import Estimate, Resources
from qnas.errors import CheckpointError
from qnas.studies.results.picks import Pick
from qnas.studies.run.run import Run
from qnas.studies.stages.kernels import Kernel


@dataclass(frozen=True, slots=True)
class NetworkFacts(Value):
    """A network of the kernel, number `network`: the picks that are it, the SHA-256 of its integer
    network, cycles and images a second in the kernel, and images a second of each pick alone."""

    network: int
    picks: tuple[str, ...]
    key: str
    sha256: str
    cycles: int
    fps: float
    fps_alone: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class MultiNetworkFacts(Value):
    """together.json: the kernel's resources, modelled, those of each pick's own kernel, and its
    networks."""

    clock_mhz: float
    resources: Resources
    resources_alone: Mapping[str, Resources]
    networks: tuple[NetworkFacts, ...]


def facts_of(kernel: Kernel) -> MultiNetworkFacts:
    """Of a kernel whose picks are exported."""
    plan = kernel.plan
    everyone = [pick for group in kernel.members for pick in group]
    parts = zip(kernel.members, kernel.networks, plan.estimates, strict=True)
    return MultiNetworkFacts(
        clock_mhz=plan.estimates[0].clock_mhz,
        resources=plan.resources,
        resources_alone={pick.name: pick.trial.estimate.resources for pick in everyone},
        networks=tuple(_network(i, *part) for i, part in enumerate(parts)),
    )


def is_described(run: Run, kernel: Kernel) -> bool:
    """Whether together.json says of `kernel` what is true of it and its picks' weights now."""
    return read_value(MultiNetworkFacts, run.files.multi_network.facts) == facts_of(kernel)


def read_facts(run: Run) -> MultiNetworkFacts | None:
    """What together.json says; None if there is none."""
    try:
        return read_value(MultiNetworkFacts, run.files.multi_network.facts)
    except CheckpointError:
        return None


def _network(
    index: int, members: tuple[Pick, ...], network: Path, estimate: Estimate
) -> NetworkFacts:
    return NetworkFacts(
        network=index,
        picks=tuple(pick.name for pick in members),
        key=members[0].trial.architecture.key,
        sha256=hashlib.sha256(network.read_bytes()).hexdigest(),
        cycles=estimate.cycles,
        fps=estimate.fps,
        fps_alone={pick.name: pick.trial.estimate.fps for pick in members},
    )
