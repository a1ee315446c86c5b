"""Every benchmark of the project: its question, its budget for `make bench`, and what the page says
of its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Line = tuple[str, str, str]  # what, its figure, beside what


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`name`.py in this folder. With `arguments` it takes a minute or two on an idle core, with
    `smallest` seconds, and says little. {work} in them is an empty folder."""

    name: str
    question: str
    arguments: str
    smallest: str
    lines: Callable[[Any], Iterator[Line]]


def times(first: float, second: float) -> str:
    """A ratio."""
    if not second:
        return "-"
    ratio = first / second
    return f"{ratio:.2f} x" if ratio < 100 else f"{ratio:,.0f} x"


def _cost_model(found: Any) -> Iterator[Line]:
    for name, x in found["networks"].items():
        speed, one = x["pairs_per_s"], x["pairs_per_s_one_plan_at_a_time"]
        yield f"plans priced a second, {name}", f"{speed:,} ({times(speed, one)})", "one at a time"
        searched = f"{x['foldings']:,} foldings in {x['folding_search_s']:.3f} s"
        yield f"search of the folding, {name}", searched, ""
    check = f"{found['check_s']:.2f} s, {found['check_cpu_s']:.2f} s of processor time"
    yield "`qnas check`, interpreter included", check, ""
    low, high = found["rule4ml_published_ms"]
    each = 1e3 / found["pairs_per_s"]
    yield "a plan's price", f"{each:.4f} ms", f"rule4ml, as published: {low} to {high} ms"


def _study_speed(found: Any) -> Iterator[Line]:
    speeds, ours = found["trials_per_cpu_s"], found["trials_per_cpu_s"]["qnas_journal"]
    yield f"trials a processor second, {found['n']:,} trials, journal", f"{ours:.0f}", ""
    for name, title in (("optuna_journal", "journal"), ("optuna_memory", "memory")):
        beside = f"stock Optuna, {title}, {found['at'][name]:,} trials: {speeds[name]:.0f}"
        yield "the same", times(ours, speeds[name]), beside


def _front_quality(found: Any) -> Iterator[Line]:
    ours = found["qnas"]["median"]
    yield "share of the true hypervolume, median", f"{ours:.2%}", ""
    for name, x in found.items():
        if name != "qnas":
            yield "the same", times(ours, x["median"]), f"{name}: {x['median']:.2%}"


def _refine(found: Any) -> Iterator[Line]:
    names = {
        "raw": "estimates alone",
        "default": "predictions",
        "round 3": "three rounds measured",
        "picks": "picks measured as well",
    }
    for way, title in names.items():
        x = found["ways"][way]
        front, wrong = x["hypervolume"], x["wrong"]
        interval = f"{found['kernels']} kernels, 95 % +- {front['ci']:.2%}"
        yield f"share of the true hypervolume, {title}", f"{front['mean']:.2%}", interval
        yield f"picks that break a bound in truth, {title}", f"{wrong['mean']:.1%}", ""


def _elsewhere(found: Any) -> Iterator[Line]:
    for split, x in found.items():
        for name in ("lut", "ff"):
            one = x[name]
            yield f"{name.upper()} in 90 %, {split}", f"{one['inside']:.0%}", f"{one['n']} kernels"


def _ports(found: Any) -> Iterator[Line]:
    for board, networks in found.items():
        for name, x in networks.items():
            if x["one_fps"] and x["fps"]:
                what = f"weights through {x['weight_ports']} ports, {name} on {board}"
                beside = f"{x['one_fps']:,} FPS with one port, both modelled"
                yield what, times(x["fps"], x["one_fps"]), beside


def _rtl_kernels(found: Any) -> Iterator[Line]:
    for row in found:
        counted = f"{row['cycles_next']:,} cycles an image, {row['mismatches']} mismatches"
        beside = f"{row['cycles_rtl_model']:,} by its model, {row['cycles_cpp_model']:,} of C++"
        yield f"kernel as RTL, {row['kernel']}", counted, beside


def _racing(found: Any) -> Iterator[Line]:
    median, lost = found["median"], sum(row["lost"] for row in found["seeds"])
    beside = "the same search without racing"
    yield "images evaluated", f"{median['images_share']:.1%}", beside
    yield "hypervolume", f"{median['hypervolume_share']:.2%}", beside
    yield "members of the front that racing dropped", f"{lost}", ""


def _supernet_step(found: Any) -> Iterator[Line]:
    for name, x in found["shapes"].items():
        beside = "timm's ViTs of the same shapes, float32"
        yield f"a training step, {name}", f"{x['step_ratio']:.2f} x the time", beside
        yield f"the same without quantizers, {name}", f"{x['float_ratio']:.2f} x the time", beside
        if "bfloat16_ratio" in x:
            half = f"{x['bfloat16_ratio']:.2f} x the time"
            yield f"a training step in bfloat16, {name}", half, beside
        speed = f"{x['eval_ratio']:.2f} x the speed"
        yield f"evaluation of a sliced subnet, {name}", speed, "the extracted one"
    if "peak_mib" in found:
        plain, saved = found["peak_mib"], found["peak_mib_checkpointed"]
        yield "memory of a deit_small step", f"{plain} MiB", f"{saved} MiB, checkpointed"


def _recipe(found: Any) -> Iterator[Line]:
    for name, runs in found["variants"].items():
        largest, mean, smallest = (
            100 * sum(run[part] for run in runs) / len(runs)
            for part in ("largest", "mean", "smallest")
        )
        spent = sum(run["cpu_seconds"] for run in runs) / len(runs)
        what = f"accuracy of the largest, of twelve subnets, of the smallest: {name}"
        yield what, f"{largest:.1f}, {mean:.1f}, {smallest:.1f} %", f"{spent:.0f} processor s"


def _float_vit(found: Any) -> Iterator[Line]:
    beside = f"{found['steps']:,} steps, {found['cpu_seconds']:.0f} processor s"
    yield f"timm's ViT in float, {found['images']:,} images", f"{found['accuracy']:.2%}", beside


def _csim_speed(found: Any) -> Iterator[Line]:
    packed, plain = found["gmac_per_s_standin_packed"], found["gmac_per_s_standin"]
    yield "C simulation, products one by one", f"{plain:.2f} GMAC/s", ""
    yield "the same, packed as in a DSP", f"{times(packed, plain)}", "one by one"
    if found["gmac_per_s_ap_int"]:
        real = found["gmac_per_s_ap_int"]
        small = found["runs"]["ap_int_small"]["gmac"]
        beside = f"Xilinx's ap_int headers ({small} GMAC): {real:.3f} GMAC/s"
        yield "the same, packed", times(packed, real), beside
    if found["seconds_per_image_deit_tiny"]:
        yield "an image of a DeiT-T, verified", f"{found['seconds_per_image_deit_tiny']} s", ""


def _calibration(found: Any) -> Iterator[Line]:
    groups = {"blocks": {n: x for n, x in found.items() if "mape_after" in x}}
    for group, scores in (
        groups | {"kernels": found["kernels"], "designs": found.get("pairs", {})}
    ).items():
        for name, x in scores.items():
            inside = f"{x['mape_after']:.2%}, {x['coverage_90']:.0%} in its 90 % interval"
            yield f"error on {group} left out, {name}", inside, f"estimate: {x['mape_before']:.2%}"


def _active(found: Any) -> Iterator[Line]:
    for arena, steps in found.items():
        for step in steps:
            width, lut = step["width"], step["lut"]
            what = f"{arena}: width of a front's intervals, {step['n']} more measured"
            beside = f"random {width['random']:.1%}; chosen less random {_difference(width)}"
            yield what, f"{width['chosen']:.1%}", beside
            beside = f"random {lut['random']:.1%}; chosen less random {_difference(lut)}"
            yield "error of its LUTs", f"{lut['chosen']:.1%}", beside


def _difference(x: Any) -> str:
    return f"{x['difference']:+.1%} +- {x['ci']:.1%}"


def _unseen(found: Any) -> Iterator[Line]:
    for split, x in found.items():
        for name in ("lut", "ff"):
            inside = f"{x[name]['coverage_90']:.0%} in intervals {x[name]['width_ratio']:.1f} x as"
            error = f"error {x[name]['mape_after']:.1%}"
            yield f"{split}, {name}", f"{inside} wide as usual", error


def _published(found: Any) -> Iterator[Line]:
    for x in found:
        what = f"{x['design']}, {x['model']}: {x['w8_share']:.0%} W8, A{x['activation_bits']}"
        if not x["fits"]:
            yield what, "no folding fits", ""
            continue
        ours = f"{x['times_theirs']:.2f} x, modelled ({x['fps_ours']:,} FPS)"
        yield what, ours, f"{x['fps_theirs']:,} FPS, of a board"
        if x["rtl"]:
            faster = times(x["rtl"]["fps"], x["fps_theirs"])
            yield "the same", f"{faster}, simulated as RTL ({x['rtl']['fps']:,} FPS)", ""


def _small_networks(found: Any) -> Iterator[Line]:
    for x in found:
        what = f"pick {x['pick']} of the digits demo, batch {x['batch']}"
        how = "simulated as RTL" if x["values"] else "as RTL, modelled"
        beside = f"{x['fps_before']:,.0f} FPS before, in as many DSPs and LUTs, simulated"
        yield what, f"{x['times_before']:.2f} x, {how} ({x['fps_rtl']:,} FPS)", beside


def _quantize(found: Any) -> Iterator[Line]:
    for name, x in found.items():
        given = x["rungs"]["float"]
        for label, rung in x["rungs"].items():
            beside = f"in floating point {given['top1']:.2%}" if label != "float" else ""
            yield f"{name}: {label}", f"{rung['top1']:.2%} of {rung['images']:,}", beside


def _widths(found: Any) -> Iterator[Line]:
    for row in found["rows"]:
        subnet = f"{row['subnet']}, {row['state']}, {row['activation_bits']}-bit activations"
        for label, (mean, low, high) in row["lost"].items():
            beside = f"all rows in 8 bits: {row['accuracy']['all 8']:.2%} of {row['images']:,}"
            yield f"points lost, {label}: {subnet}", f"{mean:.2f} [{low:.2f}, {high:.2f}]", beside


def _worth(found: Any) -> Iterator[Line]:
    for name, x in found["approaches"].items():
        yield f"{name}: share of the box", _interval(x["hypervolume"]), f"of {found['run']}"
        if name != "rows":
            beside = "searched rows less this one, seed by seed"
            yield f"{name}: lost", _interval(x["hypervolume_lost_to_rows"]), beside


def _interval(x: Any) -> str:
    spread = f" [{x['low']:.3f}, {x['high']:.3f}]" if "low" in x else ""
    return f"{x['mean']:.3f}{spread}"


def _ranking(found: Any) -> Iterator[Line]:
    for name, x in found.items():
        if not x:
            yield f"{name}", "too few subnets to say", ""
            continue
        what = f"tau of inherited accuracy, {name}, {x['subnets']} subnets"
        yield what, _tau(x), f"trained alone, {x['seeds']} seeds of {x['recipe']['epochs']} epochs"
        served = x["supernet_cpu_seconds"] / x["alone_cpu_seconds"]
        gap = f"{100 * x['gap']:+.1f} +- {100 * x['gap_margin']:.1f} points"
        beside = f"with the supernet's time divided by {served:.0f} for each subnet"
        yield "accuracy alone less inherited accuracy", gap, beside
        if "seed_tau" in x:
            yield "one seed's accuracy with another's", f"{x['seed_tau']:.2f}", "the ceiling"
        for title, other in (x["counts"] | x["ablations"]).items():
            yield f"tau of {title}", _tau(other), ""


def _tau(x: Any) -> str:
    return f"{x['kendall_tau']:.2f} [{x['ci_low']:.2f}, {x['ci_high']:.2f}]"


SUITE = (
    Benchmark("cost_model", "How fast is a plan priced?", "", "", _cost_model),
    Benchmark(
        "published",
        "How do our plans compare with published accelerators?",
        *("", ""),
        _published,
    ),
    Benchmark(
        "rtl_kernels",
        "Are the modelled cycles those of hardware?",
        *("--first 4", "--first 1"),
        _rtl_kernels,
    ),
    Benchmark(
        "small_networks",
        "What do several images a pass give small networks?",
        *("", "--batch 8"),
        _small_networks,
    ),
    Benchmark("ports", "What do several ports for the weights give?", "", "", _ports),
    Benchmark(
        "study_speed",
        "How many trials a second does a persisted study make?",
        *("--n 3000 --stock 500", "--n 500 --stock 20"),
        _study_speed,
    ),
    Benchmark(
        "front_quality",
        "How much of the true front does a budget of evaluations find?",
        *("--seeds 2 --trials 400", "--seeds 1 --trials 60 --methods qnas random"),
        _front_quality,
    ),
    Benchmark(
        "racing",
        "What does racing save, and does it cost the front anything?",
        *("--epochs 10 --seeds 2 --trials 400", "--epochs 1 --seeds 1 --trials 60"),
        _racing,
    ),
    Benchmark(
        "supernet_step",
        "What does a step of supernet training cost?",
        *("--shapes digits tiny", "--shapes digits --no-memory"),
        _supernet_step,
    ),
    Benchmark(
        "recipe",
        "What does each idea of the training recipe give, at equal processor seconds?",
        '--seconds 10 --only base "no floating-point phase" sandwich "no distillation" '
        "--work {work}",
        "--seconds 1 --only base --train-images 512 --work {work}",
        _recipe,
    ),
    Benchmark(
        "float_vit",
        "What does a plain timm ViT reach in a supernet's processor seconds?",
        "fashion_mnist_zcu102 --seconds 60",
        "digits_zcu102 --seconds 1",
        _float_vit,
    ),
    Benchmark(
        "refine",
        "What do predictions and rounds of measuring change in a search?",
        *("--seeds 10", "--seeds 2"),
        _refine,
    ),
    Benchmark(
        "elsewhere",
        "Do intervals of RTL kernels hold in another space, or of larger networks?",
        *("", ""),
        _elsewhere,
    ),
    Benchmark("csim_speed", "How fast is C simulation?", "", "--small", _csim_speed),
    Benchmark(
        "calibration",
        "What does calibration make of an estimate?",
        *("--seeds 2", "--no-pairs --seeds 1"),
        _calibration,
    ),
    Benchmark(
        "active",
        "Does choosing what to measure next beat measuring at random?",
        *("--seeds 3", "--no-pairs --seeds 2"),
        _active,
    ),
    Benchmark(
        "unseen",
        "Do intervals widen where designs are unlike those known?",
        *("", "--designs 200"),
        _unseen,
    ),
    Benchmark(
        "quantize",
        "What does quantization without training cost a ViT?",
        "--only digits --work {work}",
        "--only digits --epochs 1 --report-images 40 --part-images 20 --tune-images 64"
        " --simulated 2 --work {work}",
        _quantize,
    ),
    Benchmark(
        "worth",
        "Does searching the width of rows pay?",
        *("--epochs 40 --seeds 3 --trials 200", "--epochs 1 --seeds 1 --trials 8 --images 60"),
        _worth,
    ),
    Benchmark(
        "widths",
        "What does the width of rows cost a trained supernet?",
        *("--epochs 40", "--epochs 1 --images 60"),
        _widths,
    ),
    Benchmark(
        "ranking",
        "Does inherited accuracy rank subnets as training each alone would?",
        "--data fashion_mnist --train-images 10000 --test-images 5000 --subnets 10 --repeats 1 "
        "--peers 0 --epochs 4 --supernet-epochs 12 --batch 128 --work {work}",
        "--data digits --subnets 4 --epochs 1 --supernet-epochs 1 --train-images 200 --work {work}",
        _ranking,
    ),
)
