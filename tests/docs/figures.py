"""The tables of the benchmark pages, from the figures in docs/benchmarks/data.

    python -m tests.docs.figures             write the tables of all pages anew
    python -m tests.docs.figures runs/NAME   store the outcome of a verified run first

A page names a table and its file: `<!-- table: KIND FILE -->`, the table, `<!-- end -->`. The files
are what the benchmarks write with `--json`, and outcomes of runs as this program stores them. After
a change of the accelerator or its cost model, `qnas run` makes latencies and picks anew, and this
program their tables.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from qnas._util.serialization import read_json, write_json
from qnas.objectives.accuracy import AccuracyEvaluator
from qnas.studies.open_run import OpenRun, open_run
from qnas.studies.run.outcome import Summary
from qnas.training.checkpoint import load_pretrained_state
from tests.docs.pages import DOCS

PAGES = DOCS / "benchmarks"
DATA = PAGES / "data"
TABLE = re.compile(r"(<!-- table: (\w+) ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)
SLOW, FAST = 1, 3  # of the five speeds of worth.py
LEAST_INSIDE = 0.85  # share of kernels that 90 % intervals should hold at least
RATES = 6  # rows of the table of a front

Rows = Iterator[Sequence[str]]


def refreshed(page: str) -> str:
    """The text of a page with its tables as its files have them."""

    def table(found: re.Match[str]) -> str:
        begin, kind, name, end = found.groups()
        head, *rows = KINDS[kind](read_json(DATA / name))
        lines = [head, ["---"] * len(head), *rows]
        return begin + "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n" + end

    return TABLE.sub(table, page)


def outcome(run: OpenRun) -> dict[str, Any]:
    """What the tables need of a verified run, as plain data."""
    summary = run.summary()
    shapes = {t.architecture.key: t.architecture for t in run.records().trials}
    return {
        "study": run.config.name,
        "qnas": run.manifest.versions["qnas"],
        "search_images": len(run.splits.search),
        "report_images": len(run.splits.report),
        "trials": summary.study.trials,
        "trained": {
            "largest": summary.supernet.largest_accuracy,
            "smallest": summary.supernet.smallest_accuracy,
        },
        **({"floating": _floating(run)} if run.config.train.float_epochs else {}),
        "front": [
            {
                "latency_ms": trial.values["latency"],
                "dsp": trial.predicted["dsp"].value,
                "error": trial.values["error"],
            }
            for trial in run.front()
        ],
        "picks": list(_picks(summary, shapes)),
    }


def _floating(run: OpenRun) -> dict[str, float]:
    """The largest subnet at the end of the floating-point phase: as it is, and calibrated."""
    net, arch = run.supernet, run.space.largest()
    net.load_state_dict(load_pretrained_state(run.path))
    evaluator = AccuracyEvaluator(net, *run.subset("report"))
    return {"float": evaluator.float_top1(arch), "calibrated": evaluator.top1([arch])[0]}


def _picks(summary: Summary, shapes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for pick in summary.picks:
        shape, accuracy = shapes[pick.key], pick.accuracy
        assert accuracy is not None and pick.prediction and pick.estimate
        yield {
            "name": pick.name,
            "embed_dim": shape.embed_dim,
            "depth": shape.depth,
            "w8_share": pick.w8_share,
            "fake_quant": accuracy.fake_quant,
            "integer": accuracy.integer,
            "hls": accuracy.hls,
            "simulated_images": accuracy.simulated_images,
            "values": pick.verification.values,
            "mismatches": pick.verification.mismatches,
            "fps": pick.fps,
            "clock_mhz": pick.clock_mhz,
            "lut": pick.lut,
            "dsp": pick.dsp,
            "kernel": pick.prediction.title,
            "cpp": {"fps": pick.estimate.fps, "lut": pick.estimate.resources.lut},
        }


def worth(found: Any) -> Rows:
    slow, fast = (f"error at {found['fps_levels'][n]:,} FPS, %" for n in (SLOW, FAST))
    yield "approach", "hypervolume", "rows less this one", slow, fast
    for name, x in found["approaches"].items():
        lost = "" if name == "rows" else _interval(x["hypervolume_lost_to_rows"], 3)
        errors = (_interval(x["error_at_fps"][n], 2) for n in (SLOW, FAST))
        yield name, _interval(x["hypervolume"], 3), lost, *errors


def gains(found: Any) -> Rows:
    yield "approach", *(f"at {level:,} FPS" for level in found["fps_levels"])
    for name, x in found["approaches"].items():
        if name != "rows":
            yield name, *(_interval(one, 2) for one in x["points_lost_to_rows_at_fps"])


def widths(found: Any) -> Rows:
    labels = list(dict.fromkeys(label for row in found["rows"] for label in row["accuracy"]))
    yield "supernet", "subnet", "activations", "float", *labels, "points that all 4 lose"
    for row in found["rows"]:
        cells = (_percent(row["accuracy"].get(label)) for label in labels)
        mean, low, high = row["lost"]["all 4"]
        lost = f"{mean:.2f} ({low:.2f} to {high:.2f})"
        bits = f"{row['activation_bits']} bits"
        yield row["state"], row["subnet"], bits, _percent(row["floating"]), *cells, lost


def training(found: Any) -> Rows:
    """Accuracies after each phase of the training, on the report split."""
    yield f"after, on {found['report_images']:,} images", "largest subnet", "smallest subnet"
    floating, trained = found["floating"], found["trained"]
    yield "the largest alone, in floating point", _percent(floating["float"]), ""
    yield "calibration of all steps, no training", _percent(floating["calibrated"]), ""
    cells = (_percent(trained[name]) for name in ("largest", "smallest"))
    yield "random subnets with quantizers", *cells


def float_vit(found: Any) -> Rows:
    yield "network", "processor s", "steps", f"top-1 of {found['images']:,} images"
    seconds, steps = f"{found['cpu_seconds']:.0f}", f"{found['steps']:,}"
    yield "timm's ViT in floating point", seconds, steps, _percent(found["accuracy"])


def fronts(found: Any) -> Rows:
    """The most accurate members of a front at speeds spread evenly over it."""
    yield "latency, ms", "images/s", "DSPs", "error"
    front = sorted(found["front"], key=lambda one: (one["latency_ms"], one["error"]))
    best = [
        one
        for n, one in enumerate(front)
        if all(one["error"] < other["error"] for other in front[:n])
    ]
    chosen = {round(n * (len(best) - 1) / (RATES - 1)) for n in range(RATES)}
    for one in (best[n] for n in sorted(chosen)):
        latency = one["latency_ms"]
        yield (
            f"{latency:.3f}",
            f"{1e3 / latency:,.0f}",
            f"{one['dsp']:,.0f}",
            f"{one['error']:.1f} %",
        )


def picks(found: Any) -> Rows:
    """One column for each pick."""
    chosen, images = found["picks"], found["report_images"]
    simulated = chosen[0]["simulated_images"]
    cells: dict[str, Callable[[Any], str]] = {
        "width, blocks": lambda x: f"{x['embed_dim']}, {x['depth']}",
        "8-bit share of weights": lambda x: f"{x['w8_share']:.0%}",
        f"fake-quantized, {images:,} images": lambda x: _percent(x["fake_quant"]),
        f"integer, {images:,} images": lambda x: _percent(x["integer"]),
        f"C++, {simulated:,} images": lambda x: _percent(x["hls"]),
        "C++ against the integer network": lambda x: (
            f"{x['values']:,} values, {x['mismatches'] or 'no'} mismatch"
        ),
        "figures below": lambda x: x["kernel"],
        f"images/s at {chosen[0]['clock_mhz']:.0f} MHz": lambda x: f"{x['fps']:,.0f}",
        "LUT": lambda x: f"{x['lut']:,}",
        "DSP": lambda x: f"{x['dsp']:,}",
        "images/s of the C++ kernel, modelled": lambda x: f"{x['cpp']['fps']:,.0f}",
        "LUT of the C++ kernel, modelled": lambda x: f"{x['cpp']['lut']:,}",
    }
    yield "pick", *(x["name"] for x in chosen)
    for title, cell in cells.items():
        yield title, *(cell(x) for x in chosen)


def refine(found: Any) -> Rows:
    """Means and 95 % intervals over the seeds, in percent; a row a way."""
    titles = {
        "raw": "estimates of the C++",
        "default": "predictions by default",
        **{f"round {n}": f"after round {n} of refine" for n in (1, 2, 3)},
        **{f"random {n}": f"as many at random, {n}" for n in (1, 2, 3)},
        "picks": "round 3, then its picks",
    }
    columns = {
        "measured": "measured",
        "hypervolume": "hypervolume",
        "width": "width",
        "inside": "inside",
        "wrong": "wrong",
        "missed": "missed",
        "wrong_sure": "wrong, sure",
        "missed_sure": "missed, sure",
    }
    yield "search with", *columns.values()
    for way, x in found["ways"].items():
        yield titles[way], *(_spread(name, x.get(name)) for name in columns)


def _spread(name: str, one: Mapping[str, float] | None) -> str:
    if one is None:
        return "-"
    if name == "measured":
        return f"{one['mean']:.1f}"
    return f"{100 * one['mean']:.2f} \N{PLUS-MINUS SIGN} {100 * one['ci']:.2f} %"


def elsewhere(found: Any) -> Rows:
    """A row a split: median errors, and shares inside the intervals."""
    cells = ("error", "in 90 %", "width")
    heads = (f"{name} {cell}" for name in ("LUT", "FF") for cell in cells)
    yield "learned from -> predicted", "kernels", *heads, "cycles, DSP, BRAM18"
    for split, x in found.items():
        figures = list[str]()
        for name in ("lut", "ff"):
            one = x[name]
            inside = f"{one['inside']:.0%}".replace("%", " %")
            inside = f"**{inside}**" if one["inside"] < LEAST_INSIDE else inside
            figures += [f"{100 * one['median']:.2f} %", inside, f"{100 * one['width']:.2f} %"]
        exact = all(x[name]["mean"] < 1e-9 for name in ("cycles", "dsp", "bram18"))
        yield split, f"{x['lut']['n']}", *figures, "exact" if exact else "off"


def recipe(found: Any) -> Rows:
    """A row a variant of the training recipe, of its first seed."""
    yield "variant", "largest", "mean of 12", "smallest", "processor s", "epochs, float + quantized"
    for name, (one, *_) in found["variants"].items():
        accuracies = (f"{100 * one[part]:.1f} %" for part in ("largest", "mean", "smallest"))
        epochs = f"{one['float_epochs']} + {one['epochs'] - one['float_epochs']}"
        yield name, *accuracies, f"{one['cpu_seconds']:.0f}", epochs


KINDS = {
    "recipe": recipe,
    "refine": refine,
    "elsewhere": elsewhere,
    "worth": worth,
    "gains": gains,
    "widths": widths,
    "training": training,
    "float_vit": float_vit,
    "fronts": fronts,
    "picks": picks,
}


def _interval(one: Mapping[str, float] | None, digits: int) -> str:
    if one is None:
        return "-"
    ends = f" ({one['low']:z.{digits}f} to {one['high']:z.{digits}f})" if "low" in one else ""
    return f"{one['mean']:z.{digits}f}{ends}"


def _percent(accuracy: float | None) -> str:
    return "" if accuracy is None else f"{100 * accuracy:.2f} %"


def main() -> None:
    for path in sys.argv[1:]:
        found = outcome(open_run(path))
        write_json(DATA / f"outcome_{found['study']}.json", found)
    for page in PAGES.glob("*.md"):
        page.write_text(refreshed(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
