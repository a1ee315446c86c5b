"""Small projects for C simulation: random architectures and foldings, and one written to disk."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnas.accel.csim.toolchain import Toolchain
from qnas.accel.device import Device, load_device
from qnas.accel.hls.emit.constants import plan_header, tables_header
from qnas.accel.hls.emit.library import library_files
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.hls.emit.project import ProjectFiles, emit_project
from qnas.accel.hls.emit.stages import stages_header
from qnas.accel.hls.emit.top import top_header, top_source
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.placement import Placement, placement_of
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import ACTIVATION_BITS, Architecture, BlockSpec, W8Shares
from qnas.integer.network import IntegerNetwork
from qnas.testing.random_network import random_network
from tests.accel.designs import alike, drain_widths, zcu102

QUICK = Toolchain(flags=("-O0",))  # the compiler takes longer than these simulations


@dataclass(frozen=True)
class Kernel:
    """Networks that share a kernel, under their plans, and images to run through each."""

    members: tuple[KernelNetwork, ...]
    device: Device
    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    @property
    def networks(self) -> list[IntegerNetwork]:
        return [member.network for member in self.members]

    @property
    def plans(self) -> list[HardwarePlan]:
        return [member.plan for member in self.members]

    def files(self) -> ProjectFiles:
        return emit_project(
            self.members,
            name="shared",
            images=self.images,
            labels=self.labels,
            device=self.device,
        )

    def write(self, directory: Path) -> Path:
        self.files().write(directory)
        return directory


@dataclass(frozen=True)
class Design:
    """A network under a plan, and images to run through it."""

    network: IntegerNetwork
    plan: HardwarePlan
    device: Device
    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def files(self, name: str = "small") -> ProjectFiles:
        return emit_project(
            [KernelNetwork(self.network, self.plan, name)],
            name=name,
            images=self.images,
            labels=self.labels,
            device=self.device,
        )

    def write(self, directory: Path) -> Path:
        self.files().write(directory)
        return directory


def design(
    arch: Architecture,
    folding: Folding,
    *,
    seed: int = 0,
    images: int = 3,
    device: Device | None = None,
    placement: Placement | None = None,
) -> Design:
    device = device or zcu102()
    rng = np.random.default_rng(seed)
    shape = (images, arch.in_channels, arch.image_size, arch.image_size)
    return Design(
        network=random_network(arch, seed),
        plan=lower(arch, device, folding, placement=placement),
        device=device,
        images=rng.uniform(-1, 1, shape).astype(np.float32),
        labels=rng.integers(0, arch.num_classes, images),
    )


def small() -> Design:
    """Two heads, two blocks, all kinds of rows; nothing divides anything."""
    blocks = (
        BlockSpec(num_heads=2, mlp_hidden=13, w8=W8Shares(3, 8, 0, 5)),
        BlockSpec(num_heads=1, mlp_hidden=22, w8=W8Shares(0, 4, 7, 1)),
    )
    arch = Architecture(
        image_size=9,
        patch_size=3,
        in_channels=1,
        num_classes=7,
        embed_dim=21,
        head_dim=5,
        blocks=blocks,
        stem_w8=5,
        head_w8=3,
    )
    return design(arch, Folding(tm=6, tt=3, tk=8, vl=4, lut_slots=2))


def several_ports() -> Design:
    """`small`, its weight stream through four ports."""
    arch = small().network.architecture
    return design(arch, Folding(tm=6, tt=3, tk=8, vl=4, lut_slots=2, weight_ports=4))


def two_images() -> Design:
    """`small` in passes of two images, with buffers for two heads."""
    of = small()
    folding = replace(of.plan.folding, batch=2, head_buffers=2)
    return design(of.network.architecture, folding)


def random_design(seed: int, *, images: int = 3, batch: int = 1) -> Design:
    """Any architecture of a few thousand parameters, under any folding that lanes allow; every
    fifth on a board of DSP48E1s."""
    rng = random.Random(seed)
    port_bits = rng.choice((64, 128, 256))
    board = replace(load_device("pynq_z2"), clock_mhz=40.0) if seed % 5 == 4 else zcu102()
    # Memory and ports enough for any number of weight ports: more than a Zynq has.
    device = replace(
        board,
        part="any",
        family="ultrascale-plus",
        port_bits=port_bits,
        dram_gbytes_per_s=100.0,
        axi_ports=10,
    )
    tk = rng.choice((1, 2, 4, 8, 16, 32))
    tm = rng.choice((2, 4, 6, 8, 10, 12, 16, 16))
    lanes = [vl for vl in (1, 2, 4, 8, 16) if vl <= tk]
    tt, vl = rng.randint(1, min(tk, 7)), rng.choice(lanes)
    drain_pairs = rng.choice(drain_widths(tm, tt, vl))
    folding = Folding(
        tm=tm,
        tt=tt,
        tk=tk,
        vl=vl,
        lut_slots=2 * rng.randint(0, tm // 2),
        drain_pairs=drain_pairs,
        head_buffers=1 + seed % 2,
        weight_ports=weight_ports_of(seed, device),
        lut_tokens=rng.choice((0, rng.randint(0, tt))),
        score_pairs=rng.choice([p for p in drain_widths(tm, vl, vl) if p >= drain_pairs]),
        load_pairs=rng.choice(drain_widths(tm, tm, tm)),
        batch=batch,
    )
    # Activations in block RAM, in words of several tokens, for half of the designs.
    placement: Placement = {"act": "bram"} if rng.random() < 0.5 else {}
    return design(
        _random_architecture(rng),
        folding,
        seed=seed,
        images=images,
        device=device,
        placement=placement,
    )


def weight_ports_of(seed: int, device: Device) -> int:
    """One for a third of the seeds, else two, four or eight, as far as the device feeds them."""
    return min((1, 2, 4, 1, 8, 2)[seed % 6], device.most_weight_ports)


def batch_of(seed: int) -> int:
    """One image a pass for half of the seeds, else two or three, with buffers for one head and for
    two."""
    return (1, 2, 3, 1, 2, 3, 1, 1)[seed % 8]


def random_kernel(seed: int, *, images: int = 3, batch: int = 1) -> Kernel:
    """A random design, and one or two random networks that may share its kernel."""
    first = random_design(seed, images=images, batch=batch)
    rng = random.Random(1000 + seed)
    arch = first.network.architecture
    others = [alike(_random_architecture(rng), arch) for _ in range(1 + seed % 2)]
    return kernel([arch, *others], first.plan.folding, device=first.device, images=first)


def kernel(
    archs: list[Architecture], folding: Folding, *, device: Device, images: Design
) -> Kernel:
    """Networks of `archs`, and the images of a design whose data set is theirs."""
    members = [
        KernelNetwork(
            random_network(arch, index),
            lower(arch, device, folding, placement=placement_of(images.plan), share_with=archs),
            f"net{index}",
        )
        for index, arch in enumerate(archs)
    ]
    return Kernel(tuple(members), device, images.images, images.labels)


def _random_architecture(rng: random.Random) -> Architecture:
    def share() -> int:
        return rng.randint(0, 8)

    patch = rng.choice((1, 2, 3))
    blocks = tuple(
        BlockSpec(
            num_heads=rng.randint(1, 3),
            mlp_hidden=rng.randint(3, 70),
            w8=W8Shares(share(), share(), share(), share()),
        )
        for _ in range(rng.randint(1, 3))
    )
    return Architecture(
        image_size=patch * rng.randint(1, 4),
        patch_size=patch,
        in_channels=rng.choice((1, 3)),
        num_classes=rng.randint(2, 13),
        embed_dim=rng.randint(3, 50),
        head_dim=rng.choice((4, 5, 6, 8, 10, 16)),
        blocks=blocks,
        stem_w8=share(),
        head_w8=share(),
        activation_bits=rng.choice(ACTIVATION_BITS),
        register_tokens=rng.choice((0, 0, 2)),
    )


def emitted_sources(plan: HardwarePlan) -> dict[str, bytes]:
    """The C++ of a project of `plan`, without weights: all that an analysis looks at."""
    texts = {
        "src/plan.hpp": plan_header([plan]),
        "src/qnas_top.cpp": top_source([plan]),
        "src/qnas_top.hpp": top_header([plan]),
        "src/stages.hpp": stages_header([plan]),
        "src/tables.hpp": tables_header(),
    }
    return {**library_files(), **{path: text.encode() for path, text in texts.items()}}


def lanes(plan: HardwarePlan) -> str:
    """Where products are made: in DSPs, in LUTs, or in both."""
    f = plan.folding
    if f.lut_slots == f.tm or f.lut_tokens == f.tt:
        return "lut"
    return "mixed" if f.lut_slots or f.lut_tokens else "dsp"


def change(project: Path, file: str, before: str, after: str) -> None:
    """Break a written project: replace one piece of text that occurs once."""
    path = project / file
    text = path.read_text()
    assert text.count(before) == 1, f"{before!r} occurs {text.count(before)} times in {file}"
    path.write_text(text.replace(before, after))
