"""Reports of tools, and pairs to calibrate with."""

from __future__ import annotations

from collections.abc import Iterator

from qnas.accel.calibration.pairs import REQUIRED
from qnas.accel.rtl.table import COLUMNS, NUMBERS
from tests.cli.bad.case import DEEP, Bad


def cases() -> Iterator[Bad]:
    yield from _reports()
    yield from _pairs()
    yield from _calibrate_options()
    yield from _tables()


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
        (
            "contradict",
            f"{header}\n" + f"{row}\n" * 5 + row[:-1] + "2\n",
            "p.csv lines 2 and 7: impl_ff",
            "must agree, as they are of one design",
            "1 and 2",
            "Remove the wrong row.",
        ),
        (
            "one kernel",
            f"{header}\n" + f"{row}\n" * 6,
            "designs",
            "must be of two kernels",
            "1",
            "Add",
        ),
        ("short", f"{header}\n" + "k,1\n" * 6, "hls_dsp", "must be a finite number", "None", ""),
    ):
        command = "calibrate --pairs p.csv --leave-one-out --json out.json"
        yield Bad(f"pairs {name}", {"p.csv": content}, command, subject, rule, value, remedy)


def _calibrate_options() -> Iterator[Bad]:
    one = "must be given one of --pairs, --reports, --blocks, --kernels and --with"
    for options, rule, value in (
        ("", one, "none"),
        ("--out c.json", one, "none"),
        ("--pairs p.csv --reports r --out c.json", one, "several"),
        ("--blocks=b.csv --pairs p.csv", one, "several"),
        ("--kernels --pairs p.csv", one, "several"),
        ("--pairs p.csv --evaluate p.csv --leave-one-out", "must be either --evaluate", "both"),
    ):
        yield Bad(
            f"calibrate {options}", {}, f"calibrate {options}", "calibrate", rule, value, "See"
        )
    for options, subject, rule in (
        ("--blocks=b.csv --evaluate p.csv", "--evaluate", "must go with --pairs or --with"),
        ("--blocks=b.csv --out c.json", "--out", "must go with --pairs, --reports or --kernels"),
        ("--pairs p.csv --html o.html", "--html", "must go with --evaluate or --leave-one-out"),
    ):
        command = f"calibrate {options}"
        yield Bad(command, {}, command, subject, rule, "neither of them", "See")
    damaged = "calibrate --with c.json --evaluate p.csv"
    yield Bad("no file", {}, damaged, "c.json", "must be a whole JSON file", "", "")
    old = {"c.json": '{"recipe": "factor"}'}
    yield Bad("old file", old, damaged, "c.json: format", "must be of format 3", "1", "Fit it")


def _tables() -> Iterator[Bad]:
    """Of measured blocks."""
    header = ",".join(COLUMNS)
    row = "gelu,xcup,lanes=1 port=64" + ",1" * len(NUMBERS) + ",1.0,tools,digest"
    whole = "must be a whole table of measured blocks"
    for name, rows, subject, rule, value, remedy in (
        ("absent", None, "b.csv", whole, "No such file", "qnas measure"),
        ("empty", [], "measured designs", "must be 6 at least", "0", "Measure more."),
        ("cut", [row[:40]], "b.csv", whole, "", "qnas measure"),
        ("minus", [row.replace("=64", "=-64")], "b.csv", whole, "-64", "qnas measure"),
        ("text", [row.replace(",1,", ",x,", 1)], "b.csv", whole, "'x'", "qnas measure"),
        ("kind", [row.replace("gelu", "gela")], "block", "must be a known kind", "'gela'", "gelu"),
        ("family", [row.replace("xcup", "xc7")], "gelu", "is built for xcup", "xc7", "another"),
        ("parameters", [row.replace("port", "lane")], "gelu", "must have the parameters", "", ""),
        ("twice", [row, row], "b.csv", whole, "gelu(lanes=1, port=64) twice", "qnas measure"),
    ):
        files = {} if rows is None else {"b.csv": "\n".join([header, *rows]) + "\n"}
        yield Bad(f"blocks {name}", files, "calibrate --blocks=b.csv", subject, rule, value, remedy)
