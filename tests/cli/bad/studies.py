"""Studies: names, numbers, files that they lead to."""

from __future__ import annotations

from collections.abc import Iterator

from tests.cli.bad.case import DEEP, FIX_STUDY, FIX_VALUE, NUL, STUDY, Bad


def cases() -> Iterator[Bad]:
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
        ("no folder", 'DATA = "a/b"', "data", "must be a folder that exists", "a/b", "Check"),
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
        ("device tpu", 'train.device = "tpu"', "train.device", "must be auto", "'tpu'", "Choose"),
        ("no optimizer", 'train.optimizer = "adamm"', "train.optimizer", "must be an", "adamm", ""),
        ("no schedule", 'train.schedule = "cosin"', "train.schedule", "must be a sch", "cosin", ""),
        ("no teacher", 'train.teacher = "deit_tony"', "train.teacher", "must be", "deit_tony", ""),
        ("crop 0", "images.crop = 0.0", "images.crop", "must lie in 0.1..1", "0.0", "Correct"),
        ("tune 0", "tune.epochs = 0", "tune.epochs", "must lie in 1..1,000,000", "0", FIX_STUDY),
        (
            "nothing to train on",
            "splits = {search_fraction = 0.6, report_fraction = 0.5}",
            *("search_fraction + report_fraction", "must leave images", "1.1", "Lower one"),
        ),
        ("confidence", "confidence = 0.5", "confidence", "must be 0.9", "0.5", "Correct"),
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
