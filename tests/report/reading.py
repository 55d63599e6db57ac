"""What tests of pages ask of a browser."""

import re
from pathlib import Path
from typing import Any

from tests.report.browser import show

RESOURCES = "return performance.getEntriesByType('resource').map(entry => entry.name)"
WIDTHS = "return Array.from(document.images).map(image => image.complete ? image.naturalWidth : 0)"
CAPTIONS = (
    "return Array.from(document.querySelectorAll('figure'))"
    ".map(f => [f.querySelector('figcaption').innerText, f.querySelector('img').alt])"
)
TYPEFACES = (
    "return Array.from(new Set(Array.from(document.body.querySelectorAll('*'))"
    ".map(element => getComputedStyle(element).fontFamily)))"
)


def outside(page: str) -> list[str]:
    """Every address in the page that is not inside it."""
    found = re.findall(r"""(?:src|srcset|href)\s*=\s*["']?([^"'\s>]+)""", page)
    found += re.findall(r"""url\(\s*["']?([^"')]+)""", page)
    return [address for address in found if not address.startswith(("data:", "#"))]


def check_page(chrome: Any, page: Path, width_px: int, figures: int) -> str:
    """Assert what every report promises at that width; returns the words that a reader sees.

    Every figure loads and has a sentence, nothing is fetched, nothing sticks out, there is one typeface; a
    link leads to a folder beside the page, if anywhere.
    """
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert [address for address in outside(text) if not (page.parent / address).is_dir()] == []
    show(chrome, page, width_px)
    widths = chrome.execute_script(WIDTHS)
    assert len(widths) == figures
    assert all(width > 0 for width in widths)
    assert all(name.startswith("data:") for name in chrome.execute_script(RESOURCES))
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= width_px
    assert all(len(said) > 30 and said == alt for said, alt in chrome.execute_script(CAPTIONS))
    assert len(chrome.execute_script(TYPEFACES)) == 1
    return str(chrome.execute_script("return document.body.innerText"))
