"""`qnas synth`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("synth")
@click.argument("project", metavar="PROJECT", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the measurements as JSON.")
def command(project: Path, as_json: bool) -> None:
    """Synthesise PROJECT with the Vitis on the PATH, and print the reported figures.

    PROJECT is a folder that `qnas export` wrote, a pick's folder, or RUN/PICK such as
    runs/digits_zcu102/fps50000. The measurements are kept in the project's measurements.json.
    Exit status 2 without Vitis; the message then names the command for a machine with Vitis.
    """
    import json

    from qnas._util.serialization import encode
    from qnas.accel.hls.synthesis import find_project, synthesise
    from qnas.cli.console import printer
    from qnas.cli.measurements import measurement_table, say_remarks

    found = synthesise(find_project(project))
    if as_json:
        click.echo(json.dumps(encode(found.measurements), indent=2, allow_nan=False))
    else:
        printer(columns=200).print(measurement_table(found.measurements))
    say_remarks((*found.broken, *found.remarks))
