"""What a user may get wrong, and the message that says so: subject, rule, value, remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qnas._util.serialization import encode
from qnas.accel.device import load_device
from qnas.accel.plan.check import check_plan
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import ConfigError
from tests.accel.designs import tiny, zcu102
from tests.accel.test_device import TEXT

LANES = {"tm": 4, "tt": 2, "tk": 4, "vl": 2, "lut_slots": 0, "drain_pairs": 1, "head_buffers": 1}
TOKENS = "must be from 1 to `tk`, at most 255"
VECTOR = "must be a power of two, at most `tk`"
LUT_SLOTS = "must be even, between 0 and `tm`"
PAIRS = "must be a power of two that divides `tm` / 2, at most `tt`"
SCORES = "must be a power of two that divides `tm` / 2, from `drain_pairs` to `vl`"
LOADS = "must be a power of two that divides `tm` / 2"
DEPTH = "plan.stages[block0.norm1].loops[normalise].depth"
EDITED = "for this architecture, folding and device"
DO_NOT = "Do not edit plans: lower them again."


def _message(subject: str, rule: str, value: object, remedy: str) -> str:
    return f"`{subject}` {rule}; got {value}. {remedy}"


def _changed(data: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """JSON of `data` with one value replaced."""
    copy = json.loads(json.dumps(encode(data)))
    item = copy
    for key in path[:-1]:
        item = item[key]
    assert item[path[-1]] != value or type(item[path[-1]]) is not type(value)
    item[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("tm", 0, "must be even and positive"),
        ("tm", 5, "must be even and positive"),
        ("tm", -4, "must be even and positive"),
        ("tm", 4.0, "must be a whole number"),
        ("tk", "4", "must be a whole number"),
        ("vl", True, "must be a whole number"),
        ("tt", 0, TOKENS),
        ("tt", 5, TOKENS),
        ("tk", 6, "must be a power of two"),
        ("tk", -4, "must be a power of two"),
        ("vl", 3, VECTOR),
        ("vl", 8, VECTOR),
        ("lut_slots", 1, LUT_SLOTS),
        ("lut_slots", 6, LUT_SLOTS),
        ("lut_slots", -2, LUT_SLOTS),
        ("drain_pairs", 0, PAIRS),
        ("drain_pairs", 4, PAIRS),
        ("drain_pairs", 3, PAIRS),
        ("score_pairs", 0, SCORES),
        ("score_pairs", 4, SCORES),
        ("load_pairs", 0, LOADS),
        ("load_pairs", 4, LOADS),
        ("lut_tokens", -1, "must be between 0 and `tt`"),
        ("lut_tokens", 3, "must be between 0 and `tt`"),
        ("head_buffers", 0, "must be 1 or 2"),
        ("head_buffers", 3, "must be 1 or 2"),
        ("batch", 0, "must be a whole number from 1 to 64"),
        ("batch", 65, "must be a whole number from 1 to 64"),
    ],
)
def test_impossible_foldings(field: str, value: Any, rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        lower(tiny(), zcu102(), Folding(**{**LANES, field: value}))
    shown = value if type(value) is int else repr(value)
    assert str(caught.value) == _message(field, rule, shown, "Choose another folding.")


@pytest.mark.parametrize(("tm", "tt", "pairs"), [(4, 4, 4), (12, 4, 3), (8, 1, 2), (8, 4, 0)])
def test_pairs_that_cannot_leave_together(tm: int, tt: int, pairs: int) -> None:
    folding = Folding(tm=tm, tt=tt, tk=4, vl=4, drain_pairs=pairs, score_pairs=4)
    with pytest.raises(ConfigError) as caught:
        lower(tiny(), zcu102(), folding)
    assert str(caught.value) == _message("drain_pairs", PAIRS, pairs, "Choose another folding.")


@pytest.mark.parametrize(("drained", "vl", "pairs"), [(1, 1, 2), (2, 4, 1)])
def test_pairs_of_scores_that_cannot_leave_together(drained: int, vl: int, pairs: int) -> None:
    folding = Folding(tm=8, tt=4, tk=4, vl=vl, drain_pairs=drained, score_pairs=pairs)
    with pytest.raises(ConfigError) as caught:
        lower(tiny(), zcu102(), folding)
    assert str(caught.value) == _message("score_pairs", SCORES, pairs, "Choose another folding.")


@pytest.mark.parametrize(
    ("path", "value", "subject", "expected"),
    [
        (("clock_mhz",), 300.0, "plan.clock_mhz", 150.0),
        (("dsp_wide_bits",), 25, "plan.dsp_wide_bits", 27),
        (("packing", "cascade"), 8, "plan.packing.cascade", 4),
        (("packing", "field_bits"), 12, "plan.packing.field_bits", 11),
        (("accumulator_bits",), 12, "plan.accumulator_bits", 13),
        (("stages", 2, "loops", 1, "trips"), 31, "plan.stages[stem].loops[tiles].trips", 16),
        (("stages", 7, "step"), 8, "plan.stages[block0.head0.softmax].step", 7),
        (("stages", 3, "loops", 1, "depth"), 0, DEPTH, 39),
        (("buffers", 2, "depth"), 20, "plan.buffers[prob].depth", 10),
        (("ports", 0, "burst"), 16, "plan.ports[weights].burst", 64),
        (("stages", 3, "stream_words"), 0, "plan.stages[block0.norm1].stream_words", 5),
        (("buffers", 0, "depth"), 1, "plan.buffers[act].depth", 15),
        (("multipliers", 3, "count"), 1, "plan.multipliers[requantize].count", 2),
        (("ports", 2, "words"), 4, "plan.ports[logits].words", 3),
    ],
)
def test_plans_edited_by_hand(
    path: tuple[str | int, ...], value: Any, subject: str, expected: Any
) -> None:
    plan = HardwarePlan.from_json(_changed(lower(tiny(), zcu102(), Folding(**LANES)), path, value))
    with pytest.raises(ConfigError) as caught:
        check_plan(plan, zcu102())
    rule = f"must be {expected!r} {EDITED}"
    assert str(caught.value) == _message(subject, rule, repr(value), DO_NOT)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("folding", "tm"), "4", "`plan: folding.tm` must be a valid integer; got '4'"),
        (("folding", "tm"), 4.5, "`plan: folding.tm` must be a valid integer; got 4.5"),
        (("stages", 0, "kind"), "convolution", "`plan: stages.0.kind` must be 'load_patches',"),
        (("packing",), None, "`plan: packing` must be an object; got None"),
        (("architecture", "stem_w8"), 9, "`stem_w8` must be a share in eighths, 0..8; got 9"),
    ],
)
def test_plans_that_are_none(path: tuple[str | int, ...], value: Any, message: str) -> None:
    data = _changed(lower(tiny(), zcu102(), Folding(**LANES)), path, value)
    with pytest.raises(ConfigError) as caught:
        HardwarePlan.from_json(data)
    assert message in str(caught.value)


COUNTS = ("lut", "ff", "dsp", "bram18", "uram")
RATES = ("clock_mhz", "dram_gbytes_per_s")


def _device_file(folder: Path, field: str, value: str | None) -> Path:
    """A device file whose first line of `field` has another value, or is missing."""
    lines = TEXT.splitlines()
    index = next(i for i, line in enumerate(lines) if line.startswith(f"{field} ="))
    lines[index : index + 1] = [] if value is None else [f"{field} = {value}"]
    path = folder / "mine.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("field", [*COUNTS, *RATES, "dram_efficiency", "port_bits"])
def test_device_files_without_a_number(tmp_path: Path, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_device(_device_file(tmp_path, field, None))
    subject = f"device file mine.toml: {field}"
    assert str(caught.value) == _message(subject, "must be given", "nothing", "Add it.")


@pytest.mark.parametrize("field", [*COUNTS, *RATES])
def test_device_files_with_a_negative_number(tmp_path: Path, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_device(_device_file(tmp_path, field, "-1"))
    rule = "must not be negative" if field == "uram" else "must be positive"
    value = "-1" if field in COUNTS else "-1.0"
    message = _message(field, rule, value, "Correct the device file.")
    assert str(caught.value) == f"device file mine.toml: {message}"


@pytest.mark.parametrize("field", [*COUNTS, *RATES])
@pytest.mark.parametrize("value", ["nan", "inf", "'many'", "[1]"])
def test_device_files_with_what_is_no_number(tmp_path: Path, field: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_device(_device_file(tmp_path, field, value))
    kind = "integer" if field in COUNTS else "number"
    message = str(caught.value)
    assert message.startswith(f"`device file mine.toml: {field}` must be a ")
    assert f"{kind}; got {value}. Correct the value." in message


@pytest.mark.parametrize("share", [-1, 9, 100])
@pytest.mark.parametrize("matrix", ["qkv", "proj", "fc1", "fc2"])
def test_shares_of_a_matrix_outside_0_to_8(matrix: str, share: int) -> None:
    with pytest.raises(ConfigError) as caught:
        Architecture.from_json(_changed(tiny(), ("blocks", 0, "w8", matrix), share))
    rule = "must be a share in eighths, 0..8"
    assert str(caught.value).endswith(_message(matrix, rule, share, "Choose 0 to 8."))


@pytest.mark.parametrize("share", [-1, 9])
@pytest.mark.parametrize("matrix", ["stem_w8", "head_w8"])
def test_shares_of_stem_and_head_outside_0_to_8(matrix: str, share: int) -> None:
    with pytest.raises(ConfigError) as caught:
        Architecture.from_json(_changed(tiny(), (matrix,), share))
    rule = "must be a share in eighths, 0..8"
    assert str(caught.value).endswith(_message(matrix, rule, share, "Choose 0 to 8."))


@pytest.mark.parametrize("share", [4.5, "4", None, True])
def test_shares_that_are_no_whole_numbers(share: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        Architecture.from_json(_changed(tiny(), ("blocks", 0, "w8", "fc1"), share))
    assert "`architecture: blocks.0.w8.fc1` must be a valid integer" in str(caught.value)
