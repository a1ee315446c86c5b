"""Boards, networks and plans."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from qnas._util.serialization import encode
from qnas.accel.device import load_device
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.spaces import load_space
from tests.accel.test_device import TEXT as DEVICE
from tests.cli.bad.case import DEEP, DIGITS, FIX_DEVICE, FIX_VALUE, Bad


def cases() -> Iterator[Bad]:
    yield from _devices()
    yield from _architectures()
    yield from _plans()


def _devices() -> Iterator[Bad]:
    share, most = "must be a share above 0, at most 1", "must be at most 1,000,000,000"
    for old, new, subject, rule, value, remedy in (
        ("lut = 0.7", "lut = 0.0", "margins.lut", share, "0.0", "Choose, say, 0.7."),
        ("lut = 0.7", "lut = -1.0", "margins.lut", share, "-1.0", "Choose, say, 0.7."),
        ("dsp = 0.7\n", "", "margins.dsp", "must be given", "nothing", "Add it."),
        ("lut = 1000", f"lut = {DIGITS}", "lut", most, DIGITS, FIX_DEVICE),
        ("clock_mhz = 100.0", "clock_mhz = 1e-3", "clock_mhz", "must be at least 1", "0.001", ""),
        ("clock_mhz = 100.0", "clock_mhz = 1e300", "clock_mhz", most, "1e+300", FIX_DEVICE),
        ("lut = 1000", "lut = 0", "lut", "must be positive", "0", FIX_DEVICE),
        ("port_bits = 128", "port_bits = 96", "port_bits", "must be a power of two", "96", ""),
        ("clock_mhz = 100.0", "clock_mhz = 9e5", "port_bits", "must not outrun", "GB/s", "slower"),
        ("efficiency = 0.5", "efficiency = 1.5", "dram_efficiency", share, "1.5", FIX_DEVICE),
        ("dsp = 10", "dsp = 10\ndsp_wide_bits = 4", "dsp_wide_bits", "must be from 8", "4", ""),
        ("lut = 1000", "lut = 1000\nmemory = 4", "memory", "must be a valid string", "4", ""),
        ("lut = 1000", 'lut = 1000\nmemory = "\\u001b[2J"', "memory", "must be a text", "x1b", ""),
        ("lut = 1000", "lut = true", "lut", "must be a valid integer", "True", FIX_VALUE),
        ("lut = 1000", "lut = 200_000_000", "lut", "must be at most 100,000,000", "2", FIX_DEVICE),
        ("dsp = 10", "dsp = 2_000_000", "dsp", "must be at most 1,000,000", "2", FIX_DEVICE),
        (
            'y = "zynq-ultrascale-plus"',
            'y = "mars"',
            "family",
            "must be a known family",
            "mars",
            "Kn",
        ),
        ('y = "zynq-ultrascale-plus"', 'y = "zync-7000"', "family", "must be", "zync", "zynq-7000"),
        ("lut = 1000", "lut = 1000\nluts = 5", "luts", "must be a known key", "'luts'", "'lut'?"),
        ("lut = 1000", "lut = 1000\nsources = 5", "sources", "must be", "5", FIX_VALUE),
        ('"mine"', '"mine', "b.toml", "must be valid TOML", "line 2", "Correct that line."),
    ):
        assert old in DEVICE
        files = {"b.toml": DEVICE.replace(old, new, 1)}
        yield Bad(f"board {new[:40]}", files, "devices b.toml", subject, rule, value, remedy)
    readable = "must be a readable TOML file"
    yield Bad("no board", {}, "devices ../mine", "../mine", readable, "No such", "Check the path.")
    known = "must be a known device"
    yield Bad("misspelt board", {}, "devices zcu1o2", "device", known, "'zcu1o2'", "'zcu102'?")


def _changed(data: Any, path: str, value: Any) -> str:
    """JSON of `data` with one value replaced, by keys and indices apart by dots."""
    copy = json.loads(json.dumps(encode(data)))
    *keys, last = (int(key) if key.isdigit() else key for key in path.split("."))
    item = copy
    for key in keys:
        item = item[key]
    item[last] = value
    return json.dumps(copy)


def _architectures() -> Iterator[Bad]:
    small = load_space("digits").smallest()
    whole, command = "must be a JSON file of an architecture", "explain --arch a.json --device"
    for name, content, subject, rule, value, remedy in (
        ("empty", "", "a.json", whole, "", "Check the path and the file."),
        ("deep", "[" * DEEP, "a.json", whole, "recursion", "Check the path and the file."),
        ("bytes", b"\xff\xfe", "a.json", whole, "", "Check the path and the file."),
        ("a list", "[]", "architecture", "must be", "[]", FIX_VALUE),
        ("null", "null", "architecture", "must be", "None", FIX_VALUE),
        ("wide", _changed(small, "embed_dim", 10**9), "embed_dim", "must be at most", "10000", ""),
        ("digits", _changed(small, "embed_dim", int(DIGITS)), "embed_dim", "must be at", "11", ""),
        ("image", _changed(small, "image_size", 1 << 40), "image_size", "must be at most", "", ""),
        ("tokens", _changed(small, "image_size", 1 << 10), "num_tokens", "must be at most", "", ""),
        (
            "heads",
            _changed(small, "blocks.0.num_heads", 0),
            "num_heads",
            "must be at least 1",
            "0",
            "",
        ),
        ("hidden", _changed(small, "blocks.0.mlp_hidden", 1.5), "mlp_hidden", "must be", "1.5", ""),
        ("no shares", _changed(small, "blocks.0.w8", None), "blocks.0.w8", "must be", "None", ""),
        ("nan", _changed(small, "head_dim", float("nan")), "head_dim", "must be", "nan", FIX_VALUE),
    ):
        files = {"a.json": content}
        yield Bad(f"network {name}", files, f"{command} zcu102", subject, rule, value, remedy)
    good = {"a.json": json.dumps(small.to_json())}
    for share in ("0", "2", "-1", "nan"):
        remedy = "" if share == "nan" else "Choose"
        command = f"explain --arch a.json --device zcu102 --dsp-share {share}"
        yield Bad(f"share {share}", good, command, "dsp_share", "must be", share, remedy)


def _plans() -> Iterator[Bad]:
    lanes = Folding(tm=4, tt=2, tk=4, vl=2, lut_slots=0, drain_pairs=1)
    plan = lower(load_space("digits").smallest(), load_device("zcu102"), lanes)
    edited = "for this architecture, folding and device"
    for name, content, subject, rule, value, remedy in (
        ("cut", json.dumps(encode(plan))[:999], "plan.json", "must be a whole JSON file", "", ""),
        ("deep", "[" * DEEP, "plan.json", "must be a whole JSON file", "recursion", ""),
        ("a list", "[]", "plan", "must be", "[]", FIX_VALUE),
        ("no folding", _changed(plan, "folding", None), "plan: folding", "must be", "None", ""),
        ("lanes", _changed(plan, "folding.tk", 3), "tk", "must be a power of two", "3", "Choose"),
        ("lanes", _changed(plan, "folding.tm", 1 << 70), "tm", "must be", "11", ""),
        (
            "slower",
            _changed(plan, "clock_mhz", 1.0),
            "plan.clock_mhz",
            f"must be 150.0 {edited}",
            "1.0",
            "lower",
        ),
        ("trips", _changed(plan, "stages.0.loops.0.trips", -1), "trips", "must be", "-1", "lower"),
        (
            "negative",
            _changed(plan, "ports.0.words", int(DIGITS)),
            "words",
            "must be",
            "11",
            "lower",
        ),
        (
            "kind",
            _changed(plan, "stages.0.kind", "x"),
            "stages.0.kind",
            "must be",
            "'x'",
            FIX_VALUE,
        ),
        (
            "storage",
            _changed(plan, "buffers.0.storage", "x"),
            "storage",
            "must be",
            "'x'",
            FIX_VALUE,
        ),
        (
            "unknown",
            _changed(plan, "folding.tmm", 1),
            "folding.tmm",
            "must be a known key",
            "'tmm'",
            "'tm'?",
        ),
    ):
        files = {"picks/knee/plan.json": content}
        command = "explain picks/knee --device zcu102"
        yield Bad(f"plan {name} {subject}", files, command, subject, rule, value, remedy)
    good = {"picks/knee/plan.json": json.dumps(encode(plan))}
    lies = "must lie in a run with a manifest.json"
    yield Bad("pick alone", good, "explain picks/knee", "pick", lies, "", "--device")
    other = "explain picks/knee --device pynq_z2"
    yield Bad("another board's", good, other, "plan.device", "must be 'pynq", "zcu102", "lower")
    none = "must hold plans (plan.json)"
    yield Bad("no plans", {}, "measure --next 2 --plans .", ".", none, "none", "Give a run")
    alone = "must be given together with --plans"
    yield Bad("next alone", {}, "measure --next 2", "--next", alone, "one of them", "Give both")
    kind = "measure --list --kind mack"
    yield Bad("unknown block", {}, kind, "block", "must be a known kind", "'mack'", "Known")
    project = "must be an exported project"
    yield Bad("no project", {}, "synth .", ".", "must be a study", "nothing", "There are")
    lacks = {"p/plan.json": json.dumps(encode(plan))}
    yield Bad("half a project", lacks, "synth p", "p", project, "build.tcl", "`qnas export`")
