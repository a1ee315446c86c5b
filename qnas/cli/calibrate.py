"""`qnas calibrate`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.cli.output import result, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.table import Table

    from qnas.accel.calibration.evaluation import Predicted, Scores

SHIPPED = Path("the table that comes with qnas")

STDOUT = Path("-")
SHARES = ("mape_raw", "mape", "coverage_90", "width_90", "extrapolated")
TITLES = ("error raw", "calibrated", "in 90 % interval", "its width", "extrapolated", "order (tau)")


@click.command("calibrate")
@click.option("--pairs", type=click.Path(path_type=Path), help="CSV of designs to learn from.")
@click.option(
    "--reports",
    type=click.Path(path_type=Path),
    help="Folder of synthesized projects to learn from (requires --out).",
)
@click.option(
    "--out",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Calibration file to write (requires --reports).",
)
@click.option(
    "--evaluate", type=click.Path(path_type=Path), help="CSV to predict (requires --pairs)."
)
@click.option(
    "--leave-one-out",
    is_flag=True,
    help="Predict each kernel of --pairs from the other kernels.",
)
@click.option(
    "--blocks",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value=SHIPPED,
    help="Predict each block in a table of `qnas measure` from the other blocks. Without a value:"
    " the table that comes with qnas.",
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
    help="Write plots to this HTML file.",
)
def command(
    pairs: Path | None,
    reports: Path | None,
    file: Path | None,
    evaluate: Path | None,
    leave_one_out: bool,
    blocks: Path | None,
    out: Path | None,
    html: Path | None,
) -> None:
    """Fit corrections of the cost model's estimates to built designs, and print their accuracy.

    Give one of --pairs, --reports and --blocks. Columns of a --pairs CSV: kernel, hls_lut, hls_ff,
    hls_dsp, hls_bram18, c_arith, c_logic, rtl_arith, rtl_logic, impl_lut (all LUTs),
    impl_logic_lut (without LUTs used as memory or shift register), impl_ff. Optional columns:
    impl_dsp, impl_bram18 (or impl_ramb36 and impl_ramb18), design, part, clk_target_ns.
    """
    from qnas.errors import ConfigError, problem

    given = [name for name in (pairs, reports, blocks) if name is not None]
    if len(given) != 1 or (reports is None) != (file is None):
        rule = "must be given --pairs, --blocks, or --reports with --out"
        got = "several" if len(given) > 1 else "one alone" if given or file else "none"
        raise ConfigError(problem("calibrate", rule, got, "See its --help."))
    if pairs is None and (evaluate is not None or leave_one_out):
        rule = "must go with --pairs"
        raise ConfigError(problem("--evaluate, --leave-one-out", rule, "none of it", "See --help."))
    if reports is not None and file is not None:
        _from_reports(reports, file, out)
    elif blocks is not None:
        _say(*_of_blocks(blocks), out, html)
    elif pairs is not None:
        if (evaluate is None) != leave_one_out:
            rule = "must be either --evaluate or --leave-one-out"
            got = "both" if leave_one_out else "neither"
            raise ConfigError(problem("calibrate", rule, got, "See `qnas calibrate --help`."))
        _say(*_of_pairs(pairs, evaluate), out, html)


def _of_pairs(pairs: Path, evaluate: Path | None) -> tuple[Mapping[str, Predicted], str, str]:
    """The predictions of each resource, the kind of item predicted, and a title."""
    from qnas.accel.calibration import evaluation
    from qnas.accel.calibration.pairs import read_pairs

    train = read_pairs(pairs)
    if evaluate is None:
        test, found = train, evaluation.leave_one_out(train)
    else:
        test = read_pairs(evaluate, at_least=1)
        found = evaluation.evaluate(train, test)
    return evaluation.predicted(test, found), "designs", "Estimate -> implemented"


def _of_blocks(blocks: Path) -> tuple[Mapping[str, Predicted], str, str]:
    from qnas.accel.calibration.evaluation import leave_one_block_out
    from qnas.accel.rtl import table

    rows = table.read_table(table.SHIPPED if blocks == SHIPPED else blocks)
    title = f"Estimate -> synthesized RTL: {len(rows)} blocks, each left out"
    return leave_one_block_out(rows), "blocks", title


def _say(
    predictions: Mapping[str, Predicted], what: str, title: str, out: Path | None, html: Path | None
) -> None:
    from qnas._util.serialization import write_atomically
    from qnas.accel.calibration.evaluation import score
    from qnas.cli.console import printer

    scores = score(predictions)
    _give(scores, out, lambda: printer().print(_table(scores, title)))
    if html is not None:
        from qnas.studies.report.calibration import page

        write_atomically(html, page(predictions, scores, what=what))


def _give(scores: Any, out: Path | None, show: Callable[[], None]) -> None:
    """Print the scores: as JSON if `out` is "-", else by `show`, and also to the file `out`."""
    from qnas._util.serialization import write_json

    if out == STDOUT:
        settings().json = True
    elif out is not None:
        write_json(out, scores)
    result(lambda: scores, show)


def _from_reports(reports: Path, file: Path, out: Path | None) -> None:
    """Write the calibration file and print its accuracy on designs left out of the fit."""
    from rich.table import Table

    from qnas._util.serialization import write_json
    from qnas.accel.calibration.designs import read_designs
    from qnas.accel.calibration.file import CalibrationFile, fit
    from qnas.accel.cost.estimate import RESOURCES
    from qnas.cli.console import printer

    designs = read_designs(reports, remark=lambda sentence: click.echo(sentence, err=True))
    found = fit(designs)
    write_json(file, CalibrationFile(designs))
    title = f"Estimate -> {designs.stage}: {len(designs.predicted)} designs, each left out"
    table = Table(title=title, title_justify="left")
    for column in ("resource", "error raw", "calibrated", "90 % interval", "by"):
        table.add_column(column, justify="right")
    columns = (found.before, found.after, found.half, found.estimators)
    for name, before, after, half_width, estimator in zip(RESOURCES, *columns, strict=True):
        table.add_row(
            name, f"{before:.1%}", f"{after:.1%}", f"x/ {math.exp(half_width):.3f}", estimator
        )
    scores = {
        name: {
            "mape_raw": before,
            "mape": after,
            "factor_90": math.exp(half_width),
            "by": estimator,
        }
        for name, before, after, half_width, estimator in zip(RESOURCES, *columns, strict=True)
    }
    _give(scores, out, lambda: printer().print(table))


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
