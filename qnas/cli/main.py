"""The `qnas` command: a group that imports each command when it is called."""

from __future__ import annotations

import errno
import signal
import sys
import traceback
from importlib import import_module
from types import FrameType

import click

from qnas._util.version import __version__
from qnas.cli.output import add_output_options, settings
from qnas.errors import MissedTargetError, QnasError, VerificationError, nearest, problem

# Every command and its help line: `qnas --help` imports no command.
COMMANDS = (
    ("init", "Write a commented study for your images."),
    ("run", "Run every stage: train, search, export, verify, report."),
    ("train", "Train the supernet, once."),
    ("search", "Search subnets and foldings; write front.csv."),
    ("report", "Write report.html."),
    ("export", "Write a Vitis HLS project for each pick."),
    ("verify", "Check each project against the integer reference, bit for bit."),
    ("tune", "Fine-tune the subnet of each pick; export and verify it."),
    ("quantize", "Quantize your own trained ViT; export and verify it."),
    ("refine", "Measure kernels of the front as RTL; predict anew and search on."),
    ("dashboard", "Show a run in optuna-dashboard, also during a search."),
    ("pick", "Choose one accelerator from the front, with reasons."),
    ("compare", "Compare the fronts of two or more runs."),
    ("list", "List the runs in a folder."),
    ("status", "Show what of a run is done, and what is next."),
    ("clean", "Remove files of a run that can be made again."),
    ("check", "Check in a second, before training, whether a study can be satisfied."),
    ("calibrate", "Fit corrections of the estimates to built designs; print their accuracy."),
    ("explain", "Break down the cycles, resources and bytes of an accelerator."),
    ("synth", "Synthesise a project with Vitis, if it is installed."),
    ("measurements", "Read reports of synthesis, implementation and co-simulation."),
    ("measure", "Simulate and synthesize the blocks of the RTL kernel."),
    ("devices", "List the boards that qnas knows."),
    ("spaces", "List the search spaces."),
    ("objectives", "List what a study can optimise."),
)
# Commands that share a module. Every other command is the function `command` of its own module.
SHARED = {
    **dict.fromkeys(("run", "train", "search", "report", "export", "verify", "tune"), "stages"),
    **dict.fromkeys(("list", "status", "clean"), "runs"),
    **dict.fromkeys(("spaces", "objectives", "devices"), "names"),
    **dict.fromkeys(("measurements", "synth"), "measurements"),
}
EXIT_BAD_INPUT = 2
EXIT_MISMATCH = 1
EXIT_MISSED_TARGET = 3
EXIT_INTERRUPTED = 130


class LazyGroup(click.Group):
    """Imports a command when it is called, and turns errors into messages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, _ in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in dict(COMMANDS):
            return None
        module = import_module(f"qnas.cli.{SHARED.get(cmd_name, cmd_name)}")
        name = cmd_name if cmd_name in SHARED else "command"
        command = getattr(module, name, None) or getattr(module, f"{name}_")  # list_, as in Python
        assert isinstance(command, click.Command)
        return add_output_options(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = dict(COMMANDS)
        if args and args[0] not in names and not args[0].startswith("-"):
            remedy = nearest(args[0], names)
            raise click.UsageError(problem("command", "must be known", repr(args[0]), remedy), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(COMMANDS)

    def invoke(self, ctx: click.Context) -> None:
        try:
            super().invoke(ctx)
        except QnasError as error:
            if settings().verbose:
                click.echo("".join(traceback.format_exception(error)), err=True)
            click.echo(f"qnas: {error}", err=True)
            ctx.exit(_exit_status(error))
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # the reader of the output closed it: click exits without a message
            where = error.filename or "file"
            rule, remedy = "must be usable", "Check the path, its permissions and the disk's space."
            click.echo(
                f"qnas: {problem(str(where)[:200], rule, error.strerror or error, remedy)}",
                err=True,
            )
            ctx.exit(EXIT_BAD_INPUT)
        except KeyboardInterrupt:
            click.echo("qnas: interrupted. The same command goes on from here.", err=True)
            ctx.exit(EXIT_INTERRUPTED)


def _exit_status(error: QnasError) -> int:
    if isinstance(error, VerificationError):
        return EXIT_MISMATCH
    return EXIT_MISSED_TARGET if isinstance(error, MissedTargetError) else EXIT_BAD_INPUT


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="qnas")
def cli() -> None:
    """Search quantized vision transformers for an FPGA; generate and verify the accelerator.

    A study is a TOML file, or the name of one that comes with qnas: `qnas run digits_zcu102`.
    Its files are in runs/NAME/. Every command skips the work that is already done there.
    """


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the `qnas` command. SIGTERM ends it in the same way as Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(cli())


if __name__ == "__main__":
    main()
