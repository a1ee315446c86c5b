"""Study: everything that defines a run, read from one TOML file."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qnas._util.serialization import Value, decode, read_toml
from qnas._util.timm_support import is_weights_file
from qnas._util.user_code import is_reference, resolve
from qnas.data.pixels import PixelConfig
from qnas.data.splits import SplitConfig
from qnas.errors import UnknownNameError, nearest, problem
from qnas.studies.sections import (
    DEFAULT_SAMPLER,
    CalibrationConfig,
    SearchConfig,
    TuneConfig,
    require,
)
from qnas.training.recipe import Recipe

PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Study(Value):
    """One study: a space on a device, what to optimise, and every seed and budget.

    `device` is a known name or a path of a device's TOML file; `space` and `data` are known names
    or a name in a Python file of the user's (`data.py:load`, `spaces.py:MINE`); `data` may also be
    a path: `folder:DIR` (ImageNet's layout), `idx:DIR` or `numpy:FILE.npz`. `images` says how
    bytes become numbers. Training starts from `pretrained`, a timm model's name or a file of its
    weights, if there is one. The first `verify_images` images of the report split, spread over its
    classes, go through the C simulation (0: all of them). `limits` bound objectives, named or not:
    the most of one to minimise, the least of one to maximise; resources are bounded by the device
    already. Objectives may be the user's own (`mine.py:BYTES`).
    `fps_targets` are images a second; each makes a pick: the most accurate of the front that
    reaches it.
    """

    name: str
    space: str
    data: str
    device: str
    objectives: tuple[str, ...] = ("error", "latency", "dsp")
    seed: int = 0
    limits: dict[str, float] = field(default_factory=dict)
    fps_targets: tuple[int, ...] = ()
    pretrained: str = ""
    verify_images: int = 0
    images: PixelConfig = field(default_factory=PixelConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    train: Recipe = field(default_factory=Recipe)
    tune: TuneConfig = field(default_factory=TuneConfig)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    splits: SplitConfig = field(default_factory=SplitConfig)

    def __post_init__(self) -> None:
        require(
            PLAIN_NAME.fullmatch(self.name) is not None,
            "name",
            "must be a plain folder name (letters, digits, '_', '-', '.')",
            repr(self.name),
        )
        names = self.objectives
        require(
            "error" in names and len(names) >= 2 and len(set(names)) == len(names),
            "objectives",
            "must be 'error' and at least one more, without repeats",
            list(names),
        )
        images = self.verify_images
        require(images >= 0, "verify_images", "must be 0 (all) or more", images)
        require(0 <= self.seed < 2**32, "seed", "must be in 0..2**32-1", self.seed)
        require(
            all(limit > 0 for limit in self.limits.values()),
            "limits",
            "must be positive",
            self.limits,
        )
        targets = self.fps_targets
        require(
            all(target > 0 for target in targets) and len(set(targets)) == len(targets),
            "fps_targets",
            "must be positive, without repeats",
            list(targets),
        )

    def check_names(self) -> None:
        """Raises UnknownNameError unless space, data, device and objectives all exist, ConfigError
        for a share of the device's DSPs that is not even one."""
        from qnas.accel.device import load_device
        from qnas.data import check_data_name
        from qnas.objectives.registry import objective_info
        from qnas.spaces import space_names

        check_data_name(self.data)
        for key, file in (
            ("pretrained", self.pretrained),
            ("teacher_file", self.train.teacher_file),
            ("calibration.file", self.calibration.file),
        ):
            missing = _is_file(key, file) and not Path(file).is_file()
            require(not missing, key, "must be a file that exists", file)
        if not is_reference(self.space):  # loaded, and judged, where it is used
            _known("space", self.space, space_names())
        for name in (*self.objectives, *self.limits):
            objective_info(name)
        self._check_sampler()
        dsps, share = load_device(self.device).limit("dsp"), self.search.dsp_shares[0]
        require(
            not dsps or math.floor(share * dsps) >= 1,
            "search.dsp_shares",
            f"must leave one of the {dsps} DSPs of a plan ({1 / max(dsps, 1):.3g} or more)",
            share,
        )

    def _check_sampler(self) -> None:
        if (self.search.sampler, self.search.settings) == (DEFAULT_SAMPLER, {}):
            return  # without an import of Optuna
        from qnas.studies.samplers import make_sampler

        make_sampler(self.search, seed=0)


def load_config(source: str | Path) -> Study:
    """The study of a TOML file, or of a shipped study's bare name (`digits_zcu102`).

    Relative paths of device, data and space are looked up from the TOML's folder. Raises
    ConfigError for a missing file, bad TOML, unknown keys and wrong types; UnknownNameError for
    names.
    """
    path = _find(source)
    found = decode(Study, read_toml(path), subject=path.name)
    config = _resolved(found, path.resolve().parent)
    config.check_names()
    return config


def _resolved(config: Study, folder: Path) -> Study:
    """`config` with its relative paths looked up from `folder`; names as they are."""
    from qnas.data import resolve_data

    def absolute(path: str) -> str:
        return str((folder / path).resolve()) if path else ""

    def weights(source: str) -> str:
        return absolute(str(Path(source).expanduser())) if is_weights_file(source) else source

    device, train, search = config.device, config.train, config.search
    return dataclasses.replace(
        config,
        objectives=tuple(resolve(name, folder) for name in config.objectives),
        limits={resolve(name, folder): limit for name, limit in config.limits.items()},
        data=resolve_data(config.data, folder),
        space=resolve(config.space, folder),
        device=absolute(device) if device.endswith(".toml") else device,
        pretrained=weights(config.pretrained),
        train=dataclasses.replace(train, teacher_file=weights(train.teacher_file)),
        search=dataclasses.replace(search, seed_from=absolute(search.seed_from)),
        calibration=CalibrationConfig(absolute(config.calibration.file), config.calibration.bound),
    )


def _is_file(key: str, text: str) -> bool:
    """Whether `text` can be no name but of a file."""
    return bool(text) if key == "calibration.file" else is_weights_file(text)


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


def _known(key: str, name: str, names: Any) -> None:
    if name not in names:
        raise UnknownNameError(
            problem(key, "must be a known name", repr(name), nearest(name, names))
        )
