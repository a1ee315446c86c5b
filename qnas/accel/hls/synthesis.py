"""synthesise: run the synthesis tools that are installed on an exported project, and read what
they report.

Vitis HLS to 2023.1 takes build.tcl; since 2023.2 `v++` takes hls_config.cfg. Neither comes with
qnas, nor can it: without them the caller is told what to run.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from qnas._util.serialization import write_json
from qnas.accel.reports import read_reports
from qnas.accel.reports.measurement import Measurement
from qnas.errors import ConfigError, ToolMissingError, problem

WORK_DIR = "build_hls"
RESULT = "measurements.json"
LOG = "synthesis.log"
TAIL_LINES = 20
NEEDED = ("build.tcl", "hls_config.cfg", "plan.json", "src/qnas_top.cpp")


@dataclass(frozen=True, slots=True)
class Flow:
    """A command that synthesises a project in its folder. `reports` are patterns of what it leaves
    there."""

    command: tuple[str, ...]
    reports: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(self.command)


# The newer first: where both are installed, the old one is the same tool's compatibility mode.
FLOWS = (
    Flow(
        ("v++", "-c", "--mode", "hls", "--config", "hls_config.cfg", "--work_dir", WORK_DIR),
        (f"{WORK_DIR}/**/syn/report",),
    ),
    Flow(("vitis_hls", "-f", "build.tcl"), ("*_hls/**/syn/report",)),
)


def find_project(path: Path) -> Path:
    """The project that `path` is or holds: a project, a pick, or RUN/PICK.

    ConfigError if there is none, or it lacks a file that synthesis needs.
    """
    # A pick has a plan.json of its own beside its project: the project comes first.
    places = (path / "project", path, path.parent / "picks" / path.name / "project")
    found = next((place for place in places if (place / "plan.json").is_file()), None)
    missing = [name for name in NEEDED if found and not (found / name).is_file()]
    if found is None or missing:
        got = f"one without {', '.join(missing)}" if missing else "none"
        remedy = "Name a folder that `qnas export` wrote."
        raise ConfigError(problem(str(path), "must be an exported project", got, remedy))
    return found


def synthesise(project: Path) -> tuple[Measurement, ...]:
    """Run the first flow whose tool is on the PATH; write measurements.json into the project.

    The tool's output goes to synthesis.log. Raises ToolMissingError that says what to run
    elsewhere, or with the end of the log when the tool fails; ReportError for a broken report.
    """
    flow = next((f for f in FLOWS if shutil.which(f.command[0])), None)
    if flow is None:
        commands = " or ".join(f"`{f}`" for f in reversed(FLOWS))
        remedy = (
            f"Where Vitis is installed, in {project} run {commands} (the first up to 2023.1, the "
            f"second from 2023.2 on), then `qnas measurements {project}`."
        )
        raise ToolMissingError(problem("vitis_hls or v++", "must be on the PATH", "none", remedy))
    for folder in _report_folders(project, flow):  # of another run
        shutil.rmtree(folder)
    _run(project, flow)
    folders = _report_folders(project, flow)
    if not folders:
        raise ToolMissingError(
            problem(str(flow), "must leave reports", "none", f"Look at {project / LOG}.")
        )
    found = read_reports(folders)
    write_json(project / RESULT, found)
    return found


def _report_folders(project: Path, flow: Flow) -> list[Path]:
    return sorted(p for pattern in flow.reports for p in project.glob(pattern) if p.is_dir())


def _run(project: Path, flow: Flow) -> None:
    log = project / LOG
    with log.open("w") as out:
        done = subprocess.run(flow.command, cwd=project, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        got = f"status {done.returncode}\n{tail}\n"
        raise ToolMissingError(problem(str(flow), "must succeed", got, f"The rest is in {log}."))
