"""`qnas quantize`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.cli.output import note, result
from qnas.cli.stage import check_targets, opened_study, runs_option

if TYPE_CHECKING:
    from rich.table import Table

    from qnas.studies.run.run import Run


@click.command("quantize")
@click.argument("model", metavar="MODEL")
@click.option(
    "--data", required=True, help="Images of the model's classes: folder:DIR, idx:DIR, a name."
)
@click.option("--device", default="zcu102", show_default=True, help="Board, or its TOML file.")
@click.option("--name", default="", help="Name of the run. [MODEL_DEVICE]")
@runs_option
@click.option("--fps", type=int, multiple=True, help="Pick for these images/s; may be repeated.")
@click.option("--image-size", type=int, default=0, help="Edge of the images, if not the model's.")
@click.option(
    "--bits", type=click.Choice(("6", "8")), default="6", show_default=True, help="Of activations."
)
@click.option(
    "--images", type=int, default=512, show_default=True, help="Training images to calibrate on."
)
@click.option("--batch", type=int, default=1, show_default=True, help="Images of a pass.")
@click.option("--trials", type=int, default=160, show_default=True, help="Budget of the search.")
@click.option("--tune", type=int, default=0, metavar="EPOCHS", help="Fine-tune the picks. [no]")
@click.option("--timm-model", default="", help="timm's name of the model in the file.")
@click.option("--heads", type=int, default=0, help="Number of heads, if nothing else says it.")
@click.option("--activation", default="", help="Of the MLPs, if nothing else says it: gelu.")
@click.option("--epsilon", type=float, default=0.0, help="Of LayerNorm, if nothing else says it.")
@click.option("--qk-norm/--no-qk-norm", default=None, help="If nothing else says it.")
@click.option("--pooling", default="", help="If nothing else says it: token.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Search processes on this machine.")
@click.option("--rtl", is_flag=True, help="Also simulate the kernels as RTL.")
def command(
    model: str,
    runs: Path,
    fps: tuple[int, ...],
    bits: str,
    images: int,
    batch: int,
    trials: int,
    tune: int,
    workers: int,
    rtl: bool,
    **settings: Any,
) -> None:
    """Quantize a trained ViT and build its accelerator, without changing its architecture.

    MODEL is a file of weights, a folder with one, or the name of a timm model. All steps are
    calibrated on training images without training; the share of 8-bit rows of every matrix is
    searched; --tune trains the picks for a few epochs. The last table has the accuracies of every
    rung on the report images, with their number and a 95 % interval.

    Exit status 1 if the C++ differs from the integer reference, 2 for bad input or a model that the
    hardware does not compute.
    """
    from dataclasses import replace

    from qnas.studies.run.pretrained import POST_TRAINING, SEARCH, TUNE, study_of_model
    from qnas.studies.stages import pipeline as stages
    from qnas.studies.workers.pool import WorkerPool

    config = study_of_model(
        model,
        activation_bits=int(bits),
        fps_targets=fps,
        search=replace(
            SEARCH,
            trials=trials,
            population=min(SEARCH.population, max(2, trials)),
            batch=batch,
        ),
        tune=replace(TUNE, picks=True, epochs=tune) if tune else TUNE,
        post_training=replace(POST_TRAINING, images=images),
        **settings,
    )
    pool = WorkerPool(workers)
    pool.check()
    with opened_study(config, runs, stage="run") as (run, shown):
        try:
            stages.run_all(run, pool=pool, rtl=rtl, progress=shown, tell_missed=False)
        finally:
            if run.files.summary.exists():
                _show(run)
        check_targets(run)


def _show(run: Run) -> None:
    from qnas._util.serialization import read_json
    from qnas.cli.console import show_tables

    summary = read_json(run.files.summary)
    result(lambda: summary, lambda: show_tables(rungs_table(summary)))
    note(f"Files: {run.files.path}")


def rungs_table(summary: Mapping[str, Any]) -> Table:
    """The table with a column for each pick: every accuracy from the given model to the C++, from
    summary.json."""
    from rich.table import Table

    from qnas._util.intervals import accuracy_text
    from qnas._util.units import in_passes

    table = Table(title="Accuracy (report split; 95 % intervals)", title_justify="left")
    table.add_column("")
    picks, model = summary["picks"], summary["supernet"]
    for pick in picks:
        table.add_column(pick["name"], justify="right")

    def row(label: str, cells: list[str], *, end: bool = False) -> None:
        table.add_row(label, *cells, end_section=end)

    def accuracies(label: str, found: list[tuple[float, int] | None], *, end: bool = False) -> None:
        texts = [accuracy_text(*one, separator="\n") if one else "-" for one in found]
        row(label, texts, end=end)

    given = (model["pretrained_accuracy"], model["pretrained_images"])
    tunings = [(pick["tuning"], pick["accuracy"]) for pick in picks]
    accuracies("float", [given] * len(picks))
    accuracies(
        "quantized",
        [(t["report"]["inherited"] if t else a["fake_quant"], a["images"]) for t, a in tunings],
    )
    accuracies("tuned", [(t["report"]["tuned"], a["images"]) if t else None for t, a in tunings])
    accuracies("integer", [(a["integer"], a["images"]) for _, a in tunings])
    accuracies("C++", [(a["hls"], a["simulated_images"]) for _, a in tunings], end=True)
    row("weights", [t["weights"] if t else "calibrated" for t, _ in tunings])
    row("8-bit share of weights", [f"{pick['w8_share']:.1%}" for pick in picks])
    row("mismatches", [f"{pick['verification']['mismatches']:,}" for pick in picks])
    passes = in_passes(picks[0].get("batch", 1)) if picks else ""
    row(f"FPS{passes}", [f"{pick['fps']:,.0f}" for pick in picks])
    return table
