"""together.json: the multi-network kernel, compared with each pick's own kernel."""

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
    """Network number `network` of the kernel: its picks, the SHA-256 of its integer network, its
    cycles of a pass and images per second in the kernel, those of each pick's own kernel, and the
    images of a pass."""

    network: int
    picks: tuple[str, ...]
    key: str
    sha256: str
    cycles: int
    fps: float
    fps_alone: Mapping[str, float]
    batch: int = 1


@dataclass(frozen=True, slots=True)
class MultiNetworkFacts(Value):
    """The content of together.json: modelled resources of the kernel and of each pick's own
    kernel, and the networks."""

    clock_mhz: float
    resources: Resources
    resources_alone: Mapping[str, Resources]
    networks: tuple[NetworkFacts, ...]


def facts_of(kernel: Kernel) -> MultiNetworkFacts:
    """The facts of a kernel whose picks are exported."""
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
    """Whether together.json matches `kernel` and the current weights of its picks."""
    return read_value(MultiNetworkFacts, run.files.multi_network.facts) == facts_of(kernel)


def read_facts(run: Run) -> MultiNetworkFacts | None:
    """Read together.json; None if it is absent."""
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
        batch=estimate.batch,
    )
