"""Pretrained vision transformers: read from timm or files, checked, laid into supernets."""

from qnas.supernet.pretrained.function import Pretrained
from qnas.supernet.pretrained.imported import Imported

__all__ = ["Imported", "Pretrained"]
