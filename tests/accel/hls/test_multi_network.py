"""Several networks in one kernel: plans, C++, bits, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qnas.accel.csim.verify import verify_project
from qnas.accel.hls.emit.bench import stage_values
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.hls.emit.project import emitted_files
from qnas.accel.hls.lint import lint
from qnas.accel.plan.check import check_plan
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.multi_network import ALIKE, check_together, read_plans
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.errors import CheckpointError, ConfigError, QnasError
from tests.accel.designs import alike, architectures, foldings, tiny, zcu102
from tests.accel.projects import QUICK, Kernel, batch_of, change, random_kernel, small

FAST_SEED = 1  # three networks of one to three heads, buffers for two, two weight ports
MORE_SEEDS = (0, 2, 4)


def check_kernel(plans: list[HardwarePlan]) -> None:
    """Each plan is what `lower` gives with room for the others, and all are of one kernel."""
    check_together(plans)
    for plan in plans:
        check_plan(plan, zcu102(), share_with=[other.architecture for other in plans])


@pytest.fixture(scope="module")
def shared() -> Kernel:
    return random_kernel(FAST_SEED, batch=batch_of(FAST_SEED))


def check(kernel: Kernel, project: Path) -> None:
    found = verify_project(
        project,
        kernel.networks,
        kernel.images,
        kernel.labels,
        plans=kernel.plans,
        toolchain=QUICK,
        packed_images=None,
    )
    for plan, one in zip(kernel.plans, found, strict=True):
        assert one.first_mismatch is None, f"{plan.folding}: {one.first_mismatch}"
        assert one.mismatches == 0 and one.images == len(kernel.images)
        assert one.values == len(kernel.images) * sum(stage_values(plan))
        assert one.loops_checked >= sum(len(stage.loops) for stage in plan.stages)


def test_each_network_equals_its_reference_whichever_ran_before(
    shared: Kernel, tmp_path: Path
) -> None:
    """The test bench takes networks by turns: 0 1 2 0 1 2 .., every value of every stage and the
    trips of every loop compared."""
    check(shared, shared.write(tmp_path / "project"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [MORE_SEEDS[0], *(pytest.param(s, marks=pytest.mark.full) for s in MORE_SEEDS[1:])]
)
def test_more_kernels(seed: int, tmp_path: Path) -> None:
    kernel = random_kernel(seed, batch=batch_of(seed))
    check(kernel, kernel.write(tmp_path / "project"))


def test_these_kernels_are_of_every_sort() -> None:
    kernels = [random_kernel(s, batch=batch_of(s)) for s in (FAST_SEED, *MORE_SEEDS)]
    assert {len(kernel.members) for kernel in kernels} == {2, 3}
    foldings = [kernel.plans[0].folding for kernel in kernels]
    assert {folding.head_buffers for folding in foldings} == {1, 2}
    assert {folding.batch for folding in foldings} == {1, 2, 3}
    assert len({folding.weight_ports for folding in foldings}) > 1
    assert {kernel.plans[0].activation_bits for kernel in kernels} == {6, 8}
    for kernel in kernels:
        dims = {plan.architecture.embed_dim for plan in kernel.plans}
        assert len(dims) > 1, "strides differ from network to network"


@pytest.mark.slow
def test_the_library_for_the_host_changes_networks_from_call_to_call(
    shared: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0, 1, 0, 2, 0 in one process; by label in the program."""
    project = shared.write(tmp_path / "project")
    subprocess.run(["make", "-s", "sim", "CXXFLAGS=-O0"], cwd=project, check=True)
    script = (
        "import json, sys; import numpy as np; sys.path.insert(0, 'host')\n"
        "from backends import Simulated; from qnas_host import Design\n"
        "design = Design('.'); kernel, image = Simulated(design), np.load('image.npy')\n"
        "def run(n): return kernel.run(design.image_words(image, n), n)\n"
        "print(json.dumps([design.logits(run(n))[0].tolist() for n in (0, 1, 0, 2, 0)]))"
    )
    np.save(project / "image.npy", shared.images[:1])
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=True
    )
    patches = [n.quantize_images(shared.images[:1]) for n in shared.networks]
    expected = [n.logits(p)[0].tolist() for n, p in zip(shared.networks, patches, strict=True)]
    assert json.loads(done.stdout) == [expected[n] for n in (0, 1, 0, 2, 0)]
    program = [sys.executable, "host/run.py", "image.npy", "--network"]
    named = subprocess.run([*program, "net2"], cwd=project, capture_output=True, text=True)
    assert int(named.stdout.split()[1]) == int(np.argmax(expected[2]))
    unknown = subprocess.run([*program, "3"], cwd=project, capture_output=True, text=True)
    assert unknown.returncode == 2 and "0 (net0), 1 (net1), 2 (net2)" in unknown.stderr


@pytest.mark.slow
def test_a_table_that_points_to_another_network_is_found(shared: Kernel, tmp_path: Path) -> None:
    """Steps of network 1 for network 2: the test bench knows whose stages run."""
    project = shared.write(tmp_path / "project")
    text = (project / "src/stages.hpp").read_text().partition("NETWORKS")[2]
    rows = [line.strip() for line in text.splitlines() if line.startswith("    {")]
    change(project, "src/stages.hpp", f"    {rows[2]}", f"    {rows[1]}")
    with pytest.raises(QnasError, match=r"another network|left behind|reading empty|weights"):
        check(shared, project)


def smallest(*, heads: tuple[int, ...], head_dim: int, registers: int) -> Architecture:
    """An image of one pixel, one channel, and a block for each of `heads`."""
    none = W8Shares(qkv=0, proj=0, fc1=0, fc2=0)
    return Architecture(
        **dict.fromkeys(("image_size", "patch_size", "in_channels", "num_classes"), 1),
        embed_dim=1,
        head_dim=head_dim,
        blocks=tuple(BlockSpec(num_heads=count, mlp_hidden=1, w8=none) for count in heads),
        stem_w8=0,
        head_w8=0,
        activation_bits=6,
        register_tokens=registers,
    )


# Activations of the first alone lie in LUTs (48 rows), those of the second in block RAM (142).
IN_TWO_KINDS = [
    smallest(heads=(1,), head_dim=15, registers=1),
    smallest(heads=(1, 3), head_dim=1, registers=0),
]


@settings(deadline=None, max_examples=10)
@given(st.lists(architectures(), min_size=2, max_size=2), foldings())
@example(IN_TWO_KINDS, Folding(tm=2, tt=2, tk=2, vl=1))
def test_room_for_others_changes_nothing_that_a_network_runs(
    archs: list[Architecture], folding: Folding
) -> None:
    """Stages with their loops, and the words of ports, are those of its own plan."""
    archs = [alike(arch, archs[0]) for arch in archs]
    plans = [lower(arch, zcu102(), folding, share_with=archs) for arch in archs]
    check_kernel(plans)
    for arch, plan in zip(archs, plans, strict=True):
        alone = lower(arch, zcu102(), folding)
        assert plan.stages == alone.stages and plan.ports == alone.ports
        assert plan.multipliers == alone.multipliers and plan.packing == alone.packing
    owns = [lower(arch, zcu102(), folding).buffers for arch in archs]
    for buffer, *own in zip(plans[0].buffers, *owns, strict=True):
        assert buffer.depth == max(one.depth for one in own)
        # Activations have other words in block RAM, where a deeper memory of two may lie alone.
        alike_placed = [one for one in own if one.storage == buffer.storage]
        assert buffer.bits == max(one.bits for one in alike_placed)
        assert {one.banks for one in alike_placed} == {buffer.banks}


def test_the_text_holds_all_networks(shared: Kernel) -> None:
    files = shared.files()
    sources = {path: files[path].decode() for path in files if path.startswith("src/")}
    assert lint(sources) == ()
    top, tables = sources["src/qnas_top.cpp"], sources["src/stages.hpp"]
    assert "#pragma HLS INTERFACE s_axilite port=network bundle=control\n" in top
    for plan in shared.plans:
        assert f", {plan.stream_words}}}," in tables.partition("NETWORKS")[2]
        assert f"depth={max(p.ports[0].words for p in shared.plans)} " in top
    assert set(files) <= set(emitted_files(len(shared.members)))
    alone = small().files()
    assert "port=network" not in alone["src/qnas_top.cpp"].decode()
    assert "int network)" not in alone["src/qnas_top.hpp"].decode()


def test_the_pages_say_which_network_is_which(shared: Kernel, tmp_path: Path) -> None:
    project = shared.write(tmp_path / "project")
    assert list(read_plans(project / "plan.json")) == shared.plans
    facts = json.loads((project / "host/design.json").read_text())["networks"]
    readme = (project / "README.md").read_text()
    for index, (plan, fact) in enumerate(zip(shared.plans, facts, strict=True)):
        key = plan.architecture.key
        assert (fact["label"], fact["architecture"]) == (f"net{index}", key)
        assert fact["weight_words"] == plan.stream_words
        assert f"| {index} | net{index} | `{key}` |" in readme
        stages = len(shared.images) * len(plan.stages)
        assert f"network {index}: EQUAL: 3 images, {stages} stages" in readme


@pytest.mark.parametrize("name", ALIKE)
def test_networks_of_other_data_cannot_share_a_kernel(name: str) -> None:
    value = {"activation_bits": 8, "register_tokens": 1}.get(name, 2 * getattr(tiny(), name))
    archs = [tiny(), replace(tiny(), **{name: value})]
    plans = [lower(arch, zcu102(), Folding(tm=4, tt=2, tk=4, vl=2)) for arch in archs]
    with pytest.raises(ConfigError, match=name):
        check_together(plans)


def test_plans_that_are_not_of_one_kernel_are_refused() -> None:
    wide = replace(tiny(), embed_dim=24)
    folding = Folding(tm=4, tt=2, tk=4, vl=2)

    def plans(*others: Architecture, second: Folding = folding) -> list[Any]:
        return [
            lower(tiny(), zcu102(), folding, share_with=[wide]),
            lower(wide, zcu102(), second, share_with=others),
        ]

    check_kernel(plans(tiny()))
    with pytest.raises(ConfigError, match=r"plan.folding.tm of network 1"):
        check_together(plans(tiny(), second=replace(folding, tm=8)))
    without = [lower(arch, zcu102(), folding) for arch in (tiny(), wide)]
    with pytest.raises(ConfigError, match=r"depth of network 1.*room for the others"):
        check_together(without)
    roomier = replace(tiny(), embed_dim=48)
    both = [lower(arch, zcu102(), folding, share_with=[roomier, wide]) for arch in (tiny(), wide)]
    check_together(both)
    with pytest.raises(ConfigError, match=r"plan\.buffers"):  # more room than the networks need
        check_kernel(both)
    with pytest.raises(ConfigError, match="at least one"):
        check_together([])


def test_a_project_is_made_of_one_kernel_with_a_label_each(shared: Kernel) -> None:
    first, second, _ = shared.members
    for members, match in (
        ((first, replace(second, label=first.label)), "labels"),
        ((first, replace(second, label="a/b")), "name"),
        ((first, replace(second, network=first.network)), "architecture"),
        ((), "at least one"),
    ):
        with pytest.raises(ConfigError, match=match):
            replace(shared, members=members).files()
    alone = lower(second.plan.architecture, shared.device, second.plan.folding)
    if alone != second.plan:
        with pytest.raises(ConfigError, match="of network 1"):
            replace(shared, members=(first, replace(second, plan=alone))).files()


def test_other_networks_than_the_projects_are_refused(shared: Kernel, tmp_path: Path) -> None:
    project = shared.write(tmp_path / "project")
    for networks in (shared.networks[::-1], shared.networks[:2]):
        with pytest.raises(CheckpointError, match="these"):
            verify_project(project, networks, shared.images, shared.labels)
    other = replace(shared.plans[1], clock_mhz=1.0)
    with pytest.raises(CheckpointError, match="clock_mhz of network 1"):
        verify_project(
            project,
            shared.networks,
            shared.images,
            shared.labels,
            plans=[shared.plans[0], other, shared.plans[2]],
        )


def test_a_kernel_of_one_is_the_project_of_one() -> None:
    design = small()
    kernel = Kernel((), design.device, design.images, design.labels)
    members = (KernelNetwork(design.network, design.plan, "shared"),)
    assert dict(replace(kernel, members=members).files()) == dict(design.files("shared"))
