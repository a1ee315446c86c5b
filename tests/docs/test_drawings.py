"""The texts of the documentation's drawings stay in their boxes, in a real browser."""

from __future__ import annotations

import pytest

from tests.browser import chromium
from tests.docs.pages import DOCS

pytestmark = pytest.mark.slow

OUTSIDE = """() => {
  const rects = [...document.querySelectorAll("rect")].map((r) => r.getBBox());
  const around = (x, y) => rects.filter((r) => r.x <= x && x <= r.x + r.width
    && r.y <= y && y <= r.y + r.height).sort((a, b) => a.width * a.height - b.width * b.height)[0];
  return [...document.querySelectorAll("text.c")].filter((text) => {
    const t = text.getBBox(), box = around(t.x + t.width / 2, t.y + t.height / 2);
    return box && (t.x < box.x + 2 || t.x + t.width > box.x + box.width - 2);
  }).map((text) => text.textContent);
}"""


def test_texts_of_drawings_stay_in_their_boxes() -> None:
    with chromium() as browser:
        page = browser.new_page()
        for drawing in sorted((DOCS / "figures").glob("*.svg")):
            page.set_content(drawing.read_text("utf-8"))
            assert page.evaluate(OUTSIDE) == [], drawing.name
