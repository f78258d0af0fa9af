"""The page in a real browser: whatever it holds, wherever it lies, and for every reader."""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path
from typing import Any

import pytest
from browsing import PHONE, SCREEN, Visit, visiting
from paged import HOSTILE

pytestmark = pytest.mark.browser

SUITE, COMPARE = "suites/toy-suite.html", "compare/toy-suite.html"
NAMES = "#board tbody tr:not([hidden]) th"


def model_page(folder: Path, name: str) -> str:
    (found,) = (folder / "models").glob(f"{name}-*.html")
    return f"models/{found.name}"


# -- the gallery ------------------------------------------------------------------------------------------------------


def test_the_gallery_shows_examples_before_and_after(visit: Visit, folder: Path) -> None:
    visit.go(model_page(folder, "steady"))
    pictures = visit.page.locator("#gallery img")
    assert pictures.count() == 3
    for k in range(3):
        pictures.nth(k).scroll_into_view_if_needed()
        pictures.nth(k).evaluate("each => each.decode()")
        assert pictures.nth(k).evaluate("each => each.naturalWidth") == 16 * 3 * 8
    assert visit.page.locator("#gallery figure").evaluate_all(
        "all => all.map(each => each.innerText.split(/\\s+/).join(' ').trim())"
    ) == [
        "1 no. 1 clean 1 99.1% change ±0.45 attacked 2 75.0%",
        "2 no. 5 clean 2 change ±0.45 attacked 0",
        "2 no. 230 clean 0 100.0% change ±0.45 attacked 0 50.0%",
    ]
    assert visit.texts("#gallery .wrong") == ["2", "0", "0", "0"]
    assert visit.texts("#gallery .key span") == ["−0.45", "+0.45"]
    assert visit.page.locator("#gallery img").first.get_attribute("alt") == (
        "Example 1, true class 1: clean, perturbation, adversarial"
    )


def test_each_figure_shows_its_own_part_of_the_sheet(visit: Visit, folder: Path) -> None:
    """Three strips beside each other on one file: each fills its frame, and what is left and right of it is cut."""
    visit.go(model_page(folder, "steady"))
    places = visit.page.locator("#gallery .crop").evaluate_all(
        "all => all.map(crop => { const frame = crop.getBoundingClientRect();"
        " const sheet = crop.querySelector('img').getBoundingClientRect();"
        " return [(frame.x - sheet.x) / frame.width, sheet.width / frame.width, (frame.y - sheet.y) / frame.height,"
        " sheet.height / frame.height, frame.height]; })"
    )
    for column, (x, width, y, height, tall) in enumerate(places):
        assert (x, width, y, height) == pytest.approx((column, 16, 0, 1), abs=0.01)
        assert tall > 40


def test_a_model_of_which_nothing_was_kept_has_no_gallery(visit: Visit, folder: Path) -> None:
    visit.go(model_page(folder, "middling"))
    assert visit.page.locator("#gallery").count() == 0


# -- whatever it holds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["index.html", SUITE, COMPARE])
def test_hostile_names_are_text(visit: Visit, name: str) -> None:
    visit.go(name)
    visit.page.wait_for_load_state()
    assert "taken" not in visit.page.title()
    assert visit.page.locator("img[src=x]").count() == 0
    shown = HOSTILE.replace("\u202e", "\\u202e")
    assert shown in visit.page.locator("body").inner_text() or shown in visit.page.locator("#a").inner_text()


def test_a_hostile_model_has_a_page_of_its_own(visit: Visit, folder: Path) -> None:
    visit.go(model_page(folder, "img-src-x-*"))
    assert visit.page.locator("h1").inner_text().startswith("<img src=x")
    assert "<b>bold</b>" in visit.page.locator(".lead").inner_text()
    assert visit.texts(".rows th small")[-1:] == ["exception: <script>alert(1)</script>"]


# -- wherever it lies, and for every reader ---------------------------------------------------------------------------


def test_it_works_from_a_web_server(chromium: Any, folder: Path) -> None:
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.05), daemon=True).start()
        with visiting(chromium, f"http://127.0.0.1:{server.server_port}/") as visit:
            assert visit.go(SUITE).texts(NAMES)[0] == "steady"
            visit.go(COMPARE).says("#said", "rows")
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def test_it_can_be_read_without_scripts(chromium: Any, folder: Path) -> None:
    with visiting(chromium, folder, java_script_enabled=False, viewport=SCREEN) as visit:
        assert visit.go(SUITE).texts(NAMES)[0] == "steady"
        assert visit.page.locator(".tools").first.is_hidden()


def test_the_theme_is_kept(chromium: Any, folder: Path) -> None:
    with visiting(chromium, folder, viewport=SCREEN) as visit:
        visit.go(SUITE)
        colour = "getComputedStyle(document.documentElement).backgroundColor"
        light = visit.page.evaluate(colour)
        visit.page.locator("#theme").click()
        visit.page.locator("#theme").click()
        assert visit.page.locator("#theme").inner_text() == "Theme: dark"
        dark = visit.page.evaluate(colour)
        assert dark != light
        visit.go("index.html")
        assert visit.page.evaluate(colour) == dark


def test_nothing_is_wider_than_a_phone(chromium: Any, folder: Path) -> None:
    with visiting(chromium, folder, viewport=PHONE) as visit:
        for name in ("index.html", SUITE, COMPARE, model_page(folder, "steady")):
            visit.go(name)
            if name == COMPARE:
                visit.says("#said", "rows")
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= 400, name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "scheme", "only"),
    [(SCREEN, "dark", {"runOnly": ["color-contrast"]}), (PHONE, "light", {})],
    ids=["screen-dark", "phone-light"],
)
def test_readers_of_all_kinds_can_use_it(chromium: Any, folder: Path, size: Any, scheme: str, only: Any) -> None:
    """axe-core finds nothing serious; in the dark it looks at contrast alone, as nothing else differs."""
    from axe_playwright_python.sync_playwright import Axe

    with visiting(chromium, folder, viewport=size, color_scheme=scheme) as visit:
        for name in ("index.html", SUITE, COMPARE, model_page(folder, "brittle")):
            visit.go(name)
            if name == COMPARE:
                visit.says("#said", "rows")
            visit.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
            found = Axe().run(visit.page, options={"preload": False, **only}).response["violations"]
            told = [(name, each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in SERIOUS]
            assert told == []


SERIOUS = ("serious", "critical")
