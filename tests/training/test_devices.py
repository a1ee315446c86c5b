"""A step on a GPU, as far as a machine without one can tell: on the meta device, whose tensors have
no numbers. Whatever waits for the device to read one raises there, and a spy looks at the operands
of every operator.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from qnas.supernet.model import Supernet
from qnas.training.optimizing import WeightAverage, make_optimizer, make_schedule
from qnas.training.processes import Processes
from qnas.training.recipe import Recipe
from qnas.training.step import Stepper
from tests.tiny import TINY


class OneDevice(TorchDispatchMode):
    """Refuses operators on two devices, as CUDA does: a scalar of the CPU's may go with them."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves = tree_leaves((args, kwargs))
        devices = {x.device.type for x in leaves if isinstance(x, Tensor) and x.ndim}
        if len(devices) > 1:
            raise RuntimeError(f"{func} on {sorted(devices)}")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("quantize", "changes"),
    [(True, {}), (True, {"checkpoint_activations": True, "clip_norm": 1.0}), (False, {})],
)
def test_a_step_mixes_no_devices_and_waits_for_nothing(
    quantize: bool, changes: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(optimizer="sgd", sandwich=True, patch_drop=0.5, **changes)  # type: ignore[arg-type]
    net = Supernet(TINY, input_step=1 / 31)
    for arch in (TINY.smallest(), TINY.largest()):
        net.slice(arch)  # what is remembered of them lies on the CPU, and must not stay there
    net = net.to("meta")
    optimizer = make_optimizer(net, recipe)
    stepper = Stepper(
        supernet=net,
        optimizer=optimizer,
        schedule=make_schedule(optimizer, recipe, steps=4),
        average=WeightAverage(net, decay=0.9),
        quantize=quantize,
        teacher=None,
        pretrained=partial(net, arch=TINY.largest(), quantize=False) if quantize else None,
        recipe=recipe,
        processes=Processes(0, 1, torch.device("meta")),
        seed=0,
        first=0,
        steps=4,
        images=4,
    )
    # Pinned memory and autocast know no meta device.
    monkeypatch.setattr(Stepper, "_moved", lambda self, batch: batch)
    monkeypatch.setattr(Stepper, "_autocast", lambda self: nullcontext())
    images = torch.empty(4, 1, 8, 8, device="meta")
    labels = torch.zeros(4, dtype=torch.int64, device="meta")
    with OneDevice():
        losses = [stepper.step(step, [(images, labels)]) for step in range(2)]
    assert all(loss.device.type == "meta" for loss in losses)


def test_this_tells_a_mixture_and_a_wait() -> None:
    here, there = torch.ones(2), torch.ones(2, device="meta")
    with OneDevice(), pytest.raises(RuntimeError, match="on \\['cpu', 'meta'\\]"):
        torch.where(there > 0, here, there)
    with pytest.raises(RuntimeError, match="item"):
        there.sum().item()
