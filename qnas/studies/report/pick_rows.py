"""The table of picks: a row an amount, with the kind of number that it is, and a cell a pick."""

from __future__ import annotations

from typing import Any

from qnas._util.intervals import accuracy_text
from qnas._util.units import in_passes, pass_name
from qnas.accel.cost.estimate import RESOURCES
from qnas.studies.report.content import ReportContent
from qnas.studies.report.style import DASH
from qnas.studies.results.network_size import NetworkSize, network_size
from qnas.studies.results.picks import Pick


def pick_rows(content: ReportContent) -> list[tuple[str, str, list[str]]]:
    """Rows of the table of picks: label, kind of number, and one cell per pick."""
    picks, batch = content.picks, content.records.batch
    what = pass_name(batch)

    def cells(cell: Any) -> list[str]:
        return [cell(pick) for pick in picks]

    def found(*keys: str, form: str) -> list[str]:
        values = [_dig(content.verifications.get(pick.name), keys) for pick in picks]
        return [DASH if value is None else form.format(value) for value in values]

    def accuracy(rung: str, images: str) -> list[str]:
        found = [(content.verifications.get(pick.name) or {}).get("accuracy") for pick in picks]
        return [DASH if one is None else _accuracy(one[rung], one[images]) for one in found]

    def used(name: str) -> list[str]:
        return cells(lambda p: f"{p.trial.predicted.text(name)} / {content.limits[name]:,}")

    def kind(name: str) -> str:
        kinds = {pick.trial.predicted.kind(name) for pick in picks}
        return kinds.pop() if len(kinds) == 1 else "predicted"

    def predicted(label: str, name: str) -> tuple[str, str, list[str]]:
        return label, kind(name), cells(lambda p: p.trial.predicted.text(name))

    tuned = [
        (label, "measured", [_rung(content, pick, rung) for pick in picks])
        for rung, label in (
            ("inherited", "accuracy, inherited"),
            ("tuned", "accuracy, tuned alone"),
        )
        if content.tunings
    ]
    if content.tunings:
        tuned.append(("weights of the project", "", cells(lambda p: _weights(content, p))))
    as_rtl = [
        (f"cycles as RTL, {label}", kind, found("rtl", f"{field}_{name}", form="{:,}"))
        for name, label in (("first", f"a call's first {what}"), ("next", f"each further {what}"))
        for field, kind in (("modelled", "modelled"), ("cycles", "simulated"))
        if any((content.verifications.get(pick.name) or {}).get("rtl") for pick in picks)
    ]
    return [
        ("architecture", "", cells(lambda p: p.trial.architecture.key)),
        ("embed dim, depth", "", cells(_size)),
        ("parameters", "", cells(lambda p: f"{_network(p).parameters:,}")),
        ("MACs of an image", "", cells(lambda p: f"{_network(p).macs:,}")),
        (
            "weights: kB, mean bits",
            "",
            cells(lambda p: f"{_network(p).weight_kilobytes:,.1f}, {_network(p).mean_bits:.2f}"),
        ),
        ("weights in 8-bit rows", "", cells(lambda p: f"{_network(p).w8_share:.1%}")),
        ("error on the search split", "measured", cells(lambda p: f"{_error(p):.2f} %")),
        *tuned,
        ("accuracy, fake-quantized", "measured", accuracy("fake_quant", "images")),
        ("accuracy, integer reference", "measured", accuracy("integer", "images")),
        ("accuracy, C++", "simulated", accuracy("hls", "simulated_images")),
        ("top-5, macro F1, worst class", "measured", cells(lambda p: _by_class(content, p))),
        ("the following figures", "", cells(lambda p: p.trial.predicted.title)),
        predicted(f"cycles, a call's first {what}", "cycles_first"),
        predicted(f"cycles, each further {what}", "cycles"),
        predicted(f"FPS{in_passes(batch)}", "fps"),
        *as_rtl,
        *((name.upper(), kind(name), used(name)) for name in _shown_resources(content)),
        *_estimates(content),
    ]


def _by_class(content: ReportContent, pick: Pick) -> str:
    """Top-5 accuracy, macro F1 and the lowest accuracy of a class, of the integer reference; a dash
    if an earlier version of qnas verified the pick."""
    found = (content.verifications.get(pick.name) or {}).get("accuracy") or {}
    shares = [share for share in found.get("classes") or () if share is not None]
    if not shares or found.get("top5") is None:
        return DASH
    return f"{found['top5']:.2%}, {found['macro_f1']:.2%}, {min(shares):.2%}"


def _shown_resources(content: ReportContent) -> tuple[str, ...]:
    uram = any(pick.trial.amount("uram") for pick in content.picks)
    return RESOURCES if uram else RESOURCES[:-1]


def _estimates(content: ReportContent) -> list[tuple[str, str, list[str]]]:
    """Rows of the cost model's figures of the C++ kernel, where others were predicted."""
    if content.calibration is None:
        return []
    estimates = [pick.trial.estimate for pick in content.picks]
    what = pass_name(content.records.batch)
    return [
        (f"C++ kernel: cycles, further {what}", "modelled", [f"{e.cycles:,}" for e in estimates]),
        ("C++ kernel: FPS", "modelled", [f"{e.fps:,.0f}" for e in estimates]),
        *(
            (
                f"C++ kernel: {name.upper()}",
                "modelled",
                [f"{getattr(e.resources, name):,}" for e in estimates],
            )
            for name in _shown_resources(content)
        ),
    ]


def _network(pick: Pick) -> NetworkSize:
    return network_size(pick.trial.architecture)


def _size(pick: Pick) -> str:
    return f"{pick.trial.architecture.embed_dim}, {pick.trial.architecture.depth}"


def _rung(content: ReportContent, pick: Pick, rung: str) -> str:
    tuning = content.tunings.get(pick.name)
    if tuning is None:
        return DASH
    return _accuracy(getattr(tuning.report, rung), content.report_images)


def _accuracy(share: float, count: int) -> str:
    """In two lines: three picks then fit the page."""
    return accuracy_text(share, count, separator="\n")


def _weights(content: ReportContent, pick: Pick) -> str:
    """Which weights the pick's project has: the better ones by the search split."""
    tuning = content.tunings.get(pick.name)
    return "tuned alone" if tuning and tuning.better else "inherited"


def _error(pick: Pick) -> float:
    return pick.trial.values["error"]


def _dig(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = value.get(key) if value is not None else None
    return value
