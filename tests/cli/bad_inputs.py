"""What a user may get wrong, a case each: the files, the command, and what must be said of them.

A case whose command is the same as its neighbours' stands in their table: see `_cases`.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qnas.accel.device import load_device
from qnas.accel.folding import Folding
from qnas.accel.lower import lower
from qnas.objectives.calibration.pairs import REQUIRED
from qnas.serial import encode
from qnas.spaces import load_space
from tests.accel.test_device import TEXT as DEVICE

STUDY = 'name = "mine"\nspace = "digits"\ndata = "digits"\ndevice = "zcu102"\n'
FIX_STUDY = "Correct the study's TOML."
FIX_DEVICE = "Correct the device file."
FIX_VALUE = "Correct the value."
NUL = "must hold no NUL character"
DEEP = 100_000
DIGITS = "1" * 400


@dataclass(frozen=True)
class Bad:
    """`files` are made in an empty folder, `command` is run there. The message must be about
    `subject`, and say `rule`, `value` and `remedy` in that order."""

    name: str
    files: Mapping[str, str | bytes]
    command: str
    subject: str
    rule: str
    value: str
    remedy: str


def cases() -> list[Bad]:
    """All of them, by subject."""
    tables = (_studies, _devices, _architectures, _plans, _reports, _pairs, _images, _commands)
    return [case for table in tables for case in table()]


def _studies() -> Iterator[Bad]:
    plain = "must be a plain folder name"
    for name, value in (
        ("outside", "../mine"),
        ("absolute", "/tmp/mine"),
        ("in a folder", "a/mine"),
        ("parent", ".."),
        ("two lines", "a\\nb"),
        ("long", "a" * 101),
    ):
        text = STUDY.replace("mine", value)
        yield Bad(f"name {name}", {"s.toml": text}, "check s.toml", "name", plain, "", FIX_STUDY)
    yield from _of_study(
        ("name with NUL", 'NAME = "a\\u0000b"', "s.toml", NUL, r"a\x00b", FIX_VALUE),
        ("device with NUL", 'DEVICE = "a\\u0000.toml"', "s.toml", NUL, r"a\x00", FIX_VALUE),
        ("key with NUL", '"a\\u0000" = 1', "s.toml", NUL, r"a\x00", FIX_VALUE),
        ("seed below", "seed = -1", "seed", "must be in 0..2**32-1", "-1", FIX_STUDY),
        ("seed a bool", "seed = true", "seed", "must be a valid integer", "True", FIX_VALUE),
        ("huge number", f"seed = 0x{'f' * 5000}", "s.toml", "must hold numbers", "digits", ""),
        ("deep lists", f"seed = {'[' * DEEP}", "s.toml", "must be valid TOML", "", ""),
        ("targets 0", "fps_targets = [0]", "fps_targets", "must be positive", "[0]", FIX_STUDY),
        ("no verify", "verify_images = -1", "verify_images", "must be 0 (all)", "-1", FIX_STUDY),
        ("limit 0", "limits.dsp = 0", "limits", "must be positive", "0", FIX_STUDY),
        ("limit unknown", "limits.dsps = 5", "objective", "must be", "'dsps'", "'dsp'"),
        ("beyond", "fps_targets = [99000000]", "fps_targets", "must be reached", "99", ""),
        ("no weights", 'pretrained = "w.pth"', "pretrained", "must be a file", "w.pth", ""),
        ("no device", 'DEVICE = "b.toml"', "b.toml", "must be a readable TOML", "No such", ""),
        ("no data kind", 'DATA = "csv:x"', "data", "must be a known data set", "'csv:x'", "Known"),
        ("no such file", 'SPACE = "m.py:A"', "space", "must be a Python file", "m.py:A", ""),
        ("stop 0", "search.stop_after = 0", "search.stop_after", "must be at least 1", "0", ""),
        ("focus 1", "search.focus_every = 1", "search.focus_every", "must be 0, or 2", "1", ""),
        (
            "seeds need NSGA-II",
            'search = {seed_from = "run", sampler = "TPESampler"}',
            *("search.seed_from", "goes with the sampler", "TPESampler", FIX_STUDY),
        ),
        ("rate nan", "train.learning_rate = nan", "train.learning_rate", "must be", "nan", ""),
        ("rate inf", "train.learning_rate = inf", "train.learning_rate", "must be", "inf", ""),
        ("crop 0", "images.crop = 0.0", "images.crop", "must lie above 0", "0.0", "Correct"),
        ("tune 0", "tune.epochs = 0", "tune.epochs", "must be at least 1", "0", FIX_STUDY),
        (
            "nothing to train on",
            "splits = {search_fraction = 0.6, report_fraction = 0.5}",
            *("search_fraction + report_fraction", "must leave images", "1.1", "Lower one"),
        ),
        ("bound", 'calibration.bound = "low"', "calibration.bound", "must be 'value'", "'low'", ""),
        ("no measurements", 'calibration.file = "c"', "calibration.file", "must be a file", "", ""),
    )
    runs = "must be a name in a Python file that runs"
    for name, mine, rule, value, remedy in (
        ("fails", "1 / 0", runs, "ZeroDivisionError", "Correct the file."),
        ("lacks it", "B = 1", runs, "AttributeError", "Correct the file."),
        ("is no space", "A = 5", "must be a SearchSpace", "5", "Write one."),
    ):
        files = {"s.toml": STUDY.replace('space = "digits"', 'space = "m.py:A"'), "m.py": mine}
        yield Bad(f"space {name}", files, "check s.toml", "space", rule, value, remedy)
    for name, content in (
        ("cut", '{"measurements": '),
        ("deep", "[" * DEEP),
        ("not text", b"\xff"),
    ):
        files = {"s.toml": STUDY + 'calibration.file = "c.json"', "c.json": content}
        rule = "must be a whole JSON file"
        yield Bad(f"calibration {name}", files, "train s.toml", "c.json", rule, "", "Delete it")
    for name, content in (("nothing", b""), ("bytes", b"\xff\xfe\x00")):
        rule, subject = "must be given" if not content else "must be valid TOML", "s.toml"
        yield Bad(f"a study of {name}", {subject: content}, f"run {subject}", subject, rule, "", "")
    yield Bad("a folder", {"a.toml/b": ""}, "run a.toml", "a.toml", "must be a readable", "", "")


def _of_study(*rows: tuple[str, ...]) -> Iterator[Bad]:
    """A study with a line more; NAME, SPACE, DATA and DEVICE replace a line."""
    for name, line, subject, rule, value, remedy in rows:
        key = line.split(" ")[0]
        kept = [k for k in STUDY.splitlines() if not key.isupper() or key.lower() not in k[:7]]
        text = "\n".join([*kept, line.replace(key, key.lower(), 1) if key.isupper() else line])
        yield Bad(name, {"s.toml": text}, "check s.toml", subject, rule, value, remedy)


def _devices() -> Iterator[Bad]:
    share, most = "must be a share above 0, at most 1", "must be at most 1,000,000,000"
    for old, new, subject, rule, value, remedy in (
        ("lut = 0.7", "lut = 0.0", "margins.lut", share, "0.0", "Choose, say, 0.7."),
        ("lut = 0.7", "lut = -1.0", "margins.lut", share, "-1.0", "Choose, say, 0.7."),
        ("dsp = 0.7\n", "", "margins.dsp", "must be given", "nothing", "Add it."),
        ("lut = 1000", f"lut = {DIGITS}", "lut", most, DIGITS, FIX_DEVICE),
        ("clock_mhz = 100.0", "clock_mhz = 1e300", "clock_mhz", most, "1e+300", FIX_DEVICE),
        ("lut = 1000", "lut = 0", "lut", "must be positive", "0", FIX_DEVICE),
        ("port_bits = 128", "port_bits = 96", "port_bits", "must be a power of two", "96", ""),
        ("clock_mhz = 100.0", "clock_mhz = 9e5", "port_bits", "must not outrun", "GB/s", "slower"),
        ("efficiency = 0.5", "efficiency = 1.5", "dram_efficiency", share, "1.5", FIX_DEVICE),
        ("dsp = 10", "dsp = 10\ndsp_wide_bits = 4", "dsp_wide_bits", "must be from 8", "4", ""),
        ("lut = 1000", 'lut = 1000\nmemory = "DDR9"', "memory", "must be 'DDR3'", "'DDR9'", ""),
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
        ("image", _changed(small, "image_size", 1 << 40), "num_tokens", "must be at most", "", ""),
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
    alone = "must be given with --plans"
    yield Bad("next alone", {}, "measure --next 2", "--next", alone, "one alone", "Give both")
    kind = "measure --list --kind mack"
    yield Bad("unknown block", {}, kind, "block", "must be a known kind", "'mack'", "Known")
    project = "must be an exported project"
    yield Bad("no project", {}, "synth .", ".", project, "none", "`qnas export`")
    lacks = {"p/plan.json": json.dumps(encode(plan))}
    yield Bad("half a project", lacks, "synth p", "p", project, "build.tcl", "`qnas export`")


def _reports() -> Iterator[Bad]:
    kinds = "must be a csynth.xml"
    entity = '<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/hostname">]><profile>&a;</profile>'
    numbers = (
        "<profile><AreaEstimates><Resources><LUT>{}</LUT></Resources></AreaEstimates></profile>"
    )
    for name, content, subject, rule, value in (
        ("blank", " \n", "r.xml:1", kinds, "an empty file"),
        ("prose", "hello", "r.xml:1", kinds, "'hello'"),
        ("bytes", bytes(range(256)), "r.xml:1", kinds, ""),
        ("a page", "<html/>", "r.xml:1", kinds, "<html>"),
        ("entities", entity, "r.xml:1", "must hold no document type", "a DOCTYPE"),
        ("cut", "<profile><", "r.xml:1", "must be a whole XML report", ""),
        ("deep", "<a>" * DEEP + "</a>" * DEEP, "r.xml:1", kinds, "<a>"),
        ("huge number", numbers.format("1" * 5000), "r.xml:1", "must", "111"),
        ("no number", numbers.format("1x"), "r.xml:1", "must", "1x"),
    ):
        yield Bad(
            f"report {name}", {"r.xml": content}, "measurements r.xml", subject, rule, value, ""
        )
    readable = "must be a readable file"
    yield Bad(
        "no report", {}, "measurements r.xml", "r.xml", readable, "No such", "Check the path."
    )
    empty = {"reports/notes.txt": ""}
    hold = "must hold reports"
    yield Bad("no reports", empty, "measurements reports", "reports", hold, "none", "csynth.xml")
    command = "calibrate --reports . --out c.json"
    rule = "must hold exported projects"
    yield Bad("no projects", empty, command, ".", rule, "none", "Check the path.")


def _pairs() -> Iterator[Bad]:
    header, row = ",".join(("kernel", *REQUIRED)), "k" + ",1" * len(REQUIRED)
    for name, content, subject, rule, value, remedy in (
        ("empty", "", "p.csv", "must hold at least 5 designs", "0", "Add"),
        ("few", f"{header}\n{row}\n", "p.csv", "must hold at least 5 designs", "1", "Add"),
        ("columns", "kernel\n" + "k\n" * 6, "p.csv", "must have the columns", "hls_", "Add them."),
        ("bytes", b"\xff\xfe", "p.csv", "must be a readable CSV file", "", "Check the path."),
        (
            "long field",
            f"kernel\n{'k' * 200_000}\n",
            "p.csv",
            "must be a readable CSV",
            "limit",
            "",
        ),
        ("text", f"{header}\n" + f"{row}x\n" * 6, "impl_ff", "must be a finite number", "'1x'", ""),
        (
            "minus",
            f"{header}\n" + "k,-1" + ",1" * 10 + f"\n{row}" * 6,
            "hls_bram18",
            "must be a",
            "'-1'",
            "",
        ),
        ("short", f"{header}\n" + "k,1\n" * 6, "hls_dsp", "must be a finite number", "None", ""),
    ):
        command = "calibrate --pairs p.csv --leave-one-out --json out.json"
        yield Bad(f"pairs {name}", {"p.csv": content}, command, subject, rule, value, remedy)
    help_ = "See"
    for options, rule, value in (
        ("", "must be given --pairs, or --reports", "neither or both"),
        ("--pairs p.csv --reports r --out c.json", "must be given --pairs", "neither or both"),
        ("--reports r", "must be given --pairs, or --reports with --out", "neither or both"),
        ("--pairs p.csv", "must be either --evaluate or --leave-one-out", "neither"),
        ("--pairs p.csv --evaluate p.csv --leave-one-out", "must be either --evaluate", "both"),
    ):
        yield Bad(
            f"calibrate {options}", {}, f"calibrate {options}", "calibrate", rule, value, help_
        )


def _npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _idx(*shape: int, data: bytes = b"") -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + data


def _images() -> Iterator[Bad]:
    images, labels = np.zeros((30, 8, 8), np.uint8), np.arange(30) % 10
    good = _npz(images=images, labels=labels)
    plain, again = "must be an .npz file of plain arrays", "Write it again"
    unpickled = np.array([{"a": 1}] * 30, dtype=object)
    for name, content, subject, rule, value in (
        ("of objects", _npz(images=images, labels=unpickled), "i.npz", plain, "allow_pickle=False"),
        ("cut", good[:200], "i.npz", plain, ""),
        ("damaged", good[:50] + bytes(60) + good[110:], "i.npz", plain, ""),
        ("of no labels", _npz(images=images), "i.npz", "must hold `labels`", "images"),
        (
            "of large classes",
            _npz(images=images, labels=labels * 2**58),
            "labels",
            "must be",
            "25940",
        ),
        ("of two classes", _npz(images=images, labels=labels % 2), "classes", "must be 10", "2"),
        (
            "of other sizes",
            _npz(images=images[:, :4], labels=labels),
            "images",
            "must be (1, 8",
            "4",
        ),
        (
            "of no images",
            _npz(images=images[:0], labels=labels[:0]),
            "images",
            "must be bytes",
            "(0",
        ),
        ("of few", _npz(images=images[:10], labels=labels[:10]), "", "must", ""),
    ):
        text = STUDY.replace('data = "digits"', 'data = "numpy:i.npz"')
        remedy = again if rule == plain else ""
        yield Bad(
            f"arrays {name}",
            {"s.toml": text, "i.npz": content},
            "train s.toml",
            subject,
            rule,
            value,
            remedy,
        )
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz")
    whole, unsigned = "must hold the", "must be an IDX file of unsigned bytes"
    for name, content, zipped, subject, rule, value in (
        ("that wraps", _idx(1 << 16, 1 << 16, 1 << 16, 1 << 16), b"", "images", whole, "0"),
        ("of axes", _idx(*[1] * 200, data=b"\1"), b"", "images", unsigned, "200 dimensions"),
        ("of nothing", b"", b"", "images", unsigned, "b''"),
        ("of a header", b"\0\0\x08\x03\0", b"", "images", unsigned, "5 bytes"),
        (
            "that is flat",
            _idx(4, data=b"abcd"),
            gzip.compress(_idx(4, data=b"0123")),
            "images",
            "must have 3",
            "(4,)",
        ),
        (
            "zipped badly",
            _idx(4, 1, 1, data=b"abcd"),
            b"\x1f\x8b\x08\0" + b"\0" * 30,
            "labels",
            "must be a whole",
            "",
        ),
        (
            "not zipped",
            _idx(4, 1, 1, data=b"abcd"),
            _idx(4, data=b"0123"),
            "labels",
            "must be a whole",
            "",
        ),
    ):
        text = STUDY.replace('data = "digits"', 'data = "idx:d"')
        files = {"s.toml": text, f"d/{names[0]}": content, f"d/{names[1]}": zipped}
        yield Bad(
            f"IDX {name}", files, "train s.toml", subject, rule, value, "Fetch the file again."
        )
    for name, path, rule in (
        ("without classes", "d/train/image.png", "must hold a folder of images for each class"),
        ("with an empty class", "d/train/a/notes.txt", "must hold an image"),
        ("that is none", "d", "must be a folder"),
    ):
        text = STUDY.replace('data = "digits"', 'data = "folder:d"')
        yield Bad(f"folder {name}", {"s.toml": text, path: ""}, "train s.toml", "d", rule, "", "")


def _commands() -> Iterator[Bad]:
    good, stands = {"s.toml": STUDY}, "stands on the stage `train`"
    for command in ("pick s.toml --fps 100", "tune s.toml --pick ../knee", "export s.toml"):
        yield Bad(
            f"{command} untrained", good, command, command.split()[0], stands, "runs", "`qnas"
        )
    for runs in ("", "a", "a a", "a b"):
        rule = "must be two or more different runs" if runs != "a b" else "must be"
        yield Bad(f"compare {runs}", {}, f"compare {runs}", "", rule, "", "")
    reach = "must reach an Optuna storage at"
    for storage in ("mysqll://x", "postgresql://nobody:secret@127.0.0.1:1/none", "here"):
        command = f"run s.toml --storage {storage}"
        yield Bad(f"storage {storage}", good, command, "--storage", reach, "Error", "grpc://")
    yield Bad("no workers", good, "run s.toml --workers 0", "workers", "must be", "0", "")
