"""The checked stream: depth, deadlock, reading empty, data left behind."""

from __future__ import annotations

import subprocess
from importlib import resources
from pathlib import Path

import pytest

PROGRAM = r"""
#include "dataflow.hpp"
#include <cstdio>
#include <cstdlib>

typedef hls::stream<int> Stream;

// Sends all of a, then all of b; the receiver takes them in turn: a must hold all but one.
static void send(Stream& a, Stream& b, int count) {
    for (int i = 0; i < count; ++i) a.write(i);
    for (int i = 0; i < count; ++i) b.write(-i);
}
static void receive(Stream& a, Stream& b, int count, long& sum) {
    for (int i = 0; i < count; ++i) sum += 2 * a.read() + b.read();
}

static void region(int depth, int sent, int received) {
    Stream a("a"), b("b");
    QNAS_DEPTH(a, depth);
    QNAS_DEPTH(b, depth);
    long sum = 0;
    QNAS_PROCESS(send(a, b, sent));
    QNAS_PROCESS(receive(a, b, received, sum));
    QNAS_JOIN();
    std::printf("%ld\n", sum);
}

// A process with two regions of its own, one after the other: half of what comes in each.
static void pass_on(Stream& in, Stream& out, int count) {
    for (int i = 0; i < count; ++i) out.write(in.read());
}
static void add_up(Stream& in, int count, long& sum) {
    for (int i = 0; i < count; ++i) sum += in.read();
}
static void halves(Stream& in, int depth, int count, long& sum) {
    for (int half = 0; half < 2; ++half) {
        Stream inner("inner");
        QNAS_DEPTH(inner, depth);
        QNAS_PROCESS(pass_on(in, inner, count / 2));
        QNAS_PROCESS(add_up(inner, count / 2, sum));
        QNAS_JOIN();
    }
}
static void count_up(Stream& out, int count) {
    for (int i = 0; i < count; ++i) out.write(i);
}
static void nested(int depth, int sent, int received) {
    Stream outer("outer");
    QNAS_DEPTH(outer, depth);
    long sum = 0;
    QNAS_PROCESS(count_up(outer, sent));
    QNAS_PROCESS(halves(outer, depth, received, sum));
    QNAS_JOIN();
    std::printf("%ld\n", sum);
}

int main(int count, char** argv) {
    const int depth = std::atoi(argv[1]);
    for (int run = 0; run < 3; ++run)
        (count > 4 ? nested : region)(depth, std::atoi(argv[2]), std::atoi(argv[3]));
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stream")
    (folder / "region.cpp").write_text(PROGRAM)
    with resources.as_file(resources.files("qnas.accel") / "hls") as library:
        includes = [f"-I{library / 'sim'}", f"-I{library / 'src'}"]
        command = ["g++", "-std=c++14", "-O0", *includes, "region.cpp", "-o", "region"]
        subprocess.run(command, cwd=folder, check=True)
    return folder / "region"


def run(
    program: Path, depth: int, sent: int, received: int, *mode: str
) -> subprocess.CompletedProcess[str]:
    command = [str(program), str(depth), str(sent), str(received), *mode]
    return subprocess.run(command, capture_output=True, text=True, timeout=20)


def test_deep_enough_streams_pass_everything_on(program: Path) -> None:
    done = run(program, 15, 16, 16)
    assert done.returncode == 0
    assert done.stdout.split() == ["120"] * 3


def test_a_stream_too_shallow_deadlocks_as_the_hardware_would(program: Path) -> None:
    done = run(program, 14, 16, 16)
    assert done.returncode == 3
    assert "deadlock" in done.stderr
    assert "send(a, b, sent) waits, writing full stream 'a'" in done.stderr
    assert "receive(a, b, received, sum) waits, reading empty stream 'b'" in done.stderr


def test_reading_what_nobody_writes_is_a_fault(program: Path) -> None:
    done = run(program, 16, 15, 16)
    assert done.returncode == 3
    assert "send(a, b, sent) has ended" in done.stderr
    assert "reading empty stream 'a'" in done.stderr


def test_data_left_behind_is_a_fault(program: Path) -> None:
    done = run(program, 16, 16, 15)
    assert done.returncode == 3
    assert "1 words left behind in stream" in done.stderr


@pytest.mark.parametrize("depth", [1, 3, 40])
def test_a_process_may_hold_regions_of_its_own(program: Path, depth: int) -> None:
    done = run(program, depth, 16, 16, "nested")
    assert done.returncode == 0
    assert done.stdout.split() == ["120"] * 3


def test_a_deadlock_inside_a_process_names_all_who_wait(program: Path) -> None:
    done = run(program, 3, 15, 16, "nested")
    assert done.returncode == 3
    assert "halves(outer, depth, received, sum) waits, the end of its region" in done.stderr
    assert "pass_on(in, inner, count / 2) waits, reading empty stream 'outer'" in done.stderr
    assert "count_up(outer, sent) has ended" in done.stderr
