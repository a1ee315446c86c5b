"""Stage `export`: the files of each pick, and an HLS project for each kernel.

All files of a subnet (weights, integer network, project, QONNX) are written from one supernet: the
tuned one if tuning made the pick better, else the trained one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from qnas._util.serialization import encode, read_json, write_json
from qnas.accel.hls.emit.project import emitted_files
from qnas.accel.plan.multi_network import encode_plans
from qnas.data.preprocessing import Preprocessing
from qnas.errors import QnasError
from qnas.integer.network import load_integer, save_integer
from qnas.studies.progress import Progress
from qnas.studies.results.picks import PICK_NAME, Pick
from qnas.studies.run.checks import same_picks
from qnas.studies.run.kept_files import damaged_outputs, record_outputs, set_aside, tool_results
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import PickDirectory
from qnas.studies.run.training_records import search_accuracy, supernet_of, uses_tuned
from qnas.studies.stages.kernels import (
    Kernel,
    expected_accuracy,
    expected_numbers,
    kernel_of,
    kernels,
    missed_targets,
    multi_network_kernel,
    picks,
    project_name,
)
from qnas.studies.stages.multi_network import facts_of, is_described
from qnas.studies.stages.search import searched
from qnas.studies.storage.read_only_copy import PICKS

if TYPE_CHECKING:
    from qnas.accel.hls.emit.member import Expected

STAGE = "export"
RTL_FILES = (  # what `export_rtl` and its simulation write
    *("README.md", "package_ip.tcl", "vivado.tcl", "link.cfg", "plan.json"),
    *("rtl", "sim", "data", "host", "obj_dir"),
)
LOGIT_IMAGES = 2048  # images of the training split that determine the step of the logits


def exported(run: Run, kernel: Kernel) -> bool:
    """Whether the directory of `kernel` contains exactly its picks and its complete project."""
    plans = encode_plans(kernel.plan.plans)
    try:
        described = is_described(run, kernel) if kernel.of_all_picks else _is_pick(kernel)
        return described and bool(read_json(kernel.files.project / "plan.json") == plans)
    except (QnasError, OSError):
        return False


def export(run: Run, progress: Progress, *, multi_network: bool = False) -> None:
    """Write architecture, plan and project of every pick that lacks them, and remove the
    directories of former picks; those with results of tools are moved into `former`.

    With `multi_network`, also write the project of one kernel that runs all picks; later calls keep
    an existing one up to date.
    """
    run.need(STAGE, searched(run), "search")
    chosen = picks(run)
    _remove_others(run, chosen, progress)
    own = [kernel_of(run, pick) for pick in chosen]
    missing = [kernel for kernel in own if not _whole(run, kernel, progress)]
    progress.stage(
        STAGE, f"{len(missing)} of {len(chosen)} picks" if missing else "picks are there"
    )
    for remark in same_picks(chosen):
        progress.stage(STAGE, remark)
    for done, kernel in enumerate(missing, start=1):
        _keep_results(run, kernel.files.path, progress)
        record_outputs(export_pick(run, kernel.heads[0]).files, networks=1)
        progress.advance(done, len(missing), kernel.name)
    _record_picks(run, chosen)
    if missing:
        clock = f"{run.device.clock_mhz:g} MHz"
        progress.stage(STAGE, f"every loop starts an iteration a cycle at {clock} (analysed)")
    if multi_network or run.files.multi_network.path.exists():
        _export_multi_network(run, multi_network_kernel(run, chosen), progress)


def tell_missed_targets(run: Run, progress: Progress) -> None:
    """Tell of each FPS target that the front misses."""
    for target in missed_targets(run):
        progress.stage(STAGE, f"{target}; the other picks are exported")


def export_pick(run: Run, pick: Pick, files: PickDirectory | None = None) -> Kernel:
    """Write architecture, plan, weights, integer network and project of `pick` to `files`."""
    kernel = kernel_of(run, pick, files)
    files = files or run.files.pick(pick.name)
    # The architecture is written last and removed first: its presence vouches for the rest.
    files.architecture.unlink(missing_ok=True)
    files.qonnx.unlink(missing_ok=True)
    _write_subnet(run, pick, files)
    _write_project(run, kernel)
    write_json(files.plan, kernel.plan.plans[0])
    write_json(files.architecture, pick.trial.architecture)
    return kernel


def export_qonnx(run: Run) -> list[Path]:
    """Write `model.onnx` of every pick with the weights of its project; return the files.

    Raises as `to_qonnx` and `picks`.
    """
    from qnas.supernet.export.qonnx import save_qonnx

    written = []
    for pick in picks(run):
        path = run.files.pick(pick.name).qonnx
        architecture = pick.trial.architecture
        save_qonnx(supernet_of(run, architecture).extract(architecture), path)
        written.append(path)
    return written


def export_rtl(run: Run) -> list[Path]:
    """Write the RTL project of every exported kernel beside its HLS project; return the folders."""
    from qnas.accel.hls.emit.member import KernelNetwork
    from qnas.accel.rtl.kernel.project import emit_rtl

    written = []
    for kernel in kernels(run, picks(run)):
        parts = zip(kernel.networks, kernel.plan.plans, kernel.heads, strict=True)
        members = [
            KernelNetwork(load_integer(path), plan, pick.name, _accuracy_row(run, pick))
            for path, plan, pick in parts
        ]
        known = Preprocessing.of(run.images)
        folder = kernel.files.project.with_name("rtl")
        name = project_name(run.config.name, kernel.name)
        project = emit_rtl(members, name=name, device=run.device, preprocessing=known)
        if not project.is_in(folder):
            if tool_results(folder, RTL_FILES):  # of Vivado
                set_aside(folder, run.files.former)
            project.write(folder)
        written.append(folder)
    return written


def _accuracy_row(run: Run, pick: Pick) -> list[Expected]:
    return expected_accuracy(
        search_accuracy(run, pick.trial),
        images=len(run.splits.search),
        tuned=uses_tuned(run, pick.trial.architecture),
    )


def _is_pick(kernel: Kernel) -> bool:
    (pick,), (plan,) = kernel.heads, kernel.plan.plans
    files = kernel.files
    assert isinstance(files, PickDirectory)
    return (
        files.network.is_file()
        and files.weights.is_file()
        and bool(read_json(files.architecture) == encode(pick.trial.architecture))
        and bool(read_json(files.plan) == encode(plan))
    )


def _whole(run: Run, kernel: Kernel, progress: Progress) -> bool:
    """Whether a kernel is exported, and its files are as they were written; damage is reported."""
    if not exported(run, kernel):
        return False
    damaged = damaged_outputs(kernel.files)
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        note = f"not as written, made again: {kernel.files.path / damaged[0]}{more}"
        progress.stage(STAGE, note)
    return not damaged


def _remove_others(run: Run, chosen: tuple[Pick, ...], progress: Progress) -> None:
    """Remove the directories of former picks, but for results of tools; other directories stay."""
    names = {pick.name for pick in chosen}
    for folder in run.files.picks.glob("*"):
        if folder.is_dir() and PICK_NAME.fullmatch(folder.name) and folder.name not in names:
            _keep_results(run, folder, progress)
            shutil.rmtree(folder, ignore_errors=True)


def _keep_results(run: Run, folder: Path, progress: Progress) -> None:
    """Move the directory of a kernel that is to be removed or written anew into `former` if tools
    have written into one of its projects."""
    projects = ((folder / "project", emitted_files()), (folder / "rtl", RTL_FILES))
    found = [name for project, written in projects for name in tool_results(project, written)]
    if found:
        place = set_aside(folder, run.files.former)
        results = f"{folder.name} ({', '.join(found)})"
        progress.stage(STAGE, f"results of tools are kept: {results} is now {place}")


def _record_picks(run: Run, chosen: tuple[Pick, ...]) -> None:
    """Write the picks' trials as an attribute of the study; copies show it on the trials."""
    numbers = {pick.name: pick.trial.number for pick in chosen}
    if run.study.user_attrs.get(PICKS) != numbers:
        run.study.set_user_attr(PICKS, numbers)


def _write_subnet(run: Run, pick: Pick, files: PickDirectory) -> None:
    from qnas.supernet.export.integer import to_integer
    from qnas.supernet.export.timm_export import state_dict

    architecture = pick.trial.architecture
    supernet = supernet_of(run, architecture)
    images, _ = run.loaded_subset("train", at_most=LOGIT_IMAGES)
    save_integer(to_integer(supernet, architecture, images), files.network)
    state_dict(supernet.slice(architecture)).write(files.weights)


def _write_project(run: Run, kernel: Kernel) -> None:
    """Write the project of a kernel from the integer networks beside it or beside its picks.

    Raises GeneratorError if a loop cannot start an iteration every cycle.
    """
    from qnas.accel.hls.analysis.timing import analyse, check_intervals
    from qnas.accel.hls.emit.member import KernelNetwork
    from qnas.accel.hls.emit.project import SAMPLE_IMAGES, emit_project

    images, labels = run.loaded_subset("report", at_most=SAMPLE_IMAGES)
    parts = zip(
        kernel.heads, kernel.networks, kernel.plan.plans, kernel.plan.estimates, strict=True
    )
    networks = [
        KernelNetwork(
            load_integer(path),
            plan,
            pick.name,
            [
                *_accuracy_row(run, pick),
                *expected_numbers(estimate, limits=run.device.limits()),
            ],
        )
        for pick, path, plan, estimate in parts
    ]
    project = emit_project(
        networks,
        name=project_name(run.config.name, kernel.name),
        images=images,
        labels=labels,
        device=run.device,
        preprocessing=Preprocessing.of(run.images),
    )
    (timing,) = analyse(project, kernel.plan.plans[0], run.device)
    check_intervals(timing, subject=kernel.name)
    kernel.files.verification.unlink(missing_ok=True)
    project.write(kernel.files.project)
    write_json(kernel.files.timing, timing)


def _export_multi_network(run: Run, kernel: Kernel, progress: Progress) -> None:
    there, files = _whole(run, kernel, progress), run.files.multi_network
    note = "is there" if there else f"of {len(kernel.members)} networks"
    progress.stage(STAGE, f"the kernel of all picks {note}")
    if not there:
        # The facts are written last and removed first: their presence vouches for the rest.
        _keep_results(run, files.path, progress)
        files.facts.unlink(missing_ok=True)
        _write_project(run, kernel)
        write_json(files.facts, facts_of(kernel))
        record_outputs(files, networks=len(kernel.members))
