"""Study: everything that defines a run, from a TOML file or from Python."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnas._util.extensions import is_reference, reference_of, resolve
from qnas._util.field_types import normalise_fields
from qnas._util.serialization import Value, decode, read_toml
from qnas._util.timm_support import is_weights_file
from qnas.accel.device import Device, load_device
from qnas.data.pixels import PixelConfig
from qnas.data.splits import SplitConfig
from qnas.errors import UnknownNameError, nearest, problem
from qnas.space import SearchSpace
from qnas.studies.sections import (
    DEFAULT_SAMPLER,
    CalibrationConfig,
    SearchConfig,
    TuneConfig,
    require,
)
from qnas.training.recipe import Recipe

if TYPE_CHECKING:
    from qnas.data.given import GivenImages
    from qnas.data.image_set import ImageSet
    from qnas.objectives.base import Objective

    DataSource = str | GivenImages | ImageSet | Callable[[], ImageSet]
    ObjectiveSource = str | Objective
    Objectives = Sequence[ObjectiveSource]
    Limits = Mapping[ObjectiveSource, float]
else:  # what they are in a file, and once the study has named them
    from qnas.data.given import GivenImages

    DataSource = str | GivenImages
    Objectives = tuple[str, ...]
    Limits = dict[str, float]

PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Study(Value):
    """One study: a space on a device, what to optimise, and every seed and budget.

    `space` is a SearchSpace, a known name, or a name in a Python file (`spaces.py:MINE`); `device`
    a Device, a known name, or the path of a device's TOML file. `data` is an ImageSet, which the
    run keeps; a function at the top level of a Python file that returns one (`data.py:load`); a
    known name; or a path: `folder:DIR` (ImageNet's layout), `idx:DIR`, `numpy:FILE.npz`. `images`
    says how bytes become numbers. Training starts from `pretrained`, a timm model's name or a file
    of a ViT's weights, if there is one; `pretrained_model`, its name in timm, or its number of
    heads, `pretrained_heads`, and the others say what a file does not. The first `verify_images`
    images of the report split, spread over its classes, go through the C simulation (0: all of
    them). `limits` bound objectives, named or not: the most of one to minimise, the least of one to
    maximise; resources are bounded by the device already. Objectives may be the user's own: an
    Objective that has a name at the top level of a Python file (`mine.py:BYTES`), by which workers
    and a resumed run find it.
    `fps_targets` are images a second; each makes a pick: the most accurate of the front that
    reaches it. `name` is the run's folder; without one it is SPACE_DEVICE.
    """

    name: str = ""
    _: KW_ONLY
    space: str | SearchSpace
    data: DataSource
    device: str | Device
    objectives: Objectives = ("error", "latency", "dsp")
    seed: int = 0
    limits: Limits = field(default_factory=dict)
    fps_targets: tuple[int, ...] = ()
    pretrained: str = ""
    pretrained_model: str = ""
    pretrained_heads: int = 0
    pretrained_activation: str = ""
    pretrained_epsilon: float = 0.0
    pretrained_qk_norm: bool | None = None
    pretrained_pooling: str = ""
    verify_images: int = 0
    images: PixelConfig = field(default_factory=PixelConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    train: Recipe = field(default_factory=Recipe)
    tune: TuneConfig = field(default_factory=TuneConfig)
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

    def _check_pretrained(self) -> None:
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
        """The study of a TOML file, or of the name of one that comes with qnas.

        Relative paths in it are looked up from the file's folder. Raises ConfigError and
        UnknownNameError for what is wrong in it.
        """
        return load_config(source)

    def _name_everything(self) -> None:
        """Objects that are found again by a name, as that name; sequences as tuples."""
        objectives, limits = self.objectives, self.limits
        plain = isinstance(objectives, Iterable) and not isinstance(objectives, str)
        require(plain, "objectives", "must be a sequence", repr(objectives))
        require(isinstance(limits, Mapping), "limits", "must be a table", repr(limits))
        names = {
            "objectives": tuple(_objective_name(one) for one in objectives),
            "limits": {_objective_name(one): limit for one, limit in limits.items()},
            "data": reference_of(self.data, subject="data") if callable(self.data) else self.data,
            "name": self.name or f"{self.space_name}_{_stem(self.device)}",
        }
        for field_name, value in names.items():
            object.__setattr__(self, field_name, value)

    @property
    def objective_names(self) -> tuple[str, ...]:
        """The objectives by their names, or by references into Python files."""
        return tuple(map(str, self.objectives))

    @property
    def limit_values(self) -> dict[str, float]:
        """The limits, by names of objectives."""
        return {str(name): limit for name, limit in self.limits.items()}

    @property
    def space_name(self) -> str:
        """Of its own; of one in a Python file, the name there."""
        return _stem(self.space)

    @property
    def data_name(self) -> str:
        """What `load_data` knows the images by; the name of arrays."""
        return self.data if isinstance(self.data, str) else str(getattr(self.data, "name", ""))

    def search_space(self) -> SearchSpace:
        """The space itself; UnknownNameError, or ConfigError, if its name leads to none."""
        from qnas.spaces import load_space

        return self.space if isinstance(self.space, SearchSpace) else load_space(self.space)

    def board(self) -> Device:
        """The device itself; UnknownNameError, or ConfigError, if its name leads to none."""
        return self.device if isinstance(self.device, Device) else load_device(self.device)

    def recorded(self) -> Study:
        """The study as data alone, as a run's manifest has it: arrays by their digest."""
        from qnas.data.image_set import ImageSet

        if not isinstance(self.data, ImageSet):
            return self
        return dataclasses.replace(self, data=GivenImages.of(self.data))

    def check_names(self) -> None:
        """Raises UnknownNameError unless space, data, device and objectives all exist, ConfigError
        for a share of the device's DSPs that is not even one."""
        from qnas.data import check_data_name
        from qnas.objectives.registry import objective_info
        from qnas.spaces import space_names

        if isinstance(self.data, str):
            check_data_name(self.data)
        file = self.calibration.file
        there = not file or Path(file).is_file()
        require(there, "calibration.file", "must be a file that exists", file)
        # A reference is loaded, and judged, where it is used.
        if isinstance(self.space, str) and not is_reference(self.space):
            _known("space", self.space, space_names())
        for name in (*self.objective_names, *self.limit_values):
            objective_info(name)
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
        try:
            return str((folder / path).resolve()) if path else ""
        except (OSError, RuntimeError):  # a loop of links, which is no file
            return str(folder / path)

    def weights(source: str) -> str:
        return absolute(str(Path(source).expanduser())) if is_weights_file(source) else source

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
        calibration=CalibrationConfig(absolute(config.calibration.file), config.calibration.bound),
    )


def _objective_name(objective: ObjectiveSource) -> str:
    """Its name, or the name that leads to it in a Python file."""
    if isinstance(objective, str):
        return objective
    return reference_of(objective, subject="objectives")


def _stem(source: str | SearchSpace | Device) -> str:
    """What a run is called after it: its name, that in a Python file, or the file's."""
    name = source if isinstance(source, str) else source.name
    return name.rsplit(":", 1)[-1] if is_reference(name) else Path(name).stem


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
