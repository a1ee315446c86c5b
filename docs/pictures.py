"""The pictures of the documentation, taken of a finished run in a headless Chromium:

qnas dashboard digits_zcu102 &
python docs/pictures.py runs/digits_zcu102/report.html http://127.0.0.1:8080
qnas calibrate --blocks --html blocks.html
python docs/pictures.py --calibration blocks.html
python docs/pictures.py --front runs/fashion_mnist_zcu102/report.html front_fashion_mnist
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser import open_page, started

IMAGES = Path(__file__).parent / "images"
DRAWN_MS = 4000  # plotly draws after the page says it is there


def main(report: str, dashboard: str = "", name: str = "front") -> None:
    IMAGES.mkdir(exist_ok=True)
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = started(playwright)
        if report == "--calibration":
            shoot_calibration(browser, dashboard, errors)
        elif report == "--front":
            shoot_front(browser, dashboard, name, errors=errors)
        else:
            shoot_run(browser, report, dashboard, errors)
        browser.close()
    assert not errors, errors


def shoot_run(browser: Any, report: str, dashboard: str, errors: list[str]) -> None:
    page = shoot_front(browser, report, "front", errors=errors)
    page.locator("[role=tab][data-tab=parallel]").click()
    page.wait_for_timeout(DRAWN_MS)
    save(page.locator(".stage"), "all_amounts")
    save(page.locator(".card", has=page.locator("#plot-timeline")), "timeline")
    if dashboard:
        shoot_dashboard(browser, dashboard)


def shoot_front(browser: Any, report: str, name: str, *, errors: list[str]) -> Any:
    address = Path(report).resolve().as_uri()
    page = open_page(browser, address, width=1300, height=1200, errors=errors)
    page.wait_for_timeout(DRAWN_MS)
    save(page.locator(".explorer"), name)
    return page


def shoot_calibration(browser: Any, page_file: str, errors: list[str]) -> None:
    """As far down as the FFs."""
    address = Path(page_file).resolve().as_uri()
    page = open_page(browser, address, width=1300, height=1340, errors=errors)
    page.wait_for_timeout(DRAWN_MS)
    save(page, "calibration")


def shoot_dashboard(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(180_000)
    page.goto(f"{address}/dashboard/studies/0", wait_until="domcontentloaded")
    page.get_by_text("Pareto Front").first.wait_for()
    page.wait_for_timeout(DRAWN_MS)
    save(page, "dashboard")


def save(shot: Any, name: str) -> None:
    """A picture of a page or an element, without its alpha channel."""
    image = Image.open(io.BytesIO(shot.screenshot())).convert("RGB")
    image.save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
