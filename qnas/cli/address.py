"""Address: what an argument of a command names, a study, a run, or a pick of a run.

STUDY     a TOML file, or the name of a study that comes with qnas
RUN       a run's directory, such as runs/NAME, or NAME below --runs
RUN/PICK  a pick of a run, also RUN/picks/PICK; or a folder that `qnas pick --out` wrote
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
from click.shell_completion import CompletionItem

from qnas._util.files import expanded
from qnas._util.units import listed
from qnas.errors import ConfigError, problem

Kind = Literal["study", "run", "pick"]
FORMS: dict[Kind, str] = {
    "study": "a study (a TOML file, or a name that qnas knows)",
    "run": "a run (a directory like runs/NAME)",
    "pick": "a pick (RUN/PICK, or a folder that `qnas pick --out` wrote)",
}
SHOWN = 8
MANIFEST, PLAN = "manifest.json", "plan.json"


@dataclass(frozen=True, slots=True)
class Address:
    """What an argument names.

    Attributes:
        kind: "study", "run" or "pick".
        text: The argument as it was given.
        run: The directory of the run; None for a study, whose name is not read yet, and for a pick
            outside any run.
        folder: The directory of the pick; None for a study or a run.
    """

    kind: Kind
    text: str
    run: Path | None = None
    folder: Path | None = None

    @property
    def pick(self) -> str:
        """The name of the pick; "" for a study or a run."""
        return self.folder.resolve().name if self.folder else ""


def find(
    text: str, *, runs: Path = Path("runs"), accept: tuple[Kind, ...] = ("study", "run", "pick")
) -> Address:
    """Find what `text` names.

    Args:
        text: The argument of a command.
        runs: Folder of the run directories, for runs that are given by their names.
        accept: The kinds that the command takes. An absent TOML file is a study.

    Raises:
        ConfigError: It names nothing, or something that the command does not take; the message
            lists what there is instead.
    """
    found = _found(text, runs)
    if found is None or found.kind not in accept:
        got = f"{_article(found.kind)}" if found else "nothing of that name"
        rule = f"must be {' or '.join(FORMS[kind] for kind in accept)}"
        raise ConfigError(problem(text, rule, got, _there_is(text, found, runs, accept)))
    return found


def one_pick(address: Address, *, runs: Path = Path("runs"), name: str = "") -> Path:
    """The directory of the pick that `address` names: of a run with one pick, that one.

    `name` is the name of the study that the address gives, if it gives one. ConfigError, listing
    the picks, for a run with several or none.
    """
    if address.folder is not None:
        return address.folder
    run = address.run or runs / name
    picks = picks_of(run)
    if len(picks) == 1:
        return run / "picks" / picks[0]
    several = f"{run}, with the picks {_listed(picks)}" if picks else f"{run}, without a pick"
    remedy = f"Write {run / picks[0]}." if picks else "Run `qnas export` first."
    raise ConfigError(problem(address.text, "must name one pick", several, remedy))


def picks_of(run: Path) -> list[str]:
    """Names of the exported picks of a run, sorted."""
    return sorted(path.parent.name for path in (run / "picks").glob(f"*/{PLAN}"))


def runs_below(folder: Path) -> list[Path]:
    """The run directories in `folder`, sorted."""
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))


def complete(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """What a shell offers for an address: studies, runs, and the picks of a run; then files."""
    runs = context.params.get("runs") or Path("runs")
    from qnas.studies.study_file import shipped_studies

    near = runs_below(runs)
    begun = [run for run in near if incomplete.startswith(f"{run}/")]
    picks = [f"{run}/{pick}" for run in begun for pick in picks_of(run)]
    names = [*_studies(), *shipped_studies(), *map(str, near), *picks]
    found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def _found(text: str, runs: Path) -> Address | None:
    path = expanded(text)
    if path.suffix == ".toml":
        return Address("study", text)
    for place in (path, runs / path):
        if (place / MANIFEST).is_file():
            return Address("run", text, run=place)
        if pick := _pick(place):
            return Address("pick", text, run=_run_of(pick), folder=pick)
    from qnas.studies.study_file import shipped_studies

    known = path.is_file() or text in shipped_studies()
    return Address("study", text) if known else None


def _pick(path: Path) -> Path | None:
    """The directory of the pick at `path`, which may leave out `picks` or name the project."""
    inside_run = path.parent / "picks" / path.name
    for place in (path, inside_run):
        if (place / PLAN).is_file() and (place / "project").is_dir():
            return place
        if (place / "project" / PLAN).is_file():  # the kernel of all picks
            return place
    is_project = path.name == "project" and (path / PLAN).is_file()
    return path.resolve().parent if is_project else path if (path / PLAN).is_file() else None


def _run_of(pick: Path) -> Path | None:
    """The run that a pick's directory lies in."""
    for parent in (pick.resolve().parent.parent, pick.resolve().parent):
        if (parent / MANIFEST).is_file():
            return parent
    return None


def _article(kind: Kind) -> str:
    return FORMS[kind].split(" (")[0]


def _there_is(text: str, found: Address | None, runs: Path, accept: tuple[Kind, ...]) -> str:
    """A sentence that lists what the command would take."""
    path = expanded(text)
    runs_near = [run for run in (path.parent, runs / path.parent) if (run / MANIFEST).is_file()]
    run = found.run if found and found.run else next(iter(runs_near), None)
    if run is not None and "pick" in accept and (picks := picks_of(run)):
        return f"{run} has the picks {_listed(picks)}."
    if found is not None and found.run is not None and "run" in accept:
        return f"Give its run, {found.run}."
    there = []
    if "study" in accept:
        from qnas.studies.study_file import shipped_studies

        there += [f"the studies {_listed([*_studies(), *shipped_studies()])}"]
    if {"run", "pick"} & set(accept):
        near = [str(run) for run in runs_below(runs)]
        there += [f"the runs {_listed(near)}" if near else f"no run in {runs}"]
    return f"There are {' and '.join(there)}."


def _studies() -> list[str]:
    """The TOML files of the working directory that look like studies."""
    return sorted(path.name for path in Path().glob("*.toml") if path.name != "pyproject.toml")


def _listed(names: list[str]) -> str:
    return listed(names, most=SHOWN)
