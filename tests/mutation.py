"""Files with something wrong, for hypothesis: a value replaced, removed or added, bytes cut or
overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 3, 7, 2**31, 2**64, 10**400, -(10**30)),
    *(0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"), float("-inf")),
    *("", "x", "../x", "/", "a\0b", "\ud800", "x" * 5000, "nan", "9" * 30, "zcu102"),
    *([], {}, [[]], [None], {"": 0}, [1, "a", {}], [0] * 300),
)


def _places(data: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in plain data."""
    items = data.items() if isinstance(data, dict) else ()
    items = enumerate(data) if isinstance(data, list) else items
    for key, value in items:
        yield (*here, key)
        yield from _places(value, (*here, key))


def changed(data: Any, draw: st.DrawFn) -> Any:
    """A copy with one to three values replaced, removed or added."""
    copy = json.loads(json.dumps(data))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(copy))
        if not places:
            break
        *path, last = draw(st.sampled_from(places))
        item = copy
        for key in path:
            item = item[key]
        act = draw(st.integers(0, 5))
        if act == 0:
            del item[last]
        elif act == 1 and isinstance(item, dict):
            item[draw(st.sampled_from(("x", "", "name", "a.b", "\0")))] = 1
        else:
            # A copy: a later change may go into it, and then into itself without end.
            item[last] = deepcopy(draw(st.sampled_from(ODD)))
    return copy


def damaged(content: bytes, draw: st.DrawFn) -> bytes:
    """A piece cut out, and noise or what means something to parsers in its place."""
    start = draw(st.integers(0, len(content)))
    length = draw(st.sampled_from((0, 1, 4, 40, len(content))))
    noise = draw(
        st.binary(max_size=8)
        | st.sampled_from((b"[" * 3000, b"\0" * 9, b'"', b"\n", b"1" * 5000, b",,,", b"nan", b"="))
    )
    return content[:start] + noise + content[start + length :]


@st.composite
def json_files(draw: st.DrawFn, good: Any) -> bytes:
    if draw(st.booleans()):
        return json.dumps(changed(good, draw)).encode()
    return damaged(json.dumps(good).encode(), draw)


@st.composite
def byte_files(draw: st.DrawFn, good: tuple[bytes, ...]) -> bytes:
    return damaged(draw(st.sampled_from(good)), draw)


@st.composite
def toml_files(draw: st.DrawFn, good: str) -> bytes:
    """A line's value replaced by an odd one, a line removed or doubled, or bytes damaged."""
    lines = good.splitlines()
    index = draw(st.integers(0, len(lines) - 1))
    act = draw(st.integers(0, 5))
    if act == 0:
        return damaged(good.encode(), draw)
    if act == 1:
        lines.insert(index, draw(st.sampled_from([*lines, "x = 1", "[x]", "[[x]]", "a.b.c = []"])))
    elif act == 2:
        del lines[index]
    else:
        lines[index] = f"{lines[index].partition('=')[0]} = {draw(st.sampled_from(TOML_ODD))}"
    return "\n".join(lines).encode()


TOML_ODD = (
    *("-1", "0", "1", "9" * 400, f"0x{'f' * 4000}", "1e308", "-0.0", "nan", "inf", "-inf"),
    *('""', '"x"', '"../x"', '"/"', '"a\\u0000b"', '"a.toml"', '"m.py:x"', '"numpy:"', '":"'),
    *("true", "[]", "{}", "[[]]", "{x = 1}", "1979-05-27", "07:32:00", "[0.5, 0.25]", "['a', 1]"),
    *("[" * 2000, f'"{"x" * 5000}"', '"folder:~x"', '"~/w.pth"', '["error", "error"]'),
)
