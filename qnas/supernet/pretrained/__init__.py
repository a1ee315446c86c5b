"""Pretrained vision transformers: read from timm or a file, checked, and loaded into a supernet.

The entry points are `load.check_pretrained` and `load.load_pretrained`.
"""

from qnas.supernet.pretrained.function import Pretrained
from qnas.supernet.pretrained.imported import Imported

__all__ = ["Imported", "Pretrained"]
