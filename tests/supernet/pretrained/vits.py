"""Plain ViTs of timm's, made here, and a space that holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from qnas._util.timm_support import import_timm
from qnas.space import SearchSpace
from qnas.supernet.forward import forward
from qnas.supernet.model import Supernet
from qnas.supernet.pretrained import Pretrained

SPACE = SearchSpace(
    name="vit",
    image_size=16,
    patch_size=4,
    in_channels=3,
    num_classes=7,
    head_dim=8,
    embed_dims=(16, 24, 32),
    depths=(2, 3),
    num_heads=(2, 3, 4),
    mlp_ratios=(2.0, 3.0),
)
State = dict[str, Tensor]
# What the code of `vit` says and its tensors do not.
SAID: dict[str, Any] = {"activation": "gelu", "epsilon": 1e-6, "qk_norm": False, "pooling": "token"}


def vit(**changes: Any) -> Any:
    """A plain timm ViT whose every parameter is random, norms and biases too."""
    arguments = {"img_size": 16, "patch_size": 4, "num_classes": 7, "embed_dim": 24, "depth": 2}
    arguments |= {"num_heads": 3, "mlp_ratio": 3.0, **changes}
    torch.manual_seed(0)
    model = import_timm("timm.models").VisionTransformer(**arguments).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def supernet(space: SearchSpace = SPACE) -> Supernet:
    torch.manual_seed(1)
    return Supernet(space, input_step=1 / 31)


def images(count: int = 4) -> Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(2))


def saved(model: Any, path: Path) -> str:
    save_file(model.state_dict(), path)
    return str(path)


def given(source: object, **changes: Any) -> Pretrained:
    """The weights of `vit` in that file, with all that the study can say."""
    return Pretrained(str(source), **{"heads": 3, **SAID, **changes})


def logits(net: Supernet, arch: Any) -> Tensor:
    with torch.no_grad():
        return forward(net.slice(arch), images(), quantize=False)
