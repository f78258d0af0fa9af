"""One browser, one site and one window for all tests of the page: what takes time is done once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import SCREEN, Visit, browser, visiting
from paged import site


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def window(chromium: Any, folder: Path) -> Iterator[Visit]:
    with visiting(chromium, folder, viewport=SCREEN) as opened:
        yield opened


@pytest.fixture
def visit(window: Visit) -> Iterator[Visit]:
    """The page as opened from a file. After each test nothing may have been complained of or left the folder."""
    window.start()
    yield window
    assert window.complaints == []
    assert window.outside == []
