"""What a study changed since its run began: both values, and the first stage that depends on each.

Everything is compared by content. The paths of the files and of the Python files that a study names
are no content: a run that was moved or copied together with them is the same run.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qnas._util.extensions import portable
from qnas._util.serialization import encode
from qnas._util.timm_support import is_weights_file
from qnas.accel.device import Device, is_hbm
from qnas.errors import ConfigError, problem
from qnas.space import SearchSpace
from qnas.studies.config import Study
from qnas.studies.run.manifest import Manifest, Named, calibration_of, device_of, space_of
from qnas.studies.sections import NO_CALIBRATION

Stage = Literal["train", "search", "export"]
STAGES: tuple[Stage, ...] = ("train", "search", "export")

# Keys whose change makes no existing result wrong: picks follow from the front, and a tuning
# records its own recipe. Space, data, device (with clock and margins) and calibration are compared
# by their content.
FREE = ("fps_targets", "tune", "space", "data", "device", "clock_mhz", "margins")
FREE_KEYS = ("trials", "stop_after", "checkpoint_minutes")  # of [search] and [train]
SEARCH_KEYS = ("objectives", "limits", "confidence", "search", "calibration")
EXPORT_KEYS = ("verify_images",)
LABELS = ("name", "part", "sources")  # of a device: the cost model does not read them
SHOWN = 60  # characters of a value that a message quotes


@dataclass(frozen=True, slots=True)
class Change:
    """One input that differs from the run's.

    Attributes:
        subject: The key, as `train.epochs`, or `data`.
        old: The value that the run was made with.
        new: The value of the study now.
        stage: The first stage whose results depend on it.
    """

    subject: str
    old: object
    new: object
    stage: Stage

    def __str__(self) -> str:
        return f"`{self.subject}` was {_shown(self.old)} and is now {_shown(self.new)}"

    def refuse(self, folder: Path) -> None:
        """Raise ConfigError: the run in `folder` has results of this input's old value."""
        remedy = "Give the changed study another name, or delete that folder."
        if self.stage == "search":
            remedy = (
                f"Delete {folder / 'study.journal'} to search again with the trained supernet, or "
                "give the changed study another name."
            )
        # A calibration is compared by its content, which no setting can bring back.
        lost = self.subject == "calibration.file" and self.old != NO_CALIBRATION
        if self.old is not None and not lost and self.subject.partition(".")[0] not in FREE:
            remedy = (
                f"Give --set '{self.subject}={json.dumps(self.old, default=str)}'. Or: {remedy}"
            )
        rule = f"must be what the run in {folder} was made with, {_shown(self.old)}"
        raise ConfigError(problem(self.subject, rule, _shown(self.new), remedy))


def changes(
    old: Manifest, config: Study, *, space: SearchSpace | None, device: Device
) -> list[Change]:
    """The inputs, except the data, in which the study `config` differs from the run's manifest
    `old`, in the order of the stages.

    `space` and `device` are those of `config`; a space of None, which only executing the user's
    Python file would give, is not compared.
    """
    found = [*_settings(old.config, config), *_of_device(old, device)]
    if space is not None:
        found += _of_space(old, config, space)
    now = calibration_of(config, device)
    if old.calibration.digest != now.digest:
        found.append(Change("calibration.file", _label(old.calibration), _label(now), "search"))
    return sorted(found, key=lambda change: STAGES.index(change.stage))


def refuse_any(found: Iterable[Change], folder: Path) -> None:
    """Raise ConfigError for the first change, if there is one, of the run in `folder`."""
    for change in found:
        change.refuse(folder)


def _settings(old: Study, new: Study) -> Iterator[Change]:
    before, after = encode(_portable(old.recorded())), encode(_portable(new.recorded()))
    for key, value in after.items():
        if key in FREE:
            continue
        stage: Stage = "search" if key in SEARCH_KEYS else "train"
        stage = "export" if key in EXPORT_KEYS else stage
        for subject, was, now in _differences(key, before[key], value):
            left_open = subject == "search.racing" and now is None  # a search goes on either way
            if subject.rpartition(".")[2] not in FREE_KEYS and not left_open:
                yield Change(subject, was, now, stage)
    if new.search.trials < old.search.trials:
        yield Change("search.trials", old.search.trials, new.search.trials, "search")


def _of_space(old: Manifest, config: Study, space: SearchSpace) -> Iterator[Change]:
    now = space_of(config, space)
    if old.space.digest == now.digest:
        return
    known = old.definitions
    both = (encode(known.space), encode(space)) if known else (_label(old.space), _label(now))
    yield from (Change(*one, "train") for one in _differences("space", *both))


def _of_device(old: Manifest, device: Device) -> Iterator[Change]:
    now, known = device_of(device), old.definitions.device if old.definitions else None
    if old.device.digest == now.digest:
        return
    if known is None:
        yield Change("device", _label(old.device), _label(now), "search")
        return
    found = [
        Change(subject, was, value, _stage_of(subject, was, value))
        for subject, was, value in _differences("device", encode(known), encode(device))
    ]
    if known.name != device.name and any(change.stage == "search" for change in found):
        yield Change("device", known.name, device.name, "search")  # another board, not a correction
    yield from found


def _stage_of(subject: str, old: Any, new: Any) -> Stage:
    """The first stage that reads a field of the device."""
    field = subject.split(".")[1]
    if field in LABELS:
        return "export"
    if field == "memory" and is_hbm(old) == is_hbm(new):
        return "export"
    return "search"


def _differences(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """(key, old, new) of every plain value that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for part in dict.fromkeys([*old, *new]):
            yield from _differences(f"{key}.{part}", old.get(part), new.get(part))
    elif old != new:
        yield key, old, new


def _portable(config: Study) -> Study:
    """`config` without the folders of its files; of weights and calibrations, whose contents are
    compared elsewhere, without the names as well."""
    search, train = config.search, config.train
    weights = "a file" if is_weights_file(config.pretrained) else config.pretrained
    return dataclasses.replace(
        config,
        objectives=tuple(map(portable, config.objective_names)),
        limits={portable(name): limit for name, limit in config.limit_values.items()},
        pretrained=weights,
        train=dataclasses.replace(train, teacher_file=Path(train.teacher_file).name),
        search=dataclasses.replace(
            search,
            sampler=portable(search.sampler_name),
            seed_from=Path(search.seed_from).name,
        ),
        calibration=dataclasses.replace(config.calibration, file=""),
    )


def _label(named: Named) -> str:
    return f"{named.name} ({named.digest[:12]})" if named.digest else NO_CALIBRATION


def _shown(value: object) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
