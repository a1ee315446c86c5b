"""Study: the complete definition of a run, from a TOML file or from Python."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

from qnas._util.extensions import is_reference, reference_of, resolve
from qnas._util.field_types import normalise_fields
from qnas._util.files import expanded
from qnas._util.serialization import Value, decode, encode
from qnas._util.timm_support import is_weights_file, weights_of_folder
from qnas.accel.cost.prediction import CONFIDENCE
from qnas.accel.device import RESOURCES, Device, load_device
from qnas.data.given import GivenImages
from qnas.data.pixels import PixelConfig
from qnas.data.splits import SplitConfig
from qnas.errors import ConfigError, nearest, problem
from qnas.space import SearchSpace
from qnas.studies.sections import (
    DEFAULT_SAMPLER,
    CalibrationConfig,
    SearchConfig,
    TuneConfig,
    require,
)
from qnas.studies.sources import (
    DataSource,
    DeviceSource,
    Limits,
    Objectives,
    SpaceSource,
    check_known,
    name_of_objective,
    stem_of,
)
from qnas.studies.study_file import change, complete_space, read_study
from qnas.supernet.post_training.settings import PostTraining
from qnas.training.recipe import Recipe

MOST_FPS = 10**9
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Study(Value):
    """One study: a space on a device, the objectives, and every seed and budget.

    Attributes:
        name: Name of the run's directory; "" for SPACE_DEVICE.
        space: A SearchSpace, a known name, or a name in a Python file (`spaces.py:MINE`).
        data: A known name; a path (`folder:DIR` in ImageNet's layout, `idx:DIR`,
            `numpy:FILE.npz`); a function at the top level of a Python file that returns an
            ImageSet (`data.py:load`); or an ImageSet, whose images the run stores.
        device: A Device, a known name, or the path of a device's TOML file.
        objectives: Names of objectives, or the user's own: an Objective with a name at the top
            level of a Python file (`mine.py:BYTES`), by which workers and a resumed run find it.
        seed: Seed of every random choice.
        limits: Limits by objective, also for objectives that are not in `objectives`: the largest
            value of an objective to minimise, the smallest of one to maximise. The device limits
            the resources already.
        fps_targets: Images per second. Each target makes a pick: the most accurate member of the
            front that reaches the target. A target that none reaches is reported, and costs no
            other pick.
        confidence: That with which FPS targets and limits are kept: 0.9 if the lower end of FPS and
            the upper ends of resources and latency count, of their 90 % intervals; 0 if the
            predicted values do.
        pretrained: A timm model's name, or a file of a ViT's weights, that training starts from;
            "" for random weights.
        pretrained_model: timm's name of the model in the file, if the file does not give it.
        pretrained_heads: Number of heads, if the file does not give it.
        pretrained_activation: Activation of the MLPs, if the file does not give it.
        pretrained_epsilon: Epsilon of the LayerNorms, if the file does not give it.
        pretrained_qk_norm: Whether queries and keys are normalised, if the file does not give it.
        pretrained_pooling: "token" or "avg", if the file does not give it.
        clock_mhz: Clock of the accelerator in place of the device's; 0 for the device's.
        margins: Shares of resources that a plan may use, in place of the device's: `lut = 0.8`.
        verify_images: Number of images of the report split, spread over its classes, that the C
            simulation runs; 0 for all. Other accuracies are of the whole split.
        images: How the bytes of an image become numbers.
        search: Budget and sampler of the search.
        train: Recipe of the supernet's training.
        tune: Recipe of the fine-tuning of picks.
        post_training: Calibration of the pretrained model in place of a training.
        calibration: Calibration of the estimates.
        splits: Sizes of the train, search and report splits.
    """

    name: str = ""
    _: KW_ONLY
    space: SpaceSource
    data: DataSource
    device: DeviceSource
    objectives: Objectives = ("error", "latency", "dsp")
    seed: int = 0
    limits: Limits = field(default_factory=dict)
    fps_targets: tuple[int, ...] = ()
    confidence: float = 0.0
    pretrained: str = ""
    pretrained_model: str = ""
    pretrained_heads: int = 0
    pretrained_activation: str = ""
    pretrained_epsilon: float = 0.0
    pretrained_qk_norm: bool | None = None
    pretrained_pooling: str = ""
    clock_mhz: float = 0.0
    margins: dict[str, float] = field(default_factory=dict)
    verify_images: int = 0
    images: PixelConfig = field(default_factory=PixelConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    train: Recipe = field(default_factory=Recipe)
    tune: TuneConfig = field(default_factory=TuneConfig)
    post_training: PostTraining = field(default_factory=PostTraining)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    splits: SplitConfig = field(default_factory=SplitConfig)

    def __post_init__(self) -> None:
        self._name_everything()
        normalise_fields(self, skip=("data",))
        require(
            PLAIN_NAME.fullmatch(self.name) is not None,
            "name",
            "must be a plain folder name (letters, digits, '_', '-', '.')",
            repr(self.name),
        )
        names = self.objective_names
        require(
            "error" in names and len(names) >= 2 and len(set(names)) == len(names),
            "objectives",
            "must be 'error' and at least one more, without repeats",
            list(names),
        )
        images = self.verify_images
        require(images >= 0, "verify_images", "must be 0 (all) or more", images)
        clock = self.clock_mhz
        require(clock >= 0, "clock_mhz", "must be 0 (the device's) or positive", clock)
        require(0 <= self.seed < 2**32, "seed", "must be in 0..2**32-1", self.seed)
        require(
            all(limit > 0 for limit in self.limits.values()),
            "limits",
            "must be positive",
            self.limit_values,
        )
        self._check_pretrained()
        targets = self.fps_targets
        require(
            all(target > 0 for target in targets) and len(set(targets)) == len(targets),
            "fps_targets",
            "must be positive, without repeats",
            list(targets),
        )
        levels = (0, CONFIDENCE)
        rule = f"must be {CONFIDENCE} (of the intervals) or 0 (the predicted values count)"
        require(self.confidence in levels, "confidence", rule, self.confidence)
        most = f"must be at most {MOST_FPS:,}"
        require(max(targets, default=0) <= MOST_FPS, "fps_targets", most, list(targets))

    def _check_pretrained(self) -> None:
        require(
            bool(self.pretrained) or not self.post_training,
            "post_training.images",
            "must come with `pretrained`, the weights that are calibrated",
            self.post_training.images,
        )
        for key in ("model", "heads", "activation", "epsilon", "qk_norm", "pooling"):
            name = f"pretrained_{key}"
            value = getattr(self, name)
            require(
                bool(self.pretrained) or value in ("", 0, None),
                name,
                "must come with `pretrained`, the weights that it is of",
                value,
            )
            require(
                not isinstance(value, int | float) or value >= 0, name, "must be positive", value
            )

    @classmethod
    def from_toml(cls, source: str | Path) -> Study:
        """Read the study from a TOML file, or by the name of a study that comes with qnas.

        Relative paths in the file are resolved from the file's folder.

        Raises:
            ConfigError: The file is missing or no TOML, or a value breaks a rule.
            UnknownNameError: The study names something that does not exist.
        """
        return load_config(source)

    def _name_everything(self) -> None:
        """Replace objects that a name can find again by that name, and sequences by tuples."""
        objectives, limits = self.objectives, self.limits
        plain = isinstance(objectives, Iterable) and not isinstance(objectives, str)
        require(plain, "objectives", "must be a sequence", repr(objectives))
        require(isinstance(limits, Mapping), "limits", "must be a table", repr(limits))
        names = {
            "objectives": tuple(name_of_objective(one) for one in objectives),
            "limits": {name_of_objective(one): limit for one, limit in limits.items()},
            "data": reference_of(self.data, subject="data") if callable(self.data) else self.data,
            "name": self.name or f"{self.space_name}_{stem_of(self.device)}",
        }
        for field_name, value in names.items():
            object.__setattr__(self, field_name, value)

    @property
    def objective_names(self) -> tuple[str, ...]:
        """The objectives' names, or their references into Python files."""
        return tuple(map(str, self.objectives))

    @property
    def limit_values(self) -> dict[str, float]:
        """The limits by objective name, in the objectives' units."""
        return {str(name): limit for name, limit in self.limits.items()}

    @property
    def space_name(self) -> str:
        """The space's own name, or its name in its Python file."""
        return stem_of(self.space)

    @property
    def data_name(self) -> str:
        """The name or path that `load_data` takes; for arrays, the ImageSet's name."""
        return self.data if isinstance(self.data, str) else str(getattr(self.data, "name", ""))

    def search_space(self) -> SearchSpace:
        """Load the search space.

        Raises:
            UnknownNameError: No space has this name.
            ConfigError: The name in a Python file is no SearchSpace.
        """
        from qnas.spaces import load_space

        return self.space if isinstance(self.space, SearchSpace) else load_space(self.space)

    def board(self) -> Device:
        """Load the device, with the study's clock and margins in place of its own.

        Raises:
            UnknownNameError: No device has this name.
            ConfigError: The device's TOML file is missing or faulty, or `clock_mhz` or `margins`
                break a rule of a device.
        """
        found = self.device if isinstance(self.device, Device) else load_device(self.device)
        unknown = sorted(set(self.margins) - set(RESOURCES))
        if unknown:
            remedy = nearest(unknown[0], RESOURCES)
            raise ConfigError(problem("margins", "must be of resources", unknown[0], remedy))
        changes: dict[str, Any] = {"clock_mhz": self.clock_mhz} if self.clock_mhz else {}
        if self.margins:
            changes["margins"] = dataclasses.replace(found.margins, **self.margins)
        return dataclasses.replace(found, **changes) if changes else found

    def recorded(self) -> Study:
        """The study as plain data, as a run's manifest stores it: arrays replaced by a digest."""
        from qnas.data.image_set import ImageSet

        if not isinstance(self.data, ImageSet):
            return self
        return dataclasses.replace(self, data=GivenImages.of(self.data))

    def check_names(self, *, execute: bool = True) -> None:
        """Check that space, data, device and objectives exist.

        Python files that the study names are executed only if `execute` is set.

        Raises:
            UnknownNameError: One of them does not exist.
            ConfigError: A share of the device's DSPs is less than one DSP.
        """
        from qnas.data import check_data_name
        from qnas.objectives.registry import check_objective
        from qnas.spaces import space_names

        if isinstance(self.data, str):
            check_data_name(self.data)
        file = self.calibration.path
        there = not file or Path(file).is_file()
        require(there, "calibration.file", "must be a file that exists", file)
        # A reference into a Python file is loaded and checked where it is used.
        if isinstance(self.space, str) and not is_reference(self.space):
            check_known("space", self.space, space_names())
        for name in (*self.objective_names, *self.limit_values):
            if execute or not is_reference(name):
                check_objective(name)
        if execute or not is_reference(self.search.sampler_name):
            self._check_sampler()
        dsps, share = self.board().limit("dsp"), self.search.dsp_shares[0]
        require(
            not dsps or math.floor(share * dsps) >= 1,
            "search.dsp_shares",
            f"must leave one of the {dsps} DSPs of a plan ({1 / max(dsps, 1):.3g} or more)",
            share,
        )

    def _check_sampler(self) -> None:
        if (self.search.sampler_name, self.search.settings) == (DEFAULT_SAMPLER, {}):
            return  # without an import of Optuna
        from qnas.studies.samplers import make_sampler

        make_sampler(self.search, seed=0)


def load_config(source: str | Path, changes: Sequence[str] = (), *, execute: bool = True) -> Study:
    """Read the study of a TOML file, or of a shipped study's name (`digits_zcu102`).

    Python files that it names are executed, to check them, only if `execute` is set. Relative paths
    of device, data and space are resolved from the TOML's folder. `changes` replace values of the
    file, as `train.epochs=5`.

    Raises:
        ConfigError: The file is missing or no TOML, or has unknown keys or wrong types.
        UnknownNameError: The study names something that does not exist.
    """
    data, path = read_study(source, changes)
    config = resolved(decode(Study, data, subject=path.name), path.resolve().parent)
    config.check_names(execute=execute)
    return config


def changed(config: Study, changes: Sequence[str]) -> Study:
    """`config` with values replaced, as `train.epochs=5`; raises as `load_config`."""
    if not changes:
        return config
    data = encode(config.recorded())
    for text in changes:
        change(data, text)
    complete_space(data, Path.cwd())
    found = resolved(decode(Study, data, subject=config.name), Path.cwd())
    found.check_names()
    return found


def resolved(config: Study, folder: Path) -> Study:
    """`config` with its relative paths resolved from `folder`, and its names unchanged."""
    from qnas.data import resolve_data

    def absolute(path: str) -> str:
        try:
            return str((folder / path).resolve()) if path else ""
        except (OSError, RuntimeError):  # a loop of links, which is no file
            return str(folder / path)

    def weights(source: str) -> str:
        file = is_weights_file(source) or (source and weights_of_folder(folder / source))
        return absolute(str(expanded(source))) if file else source

    space, data, device, train = config.space, config.data, config.device, config.train
    search = config.search
    path = isinstance(device, str) and device.endswith(".toml")
    return dataclasses.replace(
        config,
        objectives=tuple(resolve(name, folder) for name in config.objective_names),
        limits={resolve(name, folder): limit for name, limit in config.limit_values.items()},
        data=resolve_data(data, folder) if isinstance(data, str) else data,
        space=resolve(space, folder) if isinstance(space, str) else space,
        device=absolute(str(device)) if path else device,
        pretrained=weights(config.pretrained),
        train=dataclasses.replace(train, teacher_file=weights(train.teacher_file)),
        search=dataclasses.replace(
            search,
            sampler=resolve(search.sampler_name, folder),
            seed_from=absolute(search.seed_from),
        ),
        calibration=CalibrationConfig(absolute(config.calibration.path) or config.calibration.file),
    )
