"""The probe: what loops do to memories, on loops whose answers are known, and in whole projects."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from qnas._util.units import ceil_div
from qnas.accel.csim.probe import Access, Probe, instrumented, probe_of
from qnas.accel.csim.verify import verify_project
from qnas.accel.plan.loops import EXIT_STEPS
from qnas.errors import GeneratorError
from tests.accel.projects import QUICK, Design, change, several_ports, small, two_images

SIM = Path(__file__).parents[3] / "qnas/accel/hls/sim"
TYPES = """#pragma once
#include <ap_int.h>
#include <hls_stream.h>
namespace plan { constexpr int ROWS = 8, BANKS = 2; }
typedef int word_t;
typedef word_t OneMemory[plan::ROWS][plan::BANKS];
"""
KERNEL = """#include "types.hpp"
static int sum(const word_t row[plan::BANKS]) {{
    return row[0] + row[1];
}}
static int kernel() {{
    static OneMemory one;
    int total = 0;
loop:
    for (int i = 0; i < 32; ++i) {{
#pragma HLS PIPELINE II=1
{pragma}
        {body}
    }}
    return total;
}}
int main() {{
    return kernel() == 0;
}}
"""


def probe(tmp_path: Path, body: str, pragma: str = "") -> Probe:
    """Of a kernel with one loop of 32 iterations over one memory of 2 banks of 8 words."""
    project, copy = tmp_path / "project", tmp_path / "copy"
    for folder in ("src", "tb"):
        (project / folder).mkdir(parents=True)
    (project / "sim").symlink_to(SIM)
    (project / "src/types.hpp").write_text(TYPES)
    (project / "src/qnas_top.cpp").write_text(KERNEL.format(body=body, pragma=pragma))
    (project / "tb/project.hpp").write_text("")
    loops = instrumented(project, copy)
    program, result = tmp_path / "program", tmp_path / "result.json"
    options = ["-std=c++14", "-Wno-unknown-pragmas", f"-I{copy / 'sim'}"]
    subprocess.run(["g++", *options, str(copy / "src/qnas_top.cpp"), "-o", program], check=True)
    subprocess.run([program], env={**os.environ, "QNAS_PROBE": str(result)}, check=False)
    return probe_of([json.loads(result.read_text())], loops)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # Written at i, read 3 iterations later, written again 8 iterations after that.
        (
            "total += one[(i + 5) % 8][0]; one[i % 8][0] = i;",
            Access("kernel: loop", "one", 1, 1, 0, 3, 5, 8, ()),
        ),
        ("one[i % 8][i % 2] = i;", Access("kernel: loop", "one", 0, 1, 0, None, None, 8, ())),
        (  # one word, read, changed and written each time
            "one[3][1] = one[3][1] + 1;",
            Access("kernel: loop", "one", 1, 1, 0, 1, None, 1, ("WAR",)),
        ),
        (  # a whole row read, beside a word of it
            "total += sum(one[i % 8]) + one[i % 8][1];",
            Access("kernel: loop", "one", 1, 0, 0, None, None, None, ()),
        ),
        (
            "total += sum(one[i % 8]) + one[(i + 1) % 8][1];",
            Access("kernel: loop", "one", 2, 0, 0, None, None, None, ()),
        ),
    ],
)
def test_what_a_loop_does_to_a_memory(tmp_path: Path, body: str, expected: Access) -> None:
    found = probe(tmp_path, body)
    assert found.accesses == (expected,)
    assert found.iterations == 32
    assert found.clean == (expected.loads < 2)


def test_two_ports_are_one_too_many(tmp_path: Path) -> None:
    found = probe(tmp_path, "one[i % 8][0] = i; one[(i + 1) % 8][0] = i;")
    (fault,) = found.faults
    assert "loop `kernel: loop` (src/qnas_top.cpp:8), memory `one`" in fault
    assert "stored to 2 times in an iteration" in fault


def test_a_load_behind_a_store_must_be_claimed_apart(tmp_path: Path) -> None:
    body = "one[i % 8][0] = i; total += one[(i + 4) % 8][0];"
    (fault,) = probe(tmp_path / "a", body).faults
    assert "loaded behind a store of the same iteration, 32 times" in fault
    claim = "#pragma HLS DEPENDENCE variable=one intra RAW false"
    assert probe(tmp_path / "b", body, claim).clean


@pytest.mark.parametrize(
    ("claim", "true"),
    [
        ("inter RAW distance=3 true", True),
        ("inter RAW distance=4 true", False),
        ("inter false", False),
        ("inter WAR false", False),
        ("intra false", True),
    ],
)
def test_claims_are_held_against_what_happens(tmp_path: Path, claim: str, true: bool) -> None:
    """Written at i, read 3 iterations later."""
    body = "total += one[(i + 5) % 8][0]; one[i % 8][0] = i;"
    found = probe(tmp_path, body, f"#pragma HLS DEPENDENCE variable=one {claim}")
    assert found.clean == true and found.claims == 1
    assert all("claim at src/qnas_top.cpp:11 is not true" in fault for fault in found.faults)


def test_a_pipeline_that_heads_no_loop_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match=r"must head a loop"):
        probe(tmp_path, "one[0][0] = i;", "        total = 1;\n#pragma HLS PIPELINE II=1")


def watched(design: Design, project: Path) -> Probe:
    (found,) = verify_project(
        project, [design.network], design.images, design.labels, toolchain=QUICK, probe=True
    )
    assert found.mismatches == 0 and found.probe is not None
    return found.probe


PROJECTS = {"one port": small(), "four ports": several_ports(), "two images": two_images()}


@pytest.mark.parametrize("design", PROJECTS.values(), ids=PROJECTS)
def test_memories_of_a_project(tmp_path: Path, design: Design) -> None:
    found = watched(design, design.write(tmp_path / "project"))
    seen = {(access.loop, access.memory): access for access in found.accesses}
    assert {memory for _, memory in seen} == {
        b.name for b in design.plan.buffers if b.storage in ("lutram", "bram", "uram")
    } - {"exp", "rsqrt", "stream", "pixels", "answers"}
    assert max(max(access.loads, access.stores) for access in found.accesses) == 1
    trips = sum(loop.trips - loop.hidden for s in design.plan.stages for loop in s.loops)
    words = design.plan.stream_words + sum(port.words for port in design.plan.ports[-2:])
    softmaxes = sum(stage.kind == "softmax" for stage in design.plan.stages)  # no loop: one word
    passes = ceil_div(len(design.images), design.plan.folding.batch)
    counted = passes * (trips + words - softmaxes)
    entries = sum(loop.entries for s in design.plan.stages for loop in s.loops)
    idle = passes * EXIT_STEPS * entries  # at most: until a loop sees its end
    assert counted <= found.iterations <= counted + idle


def test_a_claim_that_is_not_true_is_named(tmp_path: Path) -> None:
    design = small()
    project = design.write(tmp_path / "project")
    line = "#pragma HLS DEPENDENCE variable=key inter false\n"
    change(project, "src/gemm.hpp", line, f"{line}{line.replace('key', 'weight')}")
    faults = watched(design, project).faults
    assert any("memory `weight`: the DEPENDENCE claim at src/gemm.hpp:" in f for f in faults)
