"""`deit_tiny`, `deit_small`, `deit_base`: ImageNet at 224 pixels, 1,000 classes.

Embed dims, depths, heads and MLP ratios are those of AutoFormer's three supernets
(arXiv:2107.00651, table 1), in which queries, keys and values are heads times 64 wide, as here. The
configurations in AutoFormer's code and in its ports agree with the table for the first two spaces.
For the third they differ in the heads: most have 9 and 10; some have 8, 9 and 10, as here.
Patches of 16 pixels and head dim 64 are DeiT's (arXiv:2012.12877, table 1): DeiT-Ti (192, 3 heads)
and DeiT-S (384, 6 heads) are subnets of the first two. DeiT-B (768) is wider than the third.

The share of 8-bit rows is a gene of each matrix in each block, as in every space. The error from 4
bits differs more between the matrices of a block than between blocks, and the hardware reads the
width of each row, so that a share per matrix costs no hardware.
"""

from dataclasses import replace

from qnas.space import SearchSpace

DEIT_TINY = SearchSpace(
    name="deit_tiny",
    image_size=224,
    patch_size=16,
    in_channels=3,
    num_classes=1000,
    head_dim=64,
    embed_dims=(192, 216, 240),
    depths=(12, 13, 14),
    num_heads=(3, 4),
    mlp_ratios=(3.5, 4.0),
)
DEIT_SMALL = replace(
    DEIT_TINY,
    name="deit_small",
    embed_dims=(320, 384, 448),
    num_heads=(5, 6, 7),
    mlp_ratios=(3.0, 3.5, 4.0),
)
DEIT_BASE = replace(
    DEIT_TINY,
    name="deit_base",
    embed_dims=(528, 576, 624),
    depths=(14, 15, 16),
    num_heads=(8, 9, 10),
    mlp_ratios=(3.0, 3.5, 4.0),
)
