"""A real PostgreSQL server for a test: its own cluster in a temporary folder, gone afterwards."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def programs() -> Path:
    """Where initdb and postgres lie; skips the test, visibly, where there are none."""
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    on_path = shutil.which("initdb")
    places += [Path(on_path).parent] if on_path else []
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    pytest.skip("no PostgreSQL server here (Debian: apt-get install postgresql)")


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database."""
    bin_, user = programs(), _server_user()
    folder = Path(tempfile.mkdtemp(prefix="qnas-pg-"))
    try:
        shutil.chown(folder, user)
        data = folder / "data"
        options = ["-D", str(data), "-A", "trust", "-U", "qnas", "--no-sync"]
        run = {"user": user} if os.getuid() == 0 else {}
        subprocess.run(
            [str(bin_ / "initdb"), *options], cwd=folder, check=True, capture_output=True, **run
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        control = [str(bin_ / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        silent = {"cwd": folder, "check": True, "stdout": subprocess.DEVNULL}
        subprocess.run([*control, "-o", options, "start"], **silent, **run)
        try:
            yield f"postgresql://qnas@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **silent, **run)
    finally:
        shutil.rmtree(folder)


def _server_user() -> str:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return getpass.getuser()
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
