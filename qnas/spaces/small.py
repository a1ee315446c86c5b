"""`small28` and `small32`: grey images of 28x28 pixels (Fashion-MNIST), colour ones of 32x32
(CIFAR-10), ten classes.

The choices are our own. Patches of 4 pixels give 49 and 64 patches. Every dimension spans a factor
of two to four, so that the best subnet is far better than the smallest. A training step of three
subnets at batch 64 takes a fraction of a second on one core.
"""

from dataclasses import replace

from qnas.space import SearchSpace

SMALL28 = SearchSpace(
    name="small28",
    image_size=28,
    patch_size=4,
    in_channels=1,
    num_classes=10,
    head_dim=16,
    embed_dims=(16, 32, 48),
    depths=(1, 2, 3),
    num_heads=(1, 2),
    mlp_ratios=(0.5, 1.0, 2.0),
)
SMALL32 = replace(SMALL28, name="small32", image_size=32, in_channels=3)
