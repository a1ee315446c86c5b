"""`qnas calibrate`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("calibrate")
@click.option("--pairs", required=True, type=click.Path(path_type=Path), help="CSV to learn from.")
@click.option("--evaluate", type=click.Path(path_type=Path), help="CSV to predict.")
@click.option("--leave-one-out", is_flag=True, help="Predict each kernel from the others.")
@click.option("--json", "out", type=click.Path(path_type=Path, dir_okay=False), help="Scores.")
def command(pairs: Path, evaluate: Path | None, leave_one_out: bool, out: Path | None) -> None:
    """Learn from designs what tools make of an estimate, and say how well.

    Columns: kernel, hls_lut, hls_ff, hls_dsp, hls_bram18, c_arith, c_logic, rtl_arith, rtl_logic,
    impl_lut, impl_logic_lut, impl_ff.
    """
    from rich.table import Table

    from qnas.cli.console import printer
    from qnas.errors import ConfigError, problem
    from qnas.objectives.calibration import evaluation
    from qnas.objectives.calibration.pairs import read_pairs
    from qnas.serial import write_json

    if (evaluate is None) != leave_one_out:
        rule = "must be either --evaluate or --leave-one-out"
        got = "both" if leave_one_out else "neither"
        raise ConfigError(problem("calibrate", rule, got, "See `qnas calibrate --help`."))
    train = read_pairs(pairs)
    if evaluate is None:
        scores = evaluation.leave_one_out(train)
    else:
        scores = evaluation.evaluate(train, read_pairs(evaluate))
    table = Table(title="Estimate -> implemented", title_justify="left")
    table.add_column("resource")
    for title in ("error raw", "calibrated", "in 90 % interval", "its width", "extrapolated"):
        table.add_column(title, justify="right")
    for name, found in scores.items():
        table.add_row(name, *(f"{value:.1%}" for key, value in found.items() if key != "n"))
    printer().print(table)
    if out is not None:
        write_json(out, scores)
