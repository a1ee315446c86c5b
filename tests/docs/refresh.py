"""Show in a page what its commands print now.

    python -m tests.docs.refresh docs/tutorial.md [FOLDER]

The page's files are written and its commands run in FOLDER (a new one, if none is named). Each
shown line becomes the printed one that it stands for; a line that stands for none is named.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.docs.pages import aligned, blocks, commands, execute


def refresh(page: Path, folder: Path) -> list[str]:
    """Rewrite `page`; returns the shown lines that nothing printed stands for."""
    text, stale = page.read_text(encoding="utf-8"), []
    for block in blocks(page):
        if block.title:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text)
        if block.language != "console":
            continue
        new = block.text
        for command in commands(block):
            _, printed = execute(command, folder)
            hits = aligned(command.shown, printed)
            stale += [
                line
                for line, hit in zip(command.shown, hits, strict=True)
                if hit is None and line.strip() not in ("", "...")
            ]
            shown = [hit or line for line, hit in zip(command.shown, hits, strict=True)]
            if shown:
                new = new.replace("\n".join(command.shown), "\n".join(shown))
        text = text.replace(block.text, new)
    page.write_text(text, encoding="utf-8")
    return stale


def main() -> None:
    page = Path(sys.argv[1]).resolve()
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()).resolve()
    os.chdir(folder)
    for line in refresh(page, folder):
        sys.stdout.write(f"not printed: {line}\n")


if __name__ == "__main__":
    main()
