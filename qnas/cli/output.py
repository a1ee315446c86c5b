"""Output of the commands: results on stdout, as tables or as one JSON document; the options
--json, --quiet and --verbose, which every command has."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from qnas.cli.console import ConsoleProgress

META = "qnas.output"


@dataclass(slots=True)
class OutputSettings:
    """The options of a command that change its output.

    Attributes:
        json: Print the result as one JSON document, and everything else on stderr.
        quiet: Print the result alone: no progress, no remarks.
        verbose: Print every step of progress, and the traceback of an error.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False


def settings() -> OutputSettings:
    """The settings of the command that is running; the defaults outside a command."""
    context = click.get_current_context(silent=True)
    if context is None:
        return OutputSettings()
    found: OutputSettings = context.meta.setdefault(META, OutputSettings())
    return found


def add_output_options(command: click.Command) -> click.Command:
    """Add --json, --quiet and --verbose to a command that lacks them."""
    known = {option for parameter in command.params for option in parameter.opts}
    for options, about in (
        (("--json",), "Print the result as one JSON document; all else goes to stderr."),
        (("-q", "--quiet"), "Print the result alone, without progress."),
        (("-v", "--verbose"), "Print every step of progress, and the traceback of an error."),
    ):
        if not known & set(options):
            command.params.append(
                click.Option(options, is_flag=True, expose_value=False, callback=_note, help=about)
            )
    return command


def _note(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and parameter.name is not None:
        setattr(context.meta.setdefault(META, OutputSettings()), parameter.name, True)


def result(document: Callable[[], Any], show: Callable[[], None]) -> None:
    """Print the result of the command: what `document` returns with --json, else by `show`."""
    if settings().json:
        click.echo(as_json(document()))
    else:
        show()


def as_json(document: Any) -> str:
    """Indented JSON of plain values, dataclasses and containers of both."""
    from qnas._util.serialization import encode

    return json.dumps(_finite(encode(document)), indent=2, allow_nan=False, default=str)


def _finite(value: Any) -> Any:
    """`value` with null in place of NaN and infinity, which JSON lacks."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def note(text: str) -> None:
    """Print a line beside the result, such as the path of a written file."""
    if not settings().quiet:
        click.echo(text, err=settings().json)


def html_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option --html."""
    file = click.Path(path_type=Path, dir_okay=False)
    return click.option("--html", type=file, help="Also write this page.")(function)


def write_page(file: Path, page: str) -> None:
    """Write the page that --html asks for."""
    from qnas._util.serialization import write_atomically

    write_atomically(file, page)
    note(f"Page: {file}")


def progress() -> ConsoleProgress:
    """The progress of a stage: on stdout, with --json on stderr, with --quiet nowhere."""
    from rich.console import Console

    from qnas.cli.console import ConsoleProgress

    now = settings()
    stream = sys.stderr if now.json else sys.stdout
    console = Console(file=stream, soft_wrap=True, quiet=now.quiet)
    return ConsoleProgress(console, every_step=now.verbose)
