"""Reports of tools, and pairs to calibrate with."""

from __future__ import annotations

from collections.abc import Iterator

from qnas.objectives.calibration.pairs import REQUIRED
from tests.cli.bad.case import DEEP, Bad


def cases() -> Iterator[Bad]:
    yield from _reports()
    yield from _pairs()


def _reports() -> Iterator[Bad]:
    kinds = "must be a csynth.xml"
    entity = '<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/hostname">]><profile>&a;</profile>'
    numbers = (
        "<profile><AreaEstimates><Resources><LUT>{}</LUT></Resources></AreaEstimates></profile>"
    )
    for name, content, subject, rule, value in (
        ("blank", " \n", "r.xml:1", kinds, "an empty file"),
        ("prose", "hello", "r.xml:1", kinds, "'hello'"),
        ("bytes", bytes(range(256)), "r.xml:1", kinds, ""),
        ("a page", "<html/>", "r.xml:1", kinds, "<html>"),
        ("entities", entity, "r.xml:1", "must hold no document type", "a DOCTYPE"),
        ("cut", "<profile><", "r.xml:1", "must be a whole XML report", ""),
        ("deep", "<a>" * DEEP + "</a>" * DEEP, "r.xml:1", kinds, "<a>"),
        ("huge number", numbers.format("1" * 5000), "r.xml:1", "must", "111"),
        ("no number", numbers.format("1x"), "r.xml:1", "must", "1x"),
    ):
        yield Bad(
            f"report {name}", {"r.xml": content}, "measurements r.xml", subject, rule, value, ""
        )
    readable = "must be a readable file"
    yield Bad(
        "no report", {}, "measurements r.xml", "r.xml", readable, "No such", "Check the path."
    )
    empty = {"reports/notes.txt": ""}
    hold = "must hold reports"
    yield Bad("no reports", empty, "measurements reports", "reports", hold, "none", "csynth.xml")
    command = "calibrate --reports . --out c.json"
    rule = "must hold exported projects"
    yield Bad("no projects", empty, command, ".", rule, "none", "Check the path.")


def _pairs() -> Iterator[Bad]:
    header, row = ",".join(("kernel", *REQUIRED)), "k" + ",1" * len(REQUIRED)
    for name, content, subject, rule, value, remedy in (
        ("empty", "", "p.csv", "must hold at least 5 designs", "0", "Add"),
        ("few", f"{header}\n{row}\n", "p.csv", "must hold at least 5 designs", "1", "Add"),
        ("columns", "kernel\n" + "k\n" * 6, "p.csv", "must have the columns", "hls_", "Add them."),
        ("bytes", b"\xff\xfe", "p.csv", "must be a readable CSV file", "", "Check the path."),
        (
            "long field",
            f"kernel\n{'k' * 200_000}\n",
            "p.csv",
            "must be a readable CSV",
            "limit",
            "",
        ),
        ("text", f"{header}\n" + f"{row}x\n" * 6, "impl_ff", "must be a finite number", "'1x'", ""),
        (
            "minus",
            f"{header}\n" + "k,-1" + ",1" * 10 + f"\n{row}" * 6,
            "hls_bram18",
            "must be a",
            "'-1'",
            "",
        ),
        ("short", f"{header}\n" + "k,1\n" * 6, "hls_dsp", "must be a finite number", "None", ""),
    ):
        command = "calibrate --pairs p.csv --leave-one-out --json out.json"
        yield Bad(f"pairs {name}", {"p.csv": content}, command, subject, rule, value, remedy)
    help_ = "See"
    for options, rule, value in (
        ("", "must be given --pairs, or --reports", "neither or both"),
        ("--pairs p.csv --reports r --out c.json", "must be given --pairs", "neither or both"),
        ("--reports r", "must be given --pairs, or --reports with --out", "neither or both"),
        ("--pairs p.csv", "must be either --evaluate or --leave-one-out", "neither"),
        ("--pairs p.csv --evaluate p.csv --leave-one-out", "must be either --evaluate", "both"),
    ):
        yield Bad(
            f"calibrate {options}", {}, f"calibrate {options}", "calibrate", rule, value, help_
        )
