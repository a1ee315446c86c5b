"""The Python API: run a study, tune its picks, quantize a model, plan a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from qnas._util.extensions import refuse_while_loading
from qnas.accel.cost.estimate import Estimate
from qnas.accel.device import Device, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.data.pixels import PixelConfig
from qnas.errors import UnknownNameError, nearest, problem
from qnas.studies.config import Study, load_config, resolved
from qnas.studies.open_run import OpenRun, open_run
from qnas.studies.progress import SILENT, Progress
from qnas.studies.run.opening import writable_run
from qnas.studies.run.pretrained import POST_TRAINING, SEARCH, TUNE, study_of_model
from qnas.studies.run.run import Run
from qnas.studies.search.loop import Callback
from qnas.studies.sections import SearchConfig, TuneConfig
from qnas.studies.sources import DataSource, DeviceSource
from qnas.studies.stages import pipeline
from qnas.studies.workers.pool import WorkerPool
from qnas.supernet.post_training.settings import PostTraining

Stage = Literal["train", "search", "export", "verify", "report"]


def run(
    study: Study | Path | str,
    *,
    runs: Path | str = "runs",
    until: Stage = "report",
    workers: int = 1,
    storage: str = "",
    callbacks: Sequence[Callback] = (),
    progress: Progress = SILENT,
) -> OpenRun:
    """Run every missing stage of `study`, from images to verified accelerators.

    The run's directory is `runs`/NAME. A run that was interrupted resumes where it stopped.

    Args:
        study: A Study, whose relative paths are looked up from the working directory; a TOML file;
            or the name of a study that comes with qnas.
        runs: Folder of the run directories.
        until: The last stage to run.
        workers: Number of search processes on this machine.
        storage: URL of an Optuna storage to share the search with other machines.
        callbacks: Functions called with the Optuna study and each finished trial, as Optuna calls
            them. A callback that calls `study.stop()` ends the search; the later stages use the
            trials found so far.
        progress: Listener to the progress of the stages.

    Returns:
        The run, opened read-only. An FPS target that the front misses has no pick in it, which
        `progress` is told; nothing is raised.

    Raises:
        ConfigError: The study cannot be run, or an existing run was made from another study.
        UnknownNameError: The study names something that does not exist.
        CapacityError: No candidate fits the device.
        ToolMissingError: g++ is not installed.
        VerificationError: The C++ differs from the integer reference.
    """
    refuse_while_loading("qnas.run")
    if until not in get_args(Stage):
        remedy = nearest(str(until), get_args(Stage))
        raise UnknownNameError(problem("until", "must be a stage", repr(until), remedy))
    config = _study_of(study)
    pool = WorkerPool(workers, storage)
    pool.check()
    with writable_run(config, runs=Path(runs), progress=progress) as opened:
        for stage in _stages(opened, until, pool, callbacks, progress):
            stage()
    return open_run(opened.files.path, trust=True)  # the study was given by the caller


def _stages(
    opened: Run, until: Stage, pool: WorkerPool, callbacks: Sequence[Callback], progress: Progress
) -> Sequence[Callable[[], object]]:
    """The stages to run, in order, up to `until`."""
    if until == "report":
        return [lambda: pipeline.run_all(opened, pool=pool, progress=progress, callbacks=callbacks)]
    stages: dict[Stage, Callable[[], object]] = {
        "train": lambda: pipeline.train(opened, progress=progress),
        "search": lambda: pipeline.search(
            opened, pool=pool, progress=progress, callbacks=callbacks
        ),
        "export": lambda: pipeline.export(opened, progress=progress),
        "verify": lambda: pipeline.verify(opened, progress=progress),
    }
    return list(stages.values())[: list(stages).index(until) + 1]


def tune(
    study: Study | Path | str,
    *,
    runs: Path | str = "runs",
    picks: Sequence[str] = (),
    progress: Progress = SILENT,
) -> OpenRun:
    """Train the subnets of picks alone, by the study's `tune`; export and verify what changes.

    Args:
        study: As of `run`.
        runs: Folder of the run directories.
        picks: Names of picks; all of them unless given.
        progress: Listener to the progress of the stages.

    Returns:
        The run, opened read-only. `summary` tells the accuracies before and after.

    Raises:
        StageOrderError: The study is not searched yet.
        UnknownNameError: The study has no pick of a name in `picks`.
        ToolMissingError: g++ is not installed.
        VerificationError: The C++ differs from the integer reference.
    """
    refuse_while_loading("qnas.tune")
    given = _study_of(study)
    with writable_run(given, runs=Path(runs), stage="tune", progress=progress) as opened:
        pipeline.tune(opened, picks=picks, progress=progress)
    return open_run(opened.files.path, trust=True)


def quantize(
    model: Path | str,
    *,
    data: DataSource,
    device: DeviceSource = "zcu102",
    name: str = "",
    runs: Path | str = "runs",
    image_size: int = 0,
    activation_bits: int = 6,
    fps_targets: Sequence[int] = (),
    timm_model: str = "",
    heads: int = 0,
    activation: str = "",
    epsilon: float = 0.0,
    qk_norm: bool | None = None,
    pooling: str = "",
    images: PixelConfig | None = None,
    search: SearchConfig = SEARCH,
    post_training: PostTraining = POST_TRAINING,
    tune: TuneConfig | None = None,
    seed: int = 0,
    workers: int = 1,
    rtl: bool = False,
    progress: Progress = SILENT,
) -> OpenRun:
    """Quantize a trained ViT and build its accelerator; the architecture stays as it is.

    All steps are calibrated without training; the share of 8-bit rows of every matrix, and the
    folding, are searched; the picks are exported and verified. The run is one of a study with
    `pretrained` and `post_training`: it resumes, and every other function takes it.

    Args:
        model: A file of weights, a folder with one, or the name of a timm model.
        data: Images of the classes of the model's head, as of `Study`. The training split
            calibrates and tunes, the search split decides, the report split is reported.
        device: A Device, a device's name, or the path of a device's TOML file.
        name: Name of the run's directory; "" for MODEL_DEVICE.
        runs: Folder of the run directories.
        image_size: Edge of the images in pixels, if other than the model's own; its positions are
            then interpolated.
        activation_bits: 6 or 8.
        fps_targets: Images per second: each makes a pick, beside the knee of the front.
        timm_model: timm's name of the model, if the file does not give it.
        heads: Number of heads, if nothing else gives it; likewise the four below.
        activation: Activation of the MLPs.
        epsilon: Epsilon of the LayerNorms.
        qk_norm: Whether queries and keys are normalised.
        pooling: "token" or "avg".
        images: How bytes become numbers; by default with the mean and the standard deviation that
            the model's source states.
        search: Budget and sampler of the search.
        post_training: Settings of the calibration.
        tune: Recipe of a fine-tuning of the picks after the search; None for none.
        seed: Seed of every random choice.
        workers: Number of search processes.
        rtl: Whether to simulate the kernels as RTL too, if Verilator is installed.
        progress: Listener to the progress of the stages.

    Returns:
        The run, opened read-only. `summary` has the accuracies: of the model in floating point, of
        each pick quantized, tuned, in integers and in C++.

    Raises:
        CheckpointError: The file is no ViT, or one that the hardware does not compute.
        ConfigError: The source does not state a property of the model, or data and model differ.
        UnknownNameError: A name of data, device or model does not exist.
        CapacityError: The network does not fit the device.
        ToolMissingError: g++ is not installed.
        VerificationError: The C++ differs from the integer reference.
    """
    refuse_while_loading("qnas.quantize")
    config = study_of_model(
        str(model),
        data=data,
        device=device,
        name=name,
        image_size=image_size,
        activation_bits=activation_bits,
        fps_targets=tuple(fps_targets),
        timm_model=timm_model,
        heads=heads,
        activation=activation,
        epsilon=epsilon,
        qk_norm=qk_norm,
        pooling=pooling,
        images=images,
        search=search,
        tune=replace(tune, picks=True) if tune else TUNE,
        post_training=post_training,
        seed=seed,
    )
    pool = WorkerPool(workers)
    pool.check()
    with writable_run(config, runs=Path(runs), progress=progress) as opened:
        pipeline.run_all(opened, pool=pool, rtl=rtl, progress=progress)
    return open_run(opened.files.path, trust=True)


def _study_of(study: Study | Path | str) -> Study:
    return resolved(study, Path.cwd()) if isinstance(study, Study) else load_config(study)


def plan(
    architecture: Architecture,
    device: Device | str | Path,
    *,
    dsp_share: float = 1.0,
    batch: int = 1,
) -> tuple[HardwarePlan, Estimate]:
    """Find the fastest plan of `architecture` on `device`, and its modelled cost.

    Args:
        architecture: The subnet.
        device: A Device, a device's name, or the path of a device's TOML file.
        dsp_share: Share of the device's DSPs that the plan may use, in (0, 1].
        batch: Images that go through the kernel together, in one pass: `estimate.cycles` are those
            of a pass.

    Returns:
        The plan and its estimate. If no plan fits, this is the plan that exceeds the limits least:
        compare `estimate.resources` with `device.limits()`.

    Raises:
        CapacityError: The network has no plan at all, on any amount of resources.
    """
    board = device if isinstance(device, Device) else load_device(device)
    return best_plan(architecture, board, dsp_share, batch=batch)
