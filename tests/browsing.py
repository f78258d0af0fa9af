"""A real browser for the tests of the page: Debian's Chromium, driven by Playwright. Skipped loudly without either."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SCREEN, PHONE = {"width": 1400, "height": 900}, {"width": 400, "height": 800}


def chromium() -> str:
    """The path of the browser; skips, with a warning that the run shows at its end, where there is none."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    missing = [] if found else ["Chromium (apt-get install chromium, or name it by CHROMIUM)"]
    for package in ("playwright", "axe_playwright_python"):
        try:
            __import__(package)
        except ImportError:
            missing.append(f"the Python package {package}")
    if missing:
        reason = f"THE PAGE IS NOT TESTED IN A BROWSER: {' and '.join(missing)} missing"
        warnings.warn(pytest.PytestWarning(reason), stacklevel=2)
        pytest.skip(reason)
    return str(found)


@contextmanager
def browser() -> Iterator[Any]:
    path = chromium()
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=arguments)
        try:
            yield started
        finally:
            started.close()


@dataclass
class Visit:
    """A page that is open, and what it complained of or asked for outside its folder."""

    page: Any
    root: str
    """The URL of the folder."""
    complaints: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Leave what was open and forget what became of it."""
        self.page.goto("about:blank")
        self.complaints.clear()
        self.outside.clear()

    def go(self, name: str) -> Visit:
        self.page.goto(self.root + name)
        return self

    def says(self, selector: str, text: str) -> None:
        """Wait until an element holds a text; by looking, as the page's policy lets nobody evaluate strings in it."""
        from playwright.sync_api import expect

        expect(self.page.locator(selector)).to_contain_text(text, timeout=10_000)

    def texts(self, selector: str) -> list[str]:
        """What shows of each element, trimmed."""
        found = self.page.locator(selector)
        return [text.strip() for text in found.all_inner_texts() if text.strip()]

    def shown(self, selector: str) -> list[str]:
        """The same of those that are visible."""
        found = self.page.locator(selector)
        return [found.nth(k).inner_text().strip() for k in range(found.count()) if found.nth(k).is_visible()]


@contextmanager
def visiting(started: Any, root: Path | str, **options: Any) -> Iterator[Visit]:
    """A window on a page in a folder, or on a server. At the end nothing may have been complained of or left it."""
    url = root if isinstance(root, str) else root.resolve().as_uri() + "/"
    context = started.new_context(**options)
    visit = Visit(context.new_page(), url)
    visit.page.on("console", lambda said: visit.complaints.append(said.text) if said.type == "error" else None)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("request", lambda asked: None if asked.url.startswith(url) else visit.outside.append(asked.url))
    try:
        yield visit
    finally:
        context.close()
    assert visit.complaints == []
    assert visit.outside == []
