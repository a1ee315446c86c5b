"""`digits`: 8x8 grey images of handwritten digits, ten classes (scikit-learn).

The shape follows AutoFormer's (arXiv:2107.00651, table 1: elastic embed dim, depth, heads, MLP
ratio with a fixed head dim), scaled down from 14x14 patches to 4x4: head dim 16 in place of 64.
"""

from qnas.space import SearchSpace

DIGITS = SearchSpace(
    name="digits",
    image_size=8,
    patch_size=2,
    in_channels=1,
    num_classes=10,
    head_dim=16,
    embed_dims=(32, 40, 48),
    depths=(2, 3),
    num_heads=(1, 2, 3),
    mlp_ratios=(1.0, 2.0, 3.0),
)
