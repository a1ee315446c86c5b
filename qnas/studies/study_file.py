"""A study's TOML as plain data: the file, changes by `--set`, and the table [space] completed."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qnas._util.extensions import resolve
from qnas._util.serialization import encode, read_toml
from qnas.data import count_classes, resolve_data
from qnas.errors import ConfigError, UnknownNameError, nearest, problem
from qnas.spaces import load_space

LIKE, OWN = "like", "own"


def read_study(source: str | Path, changes: Sequence[str] = ()) -> tuple[dict[str, Any], Path]:
    """Read the TOML file `source`, or that of a shipped study's name, as plain data.

    Args:
        source: The file, or the name.
        changes: Values that replace those of the file, as `train.epochs=5`.

    Returns:
        The data, and the path of the file.

    Raises:
        ConfigError: The file is missing or no TOML, or a change is no KEY=VALUE.
        UnknownNameError: No study has this name.
    """
    path = _find(source)
    data = read_toml(path)
    for text in changes:
        change(data, text)
    complete_space(data, path.resolve().parent)
    return data, path


def change(data: dict[str, Any], text: str) -> None:
    """Set one value of a study's plain data.

    Args:
        data: The data, changed in place.
        text: KEY=VALUE with a dotted key and a TOML value; text needs no quotes.

    Raises:
        ConfigError: `text` is no such change.
    """
    dotted, equals, value = text.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        rule, remedy = "must be KEY=VALUE", "Write, say, --set train.epochs=5."
        raise ConfigError(problem("--set", rule, repr(text), remedy))
    if keys[0] == "space" and len(keys) > 1 and isinstance(data.get("space"), str):
        data["space"] = {LIKE: data["space"]}
    table = data
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            rule = "must be a table, for --set to change a key of it"
            raise ConfigError(problem(key, rule, repr(table), "Write the table in the study."))
    table[keys[-1]] = _value(value.strip())


def _value(text: str) -> Any:
    """The TOML value in `text`; `text` itself if it is none, such as a name without quotes."""
    try:
        (value,) = tomllib.loads(f"value = {text}").values()
        return value
    except ValueError:
        return text


def complete_space(data: dict[str, Any], folder: Path) -> None:
    """Complete the table [space] of a study's plain data, in place.

    The space that the key `like` names gives every field that the table leaves out. Without
    `num_classes` the data give their number of classes.

    Raises:
        ConfigError: The number of classes can only be known by running a Python function.
    """
    table = data.get("space")
    if not isinstance(table, dict):
        return
    like = table.get(LIKE)
    known = encode(load_space(resolve(like, folder))) if isinstance(like, str) else {}
    known.pop("num_classes", None)
    own = {key: value for key, value in table.items() if key != LIKE or not known}
    data["space"] = table = {**known, "name": OWN, **own}
    source = data.get("data")
    if "num_classes" in table or not isinstance(source, str):
        return
    size, channels = table.get("image_size"), table.get("in_channels")
    if isinstance(size, int) and isinstance(channels, int):
        table["num_classes"] = count_classes(
            resolve_data(source, folder), size=size, channels=channels
        )


def shipped_studies() -> dict[str, Path]:
    """The studies inside the package, by name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}


def _find(source: str | Path) -> Path:
    path = Path(source)
    shipped = shipped_studies()
    if path.exists() or path.suffix == ".toml" or len(path.parts) != 1:
        return path
    if str(source) not in shipped:
        raise UnknownNameError(
            problem(
                "study",
                "must be a TOML file or a known name",
                repr(str(source)),
                nearest(str(source), shipped),
            )
        )
    return shipped[str(source)]
