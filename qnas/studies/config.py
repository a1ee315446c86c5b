"""StudyConfig: everything that defines a run, read from one TOML file."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, UnknownNameError, nearest, problem
from qnas.serial import Value, decode, read_toml
from qnas.splits import SplitConfig
from qnas.timm_support import is_weights_file
from qnas.training.recipe import Recipe
from qnas.user_code import is_reference, resolve

DEFAULT_SAMPLER = "NSGAIISampler"
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class SearchConfig(Value):
    """The budget, `trials` in generations of `population`, and who proposes them.

    `sampler` is the name of one of Optuna's, `settings` are its arguments. `dsp_shares` are the
    shares of the device's DSPs that a candidate may use: the hardware's own gene, beside those of
    the search space. The front of an earlier run, the folder `seed_from`, fills up to half of the
    first generation.
    """

    trials: int = 300
    population: int = 50
    dsp_shares: tuple[float, ...] = (0.0625, 0.125, 0.25, 0.5, 1.0)
    sampler: str = DEFAULT_SAMPLER
    settings: dict[str, int | float | bool | str] = field(default_factory=dict)
    seed_from: str = ""
    stop_after: int = 20
    racing: bool = False
    focus_every: int = 4

    def __post_init__(self) -> None:
        _require(self.trials >= 1, "search.trials", "must be at least 1", self.trials)
        _require(self.population >= 2, "search.population", "must be at least 2", self.population)
        every = self.focus_every
        _require(every != 1 and every >= 0, "search.focus_every", "must be 0, or 2 or more", every)
        _require(self.stop_after >= 1, "search.stop_after", "must be at least 1", self.stop_after)
        _require(
            not self.seed_from or self.sampler == DEFAULT_SAMPLER,
            "search.seed_from",
            f"goes with the sampler {DEFAULT_SAMPLER}, whose parents they become",
            self.sampler,
        )
        _require(
            self.trials < 1 or self.population <= self.trials,
            "search.population",
            f"must be at most search.trials ({self.trials}), a whole generation",
            self.population,
        )
        shares = self.dsp_shares
        _require(
            bool(shares)
            and list(shares) == sorted(set(shares))
            and shares[0] > 0
            and shares[-1] <= 1,
            "search.dsp_shares",
            "must be ascending shares above 0 and at most 1, without repeats",
            list(shares),
        )


@dataclass(frozen=True, slots=True)
class TuneConfig(Value):
    """How `qnas tune` trains a pick's subnet on, alone. All that is not here is as in [train]."""

    epochs: int = 40
    learning_rate: float = 1e-3
    step_learning_rate: float = 1e-3
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "tune.epochs", "must be at least 1", self.epochs)
        for name, most in (
            ("learning_rate", 10),
            ("step_learning_rate", 10),
            ("label_smoothing", 0.99),
        ):
            rate = getattr(self, name)
            _require(0 <= rate <= most, f"tune.{name}", f"must lie in 0..{most}", rate)

    def recipe(self, train: Recipe) -> Recipe:
        """The rows that are 8-bit stay those of the search: never ranked again."""
        return dataclasses.replace(
            train,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            step_learning_rate=self.step_learning_rate,
            label_smoothing=self.label_smoothing,
            rerank_until=0.0,
        )


@dataclass(frozen=True, slots=True)
class CalibrationConfig(Value):
    """What `qnas calibrate --reports` wrote, to search with: `file`, and which end of its 90 %
    intervals must keep the device's limits, the predicted `value` or the `upper` end."""

    file: str = ""
    bound: Literal["value", "upper"] = "value"


@dataclass(frozen=True, slots=True)
class StudyConfig(Value):
    """One study: a space on a device, what to optimise, and every seed and budget.

    `device` is a known name or a path of a device's TOML file; `space` and `data` are known names
    or a name in a Python file of the user's (`data.py:load`, `spaces.py:MINE`); `data` may also be
    a path: `folder:DIR` (ImageNet's layout), `idx:DIR` or `numpy:FILE.npz`. `images` says how
    bytes become numbers. Training starts from `pretrained`, a timm model's name or a file of its
    weights, if there is one. The first `verify_images` images of the report split, spread over its
    classes, go through the C simulation (0: all of them). `limits` bound
    objectives, named or not: the most of one to minimise, the least of one to maximise; resources
    are bounded by the device already. Objectives may be the user's own (`mine.py:BYTES`).
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
        _require(
            PLAIN_NAME.fullmatch(self.name) is not None,
            "name",
            "must be a plain folder name (letters, digits, '_', '-', '.')",
            repr(self.name),
        )
        names = self.objectives
        _require(
            "error" in names and len(names) >= 2 and len(set(names)) == len(names),
            "objectives",
            "must be 'error' and at least one more, without repeats",
            list(names),
        )
        images = self.verify_images
        _require(images >= 0, "verify_images", "must be 0 (all) or more", images)
        _require(0 <= self.seed < 2**32, "seed", "must be in 0..2**32-1", self.seed)
        _require(
            all(limit > 0 for limit in self.limits.values()),
            "limits",
            "must be positive",
            self.limits,
        )
        targets = self.fps_targets
        _require(
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
            _require(not missing, key, "must be a file that exists", file)
        if not is_reference(self.space):  # loaded, and judged, where it is used
            _known("space", self.space, space_names())
        for name in (*self.objectives, *self.limits):
            objective_info(name)
        self._check_sampler()
        dsps, share = load_device(self.device).limit("dsp"), self.search.dsp_shares[0]
        _require(
            not dsps or math.floor(share * dsps) >= 1,
            "search.dsp_shares",
            f"must leave one of the {dsps} DSPs of a plan ({1 / max(dsps, 1):.3g} or more)",
            share,
        )

    def _check_sampler(self) -> None:
        if (self.search.sampler, self.search.settings) == (DEFAULT_SAMPLER, {}):
            return  # without an import of Optuna
        from qnas.studies.proposing import make_sampler

        make_sampler(self.search, seed=0)


def load_config(source: str | Path) -> StudyConfig:
    """The study of a TOML file, or of a shipped study's bare name (`digits_zcu102`).

    Relative paths of device, data and space are looked up from the TOML's folder. Raises
    ConfigError for a missing file, bad TOML, unknown keys and wrong types; UnknownNameError for
    names.
    """
    from qnas.data import resolve_data

    path = _find(source)
    data = read_toml(path)
    config = decode(StudyConfig, data, subject=path.name)
    folder = path.resolve().parent
    config = dataclasses.replace(
        config,
        objectives=tuple(resolve(name, folder) for name in config.objectives),
        limits={resolve(name, folder): limit for name, limit in config.limits.items()},
        data=resolve_data(config.data, folder),
        space=resolve(config.space, folder),
        pretrained=_resolve_weights(config.pretrained, folder),
        train=dataclasses.replace(
            config.train, teacher_file=_resolve_weights(config.train.teacher_file, folder)
        ),
    )
    if config.search.seed_from:
        run = str((folder / config.search.seed_from).resolve())
        config = dataclasses.replace(
            config, search=dataclasses.replace(config.search, seed_from=run)
        )
    if config.calibration.file:
        measured = str((folder / config.calibration.file).resolve())
        config = dataclasses.replace(
            config, calibration=dataclasses.replace(config.calibration, file=measured)
        )
    if config.device.endswith(".toml"):
        config = dataclasses.replace(config, device=str((folder / config.device).resolve()))
    config.check_names()
    return config


def _is_file(key: str, text: str) -> bool:
    """Whether `text` can be no name but of a file."""
    return bool(text) if key == "calibration.file" else is_weights_file(text)


def _resolve_weights(source: str, folder: Path) -> str:
    """A file of weights with its path made absolute, looked up from `folder`; names as is."""
    if not is_weights_file(source):
        return source
    return str((folder / Path(source).expanduser()).resolve())


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


def _require(holds: bool, subject: str, rule: str, value: object) -> None:
    if not holds:
        raise ConfigError(problem(subject, rule, value, "Correct the study's TOML."))
