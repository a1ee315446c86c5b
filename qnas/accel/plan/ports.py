"""AXI master ports of the accelerator, and the data that cross them in one pass."""

from __future__ import annotations

from typing import Any

from qnas._util.units import ceil_div
from qnas.accel.device import Device
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.loops import LOGIT_BITS, patch_lanes
from qnas.accel.plan.plan import Port
from qnas.architecture import Architecture
from qnas.errors import ConfigError, problem

# UG1399, `config_interface -m_axi_latency`: the latency of global memory that Vitis HLS plans with
# for its kernels. A board's own is measured, not known here.
MEMORY_LATENCY_CYCLES = 64
# (words of a burst, bursts in flight): enough to hide a memory latency of 100 cycles, and of
# twice that for the weights.
WEIGHT_BURSTS, IMAGE_BURSTS, LOGIT_BURSTS = (64, 8), (64, 4), (16, 4)


def plan_ports(
    arch: Architecture, folding: Folding, *, weight_words: Any, port_bits: int
) -> tuple[Port, ...]:
    """List the ports: those of the weight stream, lowest bits first, then `image` and `logits`.

    Fields of `folding`, but for `weight_ports`, may be arrays inside the folding search.

    Args:
        arch: The network.
        folding: The parallelism.
        weight_words: Words of the weight stream, which is read once a pass.
        port_bits: Width of one port.
    """
    groups = ceil_div(arch.patch_dim, patch_lanes(folding, port_bits))
    pixels = folding.batch * arch.num_patches * groups
    names = weight_port_names(folding.weight_ports)
    return (
        *(Port(name, port_bits, weight_words, "read", *WEIGHT_BURSTS) for name in names),
        Port("image", port_bits, pixels, "read", *IMAGE_BURSTS),
        Port("logits", LOGIT_BITS, folding.batch * arch.num_classes, "write", *LOGIT_BURSTS),
    )


def weight_port_names(weight_ports: int) -> tuple[str, ...]:
    """Names of the weight ports: `weights` if there is one, else `weights_0` (lowest bits), ..."""
    if weight_ports == 1:
        return ("weights",)
    return tuple(f"weights_{index}" for index in range(weight_ports))


def check_weight_ports(folding: Folding, device: Device) -> None:
    """Check that the device sustains the folding's number of weight ports.

    Raises:
        ConfigError: The folding has more ports than the device sustains.
    """
    most = device.most_weight_ports
    if folding.weight_ports > most:
        rule = f"must be at most {most} on {device.name}"
        remedy = "Choose fewer, or a slower clock where memory is what limits them."
        raise ConfigError(problem("weight_ports", rule, folding.weight_ports, remedy))
