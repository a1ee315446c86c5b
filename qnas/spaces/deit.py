"""`deit_tiny`, `deit_small`, `deit_base`: ImageNet at 224 pixels, 1,000 classes.

Embed dims, depths, heads and MLP ratios are those of AutoFormer's three supernets
(arXiv:2107.00651, table 1); its width of queries, keys and values is heads times 64, as here. The
configurations that its code and others' ports of it train agree for the first two, and for the
third but for the heads: there most have 9 and 10, some 8, 9 and 10, as here.
Patches of 16 pixels and head dim 64 are DeiT's (arXiv:2012.12877, table 1): DeiT-Ti (192, 3 heads)
and DeiT-S (384, 6 heads) are subnets of the first two. DeiT-B (768) is wider than the third.

The shares of 8-bit rows are a gene of each kind of matrix in each block, as in every space: how
much 4 bits hurt differs more between the matrices of a block than between blocks, and the hardware
reads a width a row, so that a finer choice costs it nothing.
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
