"""Warm start: the front of an earlier run fills the first slots of a search."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from qnas.architecture import Architecture
from qnas.errors import ConfigError, problem
from qnas.studies.search.genome import DSP_SHARE, Genome
from qnas.studies.search.sampler import Params


def read_warm_start(front: Path, genome: Genome, *, most: int) -> list[Params]:
    """Read the parameters of at most `most` rows of a front.csv, spread evenly over it (by error).

    Architectures of other spaces are skipped; a DSP share becomes the nearest choice of the genome.
    Raises ConfigError if the file is no front.csv or has no row in the genome's space.
    """
    try:
        with front.open(newline="", encoding="utf-8") as stream:
            rows = [
                (Architecture.from_json(json.loads(row["architecture"])), float(row["dsp_share"]))
                for row in csv.DictReader(stream)
            ]
    except (OSError, csv.Error, KeyError, TypeError, ValueError, RecursionError) as error:
        rule = "must lead to the front.csv of a run"
        raise ConfigError(problem("search.seed_from", rule, error, "Check the path.")) from None
    found = [
        {**genome.space.encode(arch), DSP_SHARE: min(genome.dsp_shares, key=lambda s: abs(s - x))}
        for arch, x in rows
        if arch in genome.space
    ]
    if not found:
        rule, remedy = "must hold subnets of the study's space", "Seed from a run on that space."
        raise ConfigError(problem("search.seed_from", rule, f"none of {len(rows)}", remedy))
    if len(found) <= most:
        return found
    return [found[i * (len(found) - 1) // max(most - 1, 1)] for i in range(most)]
