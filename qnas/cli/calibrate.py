"""`qnas calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.cli.output import result, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.table import Table

    from qnas.accel.calibration.calibration import Calibration
    from qnas.accel.calibration.evaluation import Predicted, Scores
    from qnas.errors import QnasError

SHIPPED = Path("the table that comes with qnas")

STDOUT = Path("-")
SHARES = ("mape_raw", "mape", "coverage_90", "width_90", "extrapolated")
TITLES = ("error raw", "calibrated", "in 90 % interval", "its width", "extrapolated", "order (tau)")


@click.command("calibrate")
@click.option("--pairs", type=click.Path(path_type=Path), help="CSV of designs to learn from.")
@click.option(
    "--reports",
    type=click.Path(path_type=Path),
    help="Folder of synthesized projects to learn from.",
)
@click.option(
    "--blocks",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value=SHIPPED,
    help="Table of `qnas measure` to learn from. Without a value: that which comes with qnas.",
)
@click.option(
    "--kernels", is_flag=True, help="Learn from the table of RTL kernels that comes with qnas."
)
@click.option(
    "--with",
    "known",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Calibration file to predict with.",
)
@click.option(
    "--out",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a calibration file of what was learned from.",
)
@click.option(
    "--evaluate",
    type=click.Path(path_type=Path),
    help="CSV of designs to predict (requires --pairs, or --with a file that came of one).",
)
@click.option(
    "--leave-one-out",
    is_flag=True,
    help="Predict each kernel from the other kernels: the default of --blocks and --kernels.",
)
@click.option(
    "--json",
    "out",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    is_flag=False,
    flag_value=STDOUT,
    help="Write the scores to this JSON file; without a value, print them as JSON.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write plots of predictions to this HTML file.",
)
def command(
    pairs: Path | None,
    reports: Path | None,
    blocks: Path | None,
    kernels: bool,
    known: Path | None,
    file: Path | None,
    evaluate: Path | None,
    leave_one_out: bool,
    out: Path | None,
    html: Path | None,
) -> None:
    """Fit corrections of the cost model's estimates to built designs, and print their accuracy.

    Give one of --pairs, --reports, --blocks, --kernels and --with. Columns of a CSV of pairs:
    kernel, hls_lut, hls_ff, hls_dsp, hls_bram18, c_arith, c_logic, rtl_arith, rtl_logic, impl_lut
    (all LUTs), impl_logic_lut (without LUTs used as memory or shift register), impl_ff. Optional
    columns: impl_dsp, impl_bram18 (or impl_ramb36 and impl_ramb18), design, part, clk_target_ns.
    """
    given = [name for name in (pairs, reports, blocks, known) if name is not None]
    if len(given) + kernels != 1:
        rule = "must be given one of --pairs, --reports, --blocks, --kernels and --with"
        raise _wrong("calibrate", rule, "several" if given else "none")
    if evaluate is not None and leave_one_out:
        raise _wrong("calibrate", "must be either --evaluate or --leave-one-out", "both")
    if evaluate is not None and pairs is None and known is None:
        raise _wrong("--evaluate", "must go with --pairs or --with", "neither of them")
    if file is not None and (blocks is not None or known is not None):
        raise _wrong("--out", "must go with --pairs, --reports or --kernels", "neither of them")
    if evaluate is not None:
        return _show_scores(*_evaluated(pairs, known, evaluate, file), out, html)
    if leave_one_out or blocks is not None or (kernels and file is None):
        return _show_scores(*_left_out(pairs, reports, blocks, known, file), out, html)
    if html is not None:
        raise _wrong("--html", "must go with --evaluate or --leave-one-out", "neither of them")
    _show_fit(_fit(pairs, reports, known, file), out)


def _wrong(subject: str, rule: str, got: str) -> QnasError:
    from qnas.errors import ConfigError, problem

    return ConfigError(problem(subject, rule, got, "See `qnas calibrate --help`."))


def _fit(
    pairs: Path | None, reports: Path | None, known: Path | None, file: Path | None
) -> Calibration:
    """Fit the calibration of what was given (none: the shipped kernels), and write it to `file`."""
    from qnas.accel.calibration.calibration import fit
    from qnas.accel.calibration.file import read_calibration, write_calibration
    from qnas.accel.calibration.pairs import SETUP, read_pairs
    from qnas.accel.calibration.predictor import shipped_calibration
    from qnas.accel.calibration.projects import read_projects

    if pairs is not None:
        found = fit(read_pairs(pairs).designs(), subject="hls", setup=SETUP)
    elif reports is not None:
        found = read_projects(reports, remark=lambda sentence: click.echo(sentence, err=True))
    else:
        found = read_calibration(known) if known is not None else shipped_calibration()
    if file is not None:
        write_calibration(file, found)
    return found


def _evaluated(
    pairs: Path | None, known: Path | None, evaluate: Path, file: Path | None
) -> tuple[Mapping[str, Predicted], str, str]:
    """The predictions of each amount, the kind of item predicted, and a title."""
    from qnas.accel.calibration.evaluation import predicted
    from qnas.accel.calibration.pairs import read_pairs

    found = _fit(None, None, known, None) if known is not None else None
    test = read_pairs(evaluate, at_least=1).designs()
    found = found or _fit(pairs, None, None, file)
    if found.subject != "hls":
        rule = "must come of --pairs to predict a CSV"
        raise _wrong(str(known), rule, f"designs of the kind `{found.subject}`")
    return predicted(test, found.predict(test)), "designs", "Estimate -> implemented"


def _left_out(
    pairs: Path | None,
    reports: Path | None,
    blocks: Path | None,
    known: Path | None,
    file: Path | None,
) -> tuple[Mapping[str, Predicted], str, str]:
    from qnas.accel.calibration.blocks import designs_of_blocks
    from qnas.accel.calibration.evaluation import leave_out, predicted
    from qnas.accel.rtl.table import SHIPPED as TABLE
    from qnas.accel.rtl.table import read_table

    if blocks is not None:
        rows = read_table(TABLE if blocks == SHIPPED else blocks)
        designs, what = designs_of_blocks([row.block for row in rows], rows), "blocks"
        title = f"Estimate -> synthesized RTL: {len(rows)} blocks, each left out"
    else:
        found = _fit(pairs, reports, known, file)
        designs, what = found.designs, "designs"
        title = f"Estimate -> {found.setup.stage}: {len(designs)} designs, each kernel left out"
    return predicted(designs, leave_out(designs)), what, title


def _show_scores(
    predictions: Mapping[str, Predicted], what: str, title: str, out: Path | None, html: Path | None
) -> None:
    from qnas._util.serialization import write_atomically
    from qnas.accel.calibration.evaluation import score
    from qnas.cli.console import show_tables

    scores = score(predictions)
    _give(scores, out, lambda: show_tables(_table(scores, title)))
    if html is not None:
        from qnas.studies.report.calibration import page

        write_atomically(html, page(predictions, scores, what=what))


def _show_fit(found: Calibration, out: Path | None) -> None:
    """Print what was learned of each amount, and its accuracy on designs left out of the fit."""
    from rich.table import Table

    from qnas.cli.console import show_tables

    title = f"Estimate -> {found.setup.stage}: {len(found.designs)} designs, each kernel left out"
    table = Table(title=title, title_justify="left")
    for column in ("amount", "designs", "error raw", "calibrated", "by"):
        table.add_column(column, justify="right")
    for name, one in found.corrections.items():
        cells = (str(one.designs), f"{one.before:.1%}", f"{one.after:.1%}", one.by)
        table.add_row(name, *cells)
    scores = {
        name: {"designs": one.designs, "mape_raw": one.before, "mape": one.after, "by": one.by}
        for name, one in found.corrections.items()
    }
    _give(scores, out, lambda: show_tables(table))


def _give(scores: Any, out: Path | None, show: Callable[[], None]) -> None:
    """Print the scores: as JSON if `out` is "-", else by `show`, and also to the file `out`."""
    from qnas._util.serialization import write_json

    if out == STDOUT:
        settings().json = True
    elif out is not None:
        write_json(out, scores)
    result(lambda: scores, show)


def _table(scores: Scores, title: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("resource")
    for title in TITLES:
        table.add_column(title, justify="right")
    for name, found in scores.items():
        tau = found["kendall_tau"]
        cells = (f"{found[key]:.1%}" for key in SHARES)
        table.add_row(name, *cells, "-" if tau is None else f"{tau:.3f}")
    return table
