"""A real Chromium for the tests of pages. Where there is none they are skipped, and say so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PATIENCE_MS = 180_000  # a page is megabytes of script, and CI's cores may be busy


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser, for as long as it is used."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with sync_api.sync_playwright() as playwright:
        if installed() is None and not os.path.exists(playwright.chromium.executable_path):
            pytest.skip("needs a Chromium: apt-get install chromium, or playwright install")
        browser = started(playwright)
        yield browser
        browser.close()


def installed() -> str | None:
    """The Chromium of BROWSER_PATH or of the path; without one it is playwright's own."""
    return os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, NAMES)), None)


def started(playwright: Any) -> Any:
    return playwright.chromium.launch(
        executable_path=installed(), args=list(ARGUMENTS), timeout=PATIENCE_MS
    )


def open_page(browser: Any, address: str, *, width: int, height: int, errors: list[str]) -> Any:
    """The page at `address`; what its console says as an error is added to `errors`, and what it
    asks for beside itself: a page of ours needs no network."""
    phone = width < 600
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=phone, is_mobile=phone
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: errors.append(f"asked for {r.url}") if r.url != address else None)
    page.goto(address)
    return page
