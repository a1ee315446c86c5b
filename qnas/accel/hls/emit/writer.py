"""Text with indentation that one object owns: what generated C++ is printed with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

INDENT = "    "


class Writer:
    """Collects lines. `block` indents and closes what it opens; pragmas stand at the margin."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def line(self, text: str = "") -> None:
        """One line at the current depth; several if `text` has several."""
        for part in text.split("\n"):
            self._lines.append(f"{INDENT * self._depth}{part}".rstrip())

    def margin(self, text: str) -> None:
        """One line at the margin, whatever the depth: preprocessor and pragmas."""
        self._lines.append(text)

    def pragma(self, text: str) -> None:
        """`#pragma HLS <text>`."""
        self.margin(f"#pragma HLS {text}")

    @contextmanager
    def block(self, head: str, *, end: str = "}") -> Iterator[None]:
        """`head {`, an indented body, and `end`."""
        self.line(f"{head} {{")
        with self.indented():
            yield
        self.line(end)

    @contextmanager
    def indented(self) -> Iterator[None]:
        """A body one level deeper."""
        self._depth += 1
        yield
        self._depth -= 1

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"
