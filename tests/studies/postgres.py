"""A real PostgreSQL server for a test: its own cluster in a temporary folder, gone afterwards."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass
class Server:
    """A server with an empty database at `url`, and its `pg_ctl`."""

    url: str
    control: Callable[..., object]

    def stop(self) -> None:
        self.control("-m", "fast", "stop")

    def start(self) -> None:
        self.control("start")

    def restart(self) -> None:
        """As an administrator does: open connections end."""
        self.control("-m", "fast", "restart")


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database."""
    with server() as found:
        yield found.url


@contextmanager
def server() -> Iterator[Server]:
    """A server of its own."""
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

        def pg_ctl(*words: str) -> object:
            return subprocess.run([*control, "-o", options, *words], **silent, **run)

        pg_ctl("start")
        try:
            yield Server(f"postgresql://qnas@127.0.0.1:{port}/postgres", pg_ctl)
        finally:
            silent["check"] = False  # it may be stopped
            pg_ctl("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _server_user() -> str:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return getpass.getuser()
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
