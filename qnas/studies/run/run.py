"""Run: the parts of a study, each loaded on first use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.extensions import is_reference
from qnas.accel.cost.prediction import Predictor
from qnas.accel.device import Device
from qnas.data import load_data
from qnas.data.files import ImageFiles
from qnas.data.given import GivenImages, read_images
from qnas.data.image_set import Images, ImageSet
from qnas.data.splits import Splits, spread
from qnas.errors import CheckpointError, ConfigError, QnasError, StageOrderError, problem
from qnas.space import SearchSpace
from qnas.studies.config import Study
from qnas.studies.run.calibration import load_calibration, predictor_of
from qnas.studies.run.changes import Change
from qnas.studies.run.manifest import (
    Manifest,
    NamedData,
    make_manifest,
    read_manifest,
    record_stage,
)
from qnas.studies.run.membership import Lost, read_membership
from qnas.studies.run.refinement import REFINED, read_refinement
from qnas.studies.run.run_directory import RunDirectory
from qnas.studies.search.genome import Genome

if TYPE_CHECKING:
    import optuna

    from qnas.accel.calibration.calibration import Calibration
    from qnas.objectives.registry import ObjectiveInfo
    from qnas.studies.results.front import StudyRecords
    from qnas.studies.run.calibration import Measured
    from qnas.studies.storage.read_only_copy import JournalReader
    from qnas.supernet.model import Supernet


class Run:
    """The parts that the stages of one run share. Open a run with `writable_run` or `read_run`.

    A `read_only` run holds no lock and writes nothing: another process may be searching it.
    """

    def __init__(
        self, config: Study, directory: Path, *, read_only: bool = False, trust: bool = True
    ) -> None:
        self.config, self.read_only, self.trust = config, read_only, trust
        self.files = RunDirectory(directory)
        self._records: StudyRecords | None = None

    @cached_property
    def space(self) -> SearchSpace:
        """The space of the study."""
        return self.config.search_space()

    @cached_property
    def genome(self) -> Genome:
        """The genes of the space, and the gene of the share of DSPs."""
        return Genome(self.space, self.config.search.dsp_shares)

    @cached_property
    def device(self) -> Device:
        """The board of the study."""
        return self.config.board()

    @cached_property
    def calibration(self) -> Calibration | None:
        """The calibration of the study's predictions; None if they are estimates."""
        return load_calibration(self.config.calibration, self.device, added=self._refined())

    def predictor_with(self, kernels: int) -> Predictor:
        """The predictor with the first `kernels` of the run's own measured kernels."""
        added = self._measured(kernels)
        found = load_calibration(self.config.calibration, self.device, added=added)
        return predictor_of(found, self.config.confidence)

    def _refined(self) -> Measured | None:
        """The run's own kernels that its trials are predicted with; None without any."""
        if not (self.files.refinement.exists() and self.files.journal.exists()):
            return None
        return self._measured(int(self.study.user_attrs.get(REFINED, 0)))

    def _measured(self, kernels: int) -> Measured | None:
        found = read_refinement(self.files.refinement)
        if not kernels or found is None or found.designs is None:
            return None
        from qnas.accel.calibration.file import check_model

        check_model(self.files.refinement, found.model)
        return found.subject, found.setup, found.designs.designs().subset(np.arange(kernels))

    def forget_study(self) -> None:
        """Read the journal and what depends on it again: it was replaced."""
        self._records = None
        for name in ("_journal", "_reader", "calibration", "predictor"):
            self.__dict__.pop(name, None)

    @cached_property
    def predictor(self) -> Predictor:
        """The predictor of the study: its calibration, or the plain estimate."""
        return predictor_of(self.calibration, self.config.confidence)

    @property
    def limits(self) -> Mapping[str, int]:
        """The largest amount of each resource that a plan may use."""
        return {str(name): limit for name, limit in self.device.limits().items()}

    @cached_property
    def images(self) -> ImageSet:
        """The data of the study, in the size and the channels of its space.

        Raises ConfigError if a read-only run was made from other data of the same name.
        """
        config, space = self.config, self.space
        if isinstance(config.data, ImageSet):
            return config.data
        if isinstance(config.data, GivenImages):
            return read_images(self.files.images, config.data)
        if not self.trust and is_reference(config.data_name):
            rule, remedy = "must not be code of a run that is not trusted", "Give trust=True."
            raise ConfigError(problem("data", rule, config.data_name, remedy))
        found = load_data(
            config.data_name,
            size=space.image_size,
            channels=space.in_channels,
            pixels=config.images,
        )
        known = self.manifest.data if self.read_only else None
        if known and found.digest != known.digest:
            now = NamedData(found.name, found.digest, len(found.labels))
            Change("data", str(known), str(now), "train").refuse(self.files.path)
        return found

    @property
    def manifest(self) -> Manifest:
        """The manifest: the run's inputs, and the records of its stages."""
        return read_manifest(self.files.manifest)

    @cached_property
    def splits(self) -> Splits:
        """The train, search and report splits, which follow from the seed and the labels; for
        images in files, those of the run's membership."""
        kept = self.kept_splits
        return kept[0] if kept else self._new_splits()

    @cached_property
    def kept_splits(self) -> tuple[Splits, tuple[Lost, ...]] | None:
        """The splits that the run keeps for image files, and the files that changed since; None if
        it keeps none, or none for these files."""
        files, membership = self.images.images, read_membership(self.files.splits)
        if not isinstance(files, ImageFiles) or membership is None:
            return None
        return membership.carried_over(files)

    def _new_splits(self) -> Splits:
        fractions = self.config.splits
        return Splits.make(
            self.images.labels,
            seed=self.config.seed,
            search_fraction=fractions.search_fraction,
            report_fraction=fractions.report_fraction,
            held_out=self.images.held_out,
            validation=self.images.validation,
        )

    def subset(self, name: str) -> tuple[Images, NDArray[np.int64]]:
        """Images and labels of a split: "train", "search" or "report"."""
        return self.images.subset(getattr(self.splits, name))

    @cached_property
    def supernet(self) -> Supernet:
        """The trained supernet; CheckpointError if its files are damaged."""
        from qnas.supernet.storage import load_supernet

        return load_supernet(self.files.path)

    @cached_property
    def objectives(self) -> tuple[ObjectiveInfo, ...]:
        """Name, unit and direction of each objective."""
        from qnas.objectives.registry import objective_info

        return tuple(objective_info(name) for name in self.config.objective_names)

    @property
    def study(self) -> optuna.Study:
        """The Optuna study in the run's journal; for a read-only run a copy of its current state.

        Raises StageOrderError if a read-only run has no journal yet.
        """
        if self.read_only:
            self.need("read", self.files.journal.exists(), "search")
            return self._reader.study()
        return self._journal

    @cached_property
    def _journal(self) -> optuna.Study:
        from qnas.studies.storage.journal import open_study

        return open_study(
            self.files.journal,
            name=self.config.name,
            directions=[info.direction for info in self.objectives],
            metric_names=[info.name for info in self.objectives],
        )

    @cached_property
    def _reader(self) -> JournalReader:
        from qnas.studies.storage.read_only_copy import JournalReader

        return JournalReader(
            self.files.journal,
            name=self.config.name,
            directions=[info.direction for info in self.objectives],
            metrics=[info.name for info in self.objectives],
        )

    def records(self) -> StudyRecords:
        """Every decided trial so far, read again only after new trials."""
        from qnas.studies.results.front import StudyRecords
        from qnas.studies.search.trials import decided_trials, read_records

        decided = len(decided_trials(self.study))
        if self._records is None or self._records.count < decided:
            objectives = self.config.objective_names
            try:
                trials = read_records(self.study, self.genome, objectives)
            except (QnasError, LookupError, TypeError, ValueError) as error:
                raise CheckpointError(
                    problem(
                        str(self.files.journal),
                        "must hold whole trials of this study",
                        f"{type(error).__name__}: {error}",
                        "Delete it and run again.",
                    )
                ) from None
            self._records = StudyRecords.of(objectives, trials)
        return self._records

    def searched_records(self, stage: str) -> StudyRecords:
        """`records`; StageOrderError, naming `stage`, if there is no trial yet."""
        found = self.records() if self.files.journal.exists() else None
        self.need(stage, found is not None and found.count > 0, "search")
        assert found is not None
        return found

    def loaded_subset(
        self, name: str, *, at_most: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """At most `at_most` images of a split, spread evenly over it, with labels, in memory."""
        indices = getattr(self.splits, name)
        images, labels = self.images.subset(indices[spread(len(indices), at_most)])
        return images[:], labels

    def trained(self) -> bool:
        """Whether the supernet is trained."""
        return self.files.trained

    def supernet_digest(self) -> str:
        """SHA-256 of the trained weights."""
        return hashlib.sha256(self.files.supernet[0].read_bytes()).hexdigest()

    def make_manifest(self) -> Manifest:
        """Make the manifest of a new run of this study."""
        return make_manifest(
            self.config,
            space=self.space,
            device=self.device,
            images=self.images,
            splits=self.splits,
        )

    def stage_facts(self, stage: str) -> dict[str, Any]:
        """The facts that the manifest records of a stage; empty if there are none."""
        return dict(self.manifest.stages.get(stage, {}))

    def record_stage(self, stage: str, **facts: float | int | str) -> None:
        """Add facts of a stage to the manifest."""
        record_stage(self.files.manifest, stage, facts)

    def need(self, stage: str, holds: bool, before: str) -> None:
        """Raise StageOrderError unless the precondition of `stage`, the result of `before`,
        `holds`."""
        if not holds:
            raise StageOrderError(
                problem(
                    stage,
                    f"needs the stage `{before}`",
                    f"a run without it in {self.files.path}",
                    f"Run `qnas {before}` first, or `qnas run` for everything.",
                )
            )
