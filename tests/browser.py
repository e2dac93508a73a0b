"""A real browser for tests of pages: Debian's Chromium or any other, driven by Playwright; skipped where none is."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Nothing but the page under test may happen: no updates, no reports home, no welcome.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@contextmanager
def open_browser(*flags: str) -> Iterator["Browser"]:
    """A headless browser; the test is skipped, with the reason, where there is none.

    VIDSEG_BROWSER may name the program; `flags` are given to it beside the usual ones.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        pytest.skip(f"no browser is driven here: {error}; do: pip install playwright")
    program = os.environ.get("VIDSEG_BROWSER") or next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("no browser is installed; do: apt-get install chromium, or set VIDSEG_BROWSER")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=[*_FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()
