"""A small space and cheap real objectives: a search with nothing trained and nothing lowered."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import optuna

from qnas.accel.cost.estimate import Estimate, Resources
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.objectives.base import Candidate, Direction, Objective
from qnas.objectives.hardware import LatencyObjective, ResourceObjective
from qnas.operations import Gemm, network_operations
from qnas.space import SearchSpace
from qnas.studies.config import SearchConfig
from qnas.studies.progress import Silent
from qnas.studies.results.front import StudyRecords, front_csv
from qnas.studies.search.evaluation import Evaluate, Evaluator, Result
from qnas.studies.search.genome import Genome, Proposal
from qnas.studies.search.loop import SearchLoop
from qnas.studies.search.sampler import Params
from qnas.studies.search.trials import read_records
from qnas.studies.storage.journal import open_study
from qnas.studies.storage.leases import LeaseTable
from qnas.studies.storage.shared import open_storage, shared_study

SPACE = SearchSpace(
    name="small",
    image_size=8,
    patch_size=2,
    in_channels=1,
    num_classes=10,
    head_dim=8,
    embed_dims=(16, 24, 32),
    depths=(1, 2),
    num_heads=(1, 2),
    mlp_ratios=(1.0, 2.0),
    w8_eighths=(0, 4, 8),
)
GENOME = Genome(SPACE, (0.25, 0.5, 1.0))
FEW = Genome(dataclasses.replace(SPACE, depths=(1,), w8_eighths=(0, 8)), (0.5, 1.0))
OBJECTIVES = ("error", "latency", "dsp")
DIRECTIONS: tuple[Direction, ...] = ("minimize",) * 3
LIMITS = {"lut": 9000, "ff": 20000, "dsp": 2000, "bram18": 1000, "uram": 0}


def plan(architecture: Architecture, share: float) -> tuple[HardwarePlan, Estimate]:
    """As many multipliers as the share allows; the larger networks pass the LUT limit."""
    atoms = sum(op.atoms for op in network_operations(architecture) if isinstance(op, Gemm))
    dsp = int(share * 1000)
    estimate = Estimate(
        loop_cycles=-(-atoms // dsp),
        fill_cycles=100,
        clock_mhz=200.0,
        resources=Resources(lut=architecture.embed_dim * 300, ff=dsp * 3, dsp=dsp, bram18=20),
        dram_bits=atoms,
    )
    return cast(HardwarePlan, None), estimate


class SizeError:
    """Error in % that falls with the network's size."""

    name = "error"
    unit = "%"
    direction: Direction = "minimize"

    def __init__(self) -> None:
        self.asked = 0

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        self.asked += len(candidates)
        return [100 / (1 + sum(self._size(c.architecture)) / 50) for c in candidates]

    def _size(self, architecture: Architecture) -> list[float]:
        return [
            architecture.embed_dim * (1 + b.num_heads / 3 + b.w8.fc1 / 20) + b.mlp_hidden / 7
            for b in architecture.blocks
        ]


def evaluator(error: Objective | None = None) -> Evaluator:
    objectives = (error or SizeError(), LatencyObjective(), ResourceObjective("dsp", "DSPs"))
    return Evaluator(objectives, plan, LIMITS)


def search(
    path: Path,
    *,
    trials: int,
    population: int = 10,
    seed: int = 0,
    evaluate: Evaluate | None = None,
    wrap: Callable[[Evaluate], Evaluate] = lambda evaluate: evaluate,
    sampler: str = "NSGAIISampler",
    space: Genome = GENOME,
    warm_start: Sequence[Params] = (),
) -> optuna.Study:
    """Run or resume the search in the journal at `path`."""
    study = open_study(path, name="small", directions=DIRECTIONS)
    config = SearchConfig(trials=trials, population=population, sampler=sampler)
    SearchLoop(
        study, space, config, seed, wrap(evaluate or evaluator()), Silent(), warm_start
    ).run()
    return study


def share(
    url: str, *, trials: int, log: Path, seconds: float = 0.05, patience_s: float = 2
) -> None:
    """One worker of a search in the storage at `url`; what it evaluates goes to `log`, a line each
    with its process."""

    def slowly(proposals: Sequence[Proposal]) -> list[Result]:
        for proposal in proposals:
            time.sleep(0.05)
            with log.open("a") as stream:
                stream.write(f"{os.getpid()} {proposal.key}\n")
        return evaluator()(proposals)

    config = SearchConfig(trials=trials, population=10)
    with open_storage(url) as storage:
        study = shared_study(storage, name="small", directions=DIRECTIONS, identity="small")
        leases = LeaseTable(storage, "small", patience_s=5, pause_s=0.05)
        with leases.heartbeat():
            SearchLoop(study, GENOME, config, 0, slowly, Silent(), leases=leases).run()


def outcome(study: optuna.Study) -> list[tuple[str, dict[str, float], int]]:
    """What a study found, trial by trial, without the numbers that an interruption shifts."""
    records = read_records(study, GENOME, OBJECTIVES)
    return [(r.key, dict(r.values), r.generation) for r in records]


def csv(study: optuna.Study) -> list[str]:
    records = StudyRecords.of(OBJECTIVES, read_records(study, GENOME, OBJECTIVES))
    return sorted(line.split(",", 1)[1] for line in front_csv(records).splitlines())
