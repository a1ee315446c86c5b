"""The page of an explanation: one HTML file that needs no network. Deterministic."""

from __future__ import annotations

from dataclasses import fields

from qnas._util.units import in_passes, pass_name
from qnas.accel.cost.breakdown import Slice
from qnas.accel.cost.energy import DEFAULT, SOURCES
from qnas.accel.cost.idle import AT_WORK
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import W8Shares
from qnas.studies.report.explanation import Explanation
from qnas.studies.report.html import Plots, render_template
from qnas.studies.report.pictures import of_hardware

TABLE_PARTS = 24
LEAST = 0.001  # share of the array's products that is worth a word


def render_explanation(found: Explanation) -> str:
    """Render the page. It contains plotly.js (about 5 MB) once, with the first plot."""
    from qnas.studies.report.figures import explain as figures

    plots = Plots()
    return render_template(
        "explain.html.j2",
        found=found,
        facts=facts(found),
        blocks=plots.html(figures.cycles_by_block(found), legend=True),
        kinds=plots.html(figures.cycles_by_kind(found), legend=True),
        roofline=plots.html(figures.roofline(found), legend=True),
        pictures=plots.cards(of_hardware(found)),
        resources=plots.html(figures.resource_bars(found), legend=True),
        energy=plots.html(figures.energy_bars(found)),
        kind_rows=kind_rows(found),
        part_rows=part_rows(found, TABLE_PARTS),
        memory_rows=memory_rows(found),
        coefficients=[(name, getattr(DEFAULT, name), text) for name, text in SOURCES.items()],
    )


def facts(found: Explanation) -> list[tuple[str, str]]:
    """Labels and values of the most important facts."""
    plan, estimate, f = found.plan, found.estimate, found.plan.folding
    arch, passes = plan.architecture, in_passes(estimate.batch)
    what = pass_name(estimate.batch)
    lanes = f"{f.tm} x {f.tt} x {f.tk} = {found.atoms_per_cycle:,} products a cycle"
    return [
        ("device", f"{found.device.name} ({found.device.part})"),
        ("network", f"embed {arch.embed_dim}, depth {arch.depth}, {arch.num_tokens} tokens"),
        ("FPS", f"{estimate.fps:,.0f} of a stream{passes}, at {plan.clock_mhz:g} MHz (assumed)"),
        (
            "cycles an image" if estimate.batch == 1 else "cycles a pass",
            f"{estimate.cycles:,}; a call's first {estimate.cycles_first:,}",
        ),
        (
            "latency",
            f"{estimate.latency_ms:,.4g} ms of a call with one {what}",
        ),
        ("array", f"{lanes}, {f.vl} vector lanes"),
        ("array in use", f"{found.array_use:.1%} of all its products"),
        ("array idle", _idle(found)),
        ("free 8-bit rows", _free_rows(found)),
        ("weight ports", _weight_ports(plan)),
        ("from DRAM", f"{estimate.dram_bits / 8e3 / estimate.batch:,.1f} kB an image"),
        ("energy", f"{found.energy.total_mj:,.3g} mJ an image (model)"),
    ]


def _idle(found: Explanation) -> str:
    """Causes that keep the array from its products, the largest first."""
    causes = {cause: share for cause, share in found.array_shares.items() if cause != AT_WORK}
    return ", ".join(f"{cause} {share:.1%}" for cause, share in causes.items() if share >= LEAST)


def _free_rows(found: Explanation) -> str:
    """Shares of 8-bit rows that could be larger in the same time, in eighths."""
    before, after = found.plan.architecture.blocks, found.free_rows.blocks
    raised = [
        f"block {index} {name} {getattr(old.w8, name)} to {getattr(new.w8, name)}"
        for index, (old, new) in enumerate(zip(before, after, strict=True))
        for name in (field.name for field in fields(W8Shares))
        if getattr(old.w8, name) != getattr(new.w8, name)
    ]
    return ", ".join(raised) + " eighths" if raised else "none"


def _weight_ports(plan: HardwarePlan) -> str:
    count = len(plan.weight_ports)
    return f"{count} x {plan.ports[0].bits} bits"


def kind_rows(found: Explanation) -> list[tuple[str, list[str]]]:
    """Rows by kind of stage: stages, cycles, share, loops, fills, MACs, products, array use,
    streamed bytes."""
    rows = [(part.kind, _cells(part, found)) for part in found.kinds()]
    total = sum(part.cycles for part in found.slices)
    assert total == found.estimate.cycles  # the slices partition the estimate
    return rows


def part_rows(found: Explanation, count: int) -> list[tuple[str, list[str]]]:
    """Rows of resources by unit of the hardware, then the sum, the limit and the share."""
    names = found.resources()
    rows = [
        (part.name.replace("_", " "), [_count(getattr(part, name)) for name in names])
        for part in found.main_parts(count)
    ]
    limits = found.device.limits()
    rows.append(("used", [f"{found.used(name):,}" for name in names]))
    rows.append(("limit of a plan", [f"{limits[name]:,}" for name in names]))
    shares = [f"{found.used(n) / limits[n]:.1%}" if limits[n] else "-" for n in names]
    return [*rows, ("share", shares)]


def memory_rows(found: Explanation) -> list[tuple[str, list[str]]]:
    """Rows of on-chip arrays: place, banks, depth, width, size, and resources."""
    takes = {part.name: part for part in found.parts}
    return [
        (
            buffer.name.replace("_", " "),
            [
                buffer.storage,
                *(f"{value:,}" for value in (banks, buffer.depth, buffer.bits)),
                f"{banks * buffer.depth * buffer.bits / 1024:,.1f}",
                *(_count(getattr(takes[buffer.name], name)) for name in ("bram18", "lut", "ff")),
            ],
        )
        for buffer in found.plan.buffers
        for banks in [buffer.banks]
    ]


def _cells(part: Slice, found: Explanation) -> list[str]:
    use = f"{part.utilisation(found.atoms_per_cycle):.1%}" if part.atoms else "-"
    return [
        f"{part.stages:,}",
        f"{part.cycles:,}",
        f"{part.cycles / found.estimate.cycles:.1%}",
        f"{part.loop_cycles:,}",
        f"{part.fill_cycles:,}",
        _count(part.macs),
        _count(part.atoms),
        use,
        f"{part.stream_bits / 8e3:,.1f}" if part.stream_bits else "-",
    ]


def _count(value: int) -> str:
    return f"{value:,}" if value else "-"
