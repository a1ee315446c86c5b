"""The memory that a study's training needs, estimated without importing torch.

The estimate is 95 MiB of libraries, sixteen bytes per weight (value, gradient, two moments of
AdamW), and five per image of a batch and input or output of the largest subnet's matrix products.
Measured beside it, as the growth of the resident memory on the processor (MiB):

    space        batch  measured  estimated
    digits          64       111        111
    tiny28          64       133        134
    tiny28         256       259        247
    64 pixels       32       263        274
    64 pixels       64       419        437
    deit_small       8       961      1,276  a step without libraries and optimizer
"""

from __future__ import annotations

from qnas.data import DataHeader
from qnas.operations import Gemm, network_operations
from qnas.space import SearchSpace
from qnas.studies.config import Study
from qnas.studies.results.network_size import network_size

MIB = 2**20
LIBRARIES_MIB = 95
BYTES_PER_VALUE = 5
BYTES_PER_WEIGHT = 16
BYTES_OF_AVERAGE = 4  # of a weight, with `ema_decay`
CHECKPOINTED = (
    0.61  # of the activations: 641 MiB of deit_small's step (tests/bench/supernet_step.py)
)


def training_mib(config: Study, space: SearchSpace) -> float:
    """MiB of a training process, without its images: libraries, weights and activations."""
    recipe, largest = config.train, space.largest()
    products = [op for op in network_operations(largest) if isinstance(op, Gemm)]
    values = sum(op.tokens * (op.rows + op.inner) for op in products)
    per_weight = BYTES_PER_WEIGHT + (BYTES_OF_AVERAGE if recipe.ema_decay else 0)
    images = -(-recipe.batch_size // recipe.accumulate)
    kept = CHECKPOINTED if recipe.checkpoint_activations else 1.0
    total = per_weight * network_size(largest).weights + kept * BYTES_PER_VALUE * values * images
    return LIBRARIES_MIB + total / MIB


def images_mib(config: Study, header: DataHeader) -> float:
    """MiB of the images in memory: all of them as numbers, of files the search split as bytes."""
    count, channels, height, width = header.shape
    pixels = channels * height * width
    if not config.data_name.startswith("folder:"):
        return 4 * count * pixels / MIB
    searched = header.validation or config.splits.search_fraction * (count - header.held_out)
    return searched * pixels / MIB
