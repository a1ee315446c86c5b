"""qnas: search quantized vision transformers for FPGAs, and build the accelerator."""

from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.errors import QnasError
from qnas.space import SearchSpace

__all__ = ["Architecture", "BlockSpec", "QnasError", "SearchSpace", "W8Shares"]
__version__ = "0.1.0"
