"""Commands before their time, and options."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from tests.cli.bad.case import STUDY, Bad


def cases() -> Iterator[Bad]:
    good, stands = {"s.toml": STUDY}, "needs the stage `train`"
    for command in ("pick s.toml --fps 100", "tune s.toml --pick ../knee", "export s.toml"):
        yield Bad(
            f"{command} untrained", good, command, command.split()[0], stands, "runs", "`qnas"
        )
    for runs in ("", "a", "a a", "a b"):
        rule = "must be" if "a" in runs else "must be two or more different runs"
        yield Bad(f"compare {runs}", {}, f"compare {runs}", "", rule, "", "")
    reach = "must reach an Optuna storage at"
    databases = ("postgresql://nobody:secret@127.0.0.1:1/none",) if find_spec("psycopg") else ()
    for storage in ("mysqll://x", *databases, "here"):
        command = f"run s.toml --storage {storage}"
        yield Bad(f"storage {storage}", good, command, "--storage", reach, "Error", "grpc://")
    yield Bad("no workers", good, "run s.toml --workers 0", "workers", "must be", "0", "")
