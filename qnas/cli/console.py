"""Console output of the commands: progress bars and tables."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from qnas._util.intervals import accuracy_text
from qnas._util.serialization import decode
from qnas._util.units import in_passes, pass_name
from qnas.accel.cost.estimate import RESOURCES, Estimate
from qnas.accel.cost.prediction import Prediction, Range
from qnas.studies.progress import duration

PLAIN_LINES = 10
RUNGS = ("inherited", "tuned", "integer", "C++")
LINE_S = 25.0  # the longest time between two lines, if a stage reports as often
SILENCE_S = 60.0  # the longest time without a line, whatever the stage reports


class ConsoleProgress:
    """Shows a bar on a terminal; elsewhere prints lines, each with its time of day: one per stage,
    about ten of its progress, and one after every minute without a line."""

    def __init__(
        self, console: Console, *, every_step: bool = False, silence_s: float = SILENCE_S
    ) -> None:
        self._console, self._every_step, self._silence_s = console, every_step, silence_s
        self._bar: Progress | None = None
        self._tenth, self._last = 0, "starting"
        self._began = self._printed = time.monotonic()
        self._lock, self._ended = threading.Lock(), threading.Event()

    def __enter__(self) -> ConsoleProgress:
        if not (self._console.is_terminal or self._console.quiet):
            threading.Thread(target=self._break_silence, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._close()

    def stage(self, name: str, note: str) -> None:
        self._close()
        self._tenth, self._last, self._began = 0, f"{name} goes on", time.monotonic()
        self._print(f"[bold]{name:<7}[/bold] {escape(note)}")

    def advance(self, done: int, total: int, note: str) -> None:
        if self._console.is_terminal:
            return self._advance_bar(done, total, note)
        self._last = f"{done}/{total}  {note}"
        tenth = done * PLAIN_LINES // total
        if self._every_step or tenth > self._tenth or self._silent_s() >= LINE_S:
            self._tenth = tenth
            self._print(f"        {done}/{total}  {escape(note)}")

    def _print(self, line: str) -> None:
        """Print a line; with its time where it may be read later, as from the log of a job."""
        stamp = "" if self._console.is_terminal else f"{datetime.now():%Y-%m-%d %H:%M:%S}  "
        with self._lock:
            self._printed = time.monotonic()
            self._console.print(f"{stamp}{line}", highlight=False)

    def _silent_s(self) -> float:
        return time.monotonic() - self._printed

    def _break_silence(self) -> None:
        """Repeat what was last known after every minute without a line, until the end."""
        while not self._ended.wait(max(self._silence_s - self._silent_s(), 0.01)):
            if self._silent_s() >= self._silence_s:
                since = duration(time.monotonic() - self._began)
                self._print(f"        {escape(self._last)}  ({since} in this stage)")

    def _advance_bar(self, done: int, total: int, note: str) -> None:
        if self._bar is None:
            self._bar = Progress(
                TextColumn("       "),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._bar.add_task(note, total=total)
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, description=note)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def printer(*, columns: int = 160) -> Console:
    """A console for tables. A pipe has no width of its own: it gets `columns`, so that no cell
    is wrapped."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=columns, highlight=False)


def show_tables(*tables: Table, columns: int = 160) -> None:
    """Print the tables. On a terminal that is too narrow for a cell the cell is folded: a figure
    may take two lines, but loses no digit."""
    console = printer(columns=columns)
    for table in tables:
        for column in table.columns:
            column.overflow = "fold"
        console.print(table)


def summary_table(summary: Mapping[str, Any], limits: Mapping[str, int]) -> Table:
    """The table with one column per pick: share of 8-bit rows, accuracies, speed, resources and
    the verdict."""
    picks = summary["picks"]
    batch = picks[0].get("batch", 1) if picks else 1
    what = pass_name(batch)
    table = Table(title="Verified accelerators", title_justify="left")
    table.add_column("pick")
    for pick in picks:
        table.add_column(pick["name"], justify="right")

    def row(label: str, values: list[str], *, end: bool = False) -> None:
        table.add_row(label, *values, end_section=end)

    row("architecture", [p["key"] for p in picks])
    row("8-bit share of weights", [f"{p['w8_share']:.1%}" for p in picks], end=True)
    for label, rung, images in (
        ("accuracy, fake-quant", "fake_quant", "images"),
        ("accuracy, integer", "integer", "images"),
        ("accuracy, C++", "hls", "simulated_images"),
    ):
        found = [(p["accuracy"][rung], p["accuracy"][images]) for p in picks]
        cells = [accuracy_text(*one, separator="\n") for one in found]
        row(f"{label}\n(95 % interval)", cells, end=rung == "hls")
    told = [_prediction(pick) for pick in picks]
    row("figures below", [one.title for one in told])
    row(f"cycles, first {what}", [one.text("cycles_first") for one in told])
    row("cycles, each further", [one.text("cycles") for one in told])
    if any(p.get("rtl") for p in picks):
        row(f"cycles as RTL, first {what}", [_rtl_cell(p, "first") for p in picks])
        row("cycles as RTL, each further", [_rtl_cell(p, "next") for p in picks])
    clocks = ", ".join(sorted({f"{p['clock_mhz']:g}" for p in picks}))
    row(f"FPS{in_passes(batch)} at {clocks} MHz", [one.text("fps") for one in told], end=True)
    for name in RESOURCES[:4]:
        used = [f"{one.text(name)} / {limits[name]:,}" for one in told]
        row(f"{name.upper()} / limit", used, end=name == "bram18")
    estimates = [pick.get("estimate") for pick in picks]
    if any(one.backend == "rtl" for one in told) and all(estimates):
        _add_estimates(row, [decode(Estimate, one, subject="estimate") for one in estimates])
    row("check", [_verdict(p["verification"]) for p in picks])
    return table


def _prediction(pick: Mapping[str, Any]) -> Prediction:
    """The pick's prediction; of runs before there were any, its amounts."""
    if pick.get("prediction"):
        return decode(Prediction, pick["prediction"], subject="prediction")
    names = ("cycles", "cycles_first", "fps", *RESOURCES)
    return Prediction({name: Range.exactly(pick[name]) for name in names})


def _add_estimates(row: Callable[..., None], estimates: Sequence[Estimate]) -> None:
    """Rows of the C++ kernel, where the figures above are another's."""
    row("figures below", ["C++ kernel, modelled" for _ in estimates])
    row("cycles, each further", [f"{one.cycles:,}" for one in estimates])
    row("FPS", [f"{one.fps:,.0f}" for one in estimates])
    names = RESOURCES[:4]
    used = [[f"{getattr(one.resources, name):,}" for name in names] for one in estimates]
    row(", ".join(name.upper() for name in names), [", ".join(one) for one in used], end=True)


def _rtl_cell(pick: Mapping[str, Any], which: str) -> str:
    """Simulated cycles, and the deviation of the RTL's modelled cycles from them."""
    if not pick.get("rtl"):
        return "-"
    found = pick["rtl"][f"cycles_{which}"]
    modelled = pick["rtl"][f"modelled_{which}"]
    return f"{found:,} (model {modelled / found - 1:+.1%})"


def multi_network_tables(
    facts: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]], limits: Mapping[str, int]
) -> tuple[Table, Table]:
    """Two tables of the multi-network kernel: its networks beside each pick's own kernel, and its
    resources."""
    clock = f"{facts['clock_mhz']:g}"
    speed = Table(title="All picks in one kernel (modelled)", title_justify="left")
    speed.add_column("network")
    passes = in_passes(facts["networks"][0].get("batch", 1))
    for column in ("pick", f"FPS{passes} at {clock} MHz", "FPS alone", "share"):
        speed.add_column(column, justify="right")
    speed.add_column("check")
    for network in facts["networks"]:
        verdict = verdicts[network["network"]] if verdicts else None
        for pick, alone in network["fps_alone"].items():
            cells = (f"{network['fps']:,.0f}", f"{alone:,.0f}", f"{network['fps'] / alone:.0%}")
            check = _verdict(verdict) if verdict else "not verified"
            speed.add_row(str(network["network"]), pick, *cells, check)
    resources = Table(title="Resources (modelled)", title_justify="left")
    resources.add_column("")
    firsts = [
        network["picks"][0] for network in facts["networks"]
    ]  # the other picks have the same network
    for column in ("shared / limit", *(f"{pick} alone" for pick in firsts), "these together"):
        resources.add_column(column, justify="right")
    for name in ("lut", "ff", "dsp", "bram18", "uram"):
        alone = [facts["resources_alone"][pick][name] for pick in firsts]
        used = f"{facts['resources'][name]:,} / {limits[name]:,}"
        resources.add_row(name.upper(), used, *(f"{n:,}" for n in (*alone, sum(alone))))
    return speed, resources


def probe_table(name: str, probe: Mapping[str, Any]) -> Table:
    """The table with one row per loop and memory: loads and stores of a bank in an iteration, and
    the number of iterations between two accesses of the same word."""
    faults, claims = len(probe["faults"]), probe["claims"]
    verdict = f"{faults} faults" if faults else "clean"
    watched = f"{probe['iterations']:,} iterations, {claims} DEPENDENCE claims: {verdict}"
    table = Table(title=f"Memories of {name}: {watched}", title_justify="left")
    for column in ("loop", "memory"):
        table.add_column(column)
    for column in ("loads", "stores", "RAW", "WAR", "WAW"):
        table.add_column(column, justify="right")
    for one in probe["accesses"]:
        counts = (one["loads"], one["stores"])
        distances = (one[kind] for kind in ("raw", "war", "waw"))
        shown = ["-" if distance is None else f"{distance:,}" for distance in distances]
        table.add_row(one["loop"], one["memory"], *map(str, counts), *shown)
    return table


def tuning_table(picks: Sequence[dict[str, Any]]) -> Table:
    """The table with one row per tuned pick, from summary.json."""
    title = "Accuracy of tuned picks (report split; 95 % intervals)"
    table = Table(title=title, title_justify="left")
    table.add_column("pick")
    for title in (*RUNGS, "mismatches", "made of", "search split"):
        table.add_column(title, justify="right")
    for pick in picks:
        if (tuning := pick.get("tuning")) is None:
            continue
        report, search, accuracy = tuning["report"], tuning["search"], pick["accuracy"]
        images, simulated = accuracy["images"], accuracy["simulated_images"]
        rungs = (
            (report["inherited"], images),
            (report["tuned"], images),
            (accuracy["integer"], images),
            (accuracy["hls"], simulated),
        )
        table.add_row(
            pick["name"],
            *(accuracy_text(*rung, separator="\n") for rung in rungs),
            f"{pick['verification']['mismatches']:,}",
            tuning["weights"],
            f"{search['inherited']:.2%} -> {search['tuned']:.2%}",
        )
    return table


def _verdict(found: Mapping[str, int]) -> str:
    style = "red" if found["mismatches"] else "green"
    return (
        f"{found['stages']:,} stages x {found['images']:,} images,\n{found['values']:,} values,\n"
        f"[{style}]{found['mismatches']:,} mismatches[/{style}]"
    )
