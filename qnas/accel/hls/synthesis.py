"""synthesise: run the synthesis tools that are installed on an exported project, and read what
they report.

Vitis HLS runs build.tcl: as `vitis-run`, which it is called by from 2024.2 on, or as `vitis_hls`.
Neither comes with qnas, nor can it: without them the caller is told what to run.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from qnas._util.children import run_program
from qnas._util.serialization import write_json
from qnas.accel.reports import Reports, collect_reports
from qnas.errors import ConfigError, ToolMissingError, problem

RESULT = "measurements.json"
LOG = "synthesis.log"
TAIL_LINES = 20
NEEDED = ("build.tcl", "hls_config.cfg", "plan.json", "src/qnas_top.cpp")


REPORTS = "*_hls/**/syn/report"
# The newer first: where both are installed, the old one is the same tool under its former name.
COMMANDS = (
    ("vitis-run", "--mode", "hls", "--tcl", "build.tcl"),
    ("vitis_hls", "-f", "build.tcl"),
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


def synthesise(project: Path) -> Reports:
    """Run the first tool that is on the PATH; write measurements.json into the project.

    Its output goes to synthesis.log. Raises ToolMissingError that says what to run elsewhere, or
    with the end of the log when the tool fails; ReportError if no report can be read.
    """
    command = next((c for c in COMMANDS if shutil.which(c[0])), None)
    if command is None:
        new, old = (shlex.join(c) for c in COMMANDS)
        remedy = (
            f"Where Vitis is installed, in {project} run `{new}` (2024.1 and before: `{old}`), "
            f"then `qnas measurements {project}`."
        )
        subject = "vitis-run or vitis_hls"
        raise ToolMissingError(problem(subject, "must be on the PATH", "none", remedy))
    for folder in _report_folders(project):  # of another run
        shutil.rmtree(folder)
    _run(project, command)
    folders = _report_folders(project)
    if not folders:
        subject, remedy = shlex.join(command), f"Look at {project / LOG}."
        raise ToolMissingError(problem(subject, "must leave reports", "none", remedy))
    found = collect_reports(folders)
    write_json(project / RESULT, found.measurements)
    return found


def _report_folders(project: Path) -> list[Path]:
    return sorted(path for path in project.glob(REPORTS) if path.is_dir())


def _run(project: Path, command: tuple[str, ...]) -> None:
    log = project / LOG
    with log.open("w") as out:
        done = run_program(command, cwd=project, output=out)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        got, remedy = f"status {done.returncode}\n{tail}\n", f"The rest is in {log}."
        raise ToolMissingError(problem(shlex.join(command), "must succeed", got, remedy))
