"""The screenshots of docs/page.md: `make pictures` takes them anew, in minutes.

Of a page that is made of the published records and of a run of the digits' suites with a model of one's own beside the
reference models. It needs Chromium, as the tests of the page do (see `browsing`).
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tests.browsing import PHONE, SCREEN, Visit, browser, visiting

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures"
BENCH = [sys.executable, "-c", "from bench.cli.app import main; main()"]
SUITES = ("digits-fgsm", "digits-worst-case")
OWN = """\
import adapters
from bench.datasets import open_dataset
from sklearn.svm import SVC


@adapters.register("my-svm", dataset="digits")
def my_svm():
    digits = open_dataset("digits")
    every = slice(digits.sizes["train"])
    return SVC(gamma=0.02).fit(digits.examples("train", every).reshape(every.stop, -1), digits.labels("train"))
"""
EXACT = 160
"""Colours of a picture's 256 that are kept to the bit."""


@dataclass(frozen=True)
class Shot:
    """A picture of a part of a page."""

    name: str
    page: str
    """Its file within the folder; `*` stands for the hash of a model."""
    top: str
    """What is at the upper edge."""
    height: int
    width: int = SCREEN["width"]
    scheme: str = "light"
    first: Callable[[Any], object] = lambda page: None
    """What is done before, with Playwright's page."""


def _pair(first: str, second: str, at: str) -> Callable[[Any], None]:
    def choose(page: Any) -> None:
        for field, label in (("a", first), ("b", second), ("at", at)):
            page.locator(f"#{field}").select_option(label=label)
            page.locator("#said", has_text="rows").wait_for()

    return choose


SHOTS = [
    Shot("board", "suites/mnist-fgsm.html", "body", 900),
    Shot("curves", "suites/digits-fgsm.html", "#h-curves", 600),
    Shot("brackets", "suites/digits-worst-case.html", "#h-brackets", 600, scheme="dark"),
    Shot("gallery", "models/maxout-*.html", "#h-gallery", 560),
    Shot("compare", "compare/digits-fgsm.html", "body", 700, first=_pair("maxout", "my-svm", "fgsm 0.1")),
    Shot("flipped", "compare/digits-fgsm.html", "#h-flipped", 640, first=_pair("maxout", "my-svm", "fgsm 0.1")),
    Shot("front-dark", "index.html", "body", 1000, scheme="dark"),
    Shot("phone", "suites/mnist-fgsm.html", "body", 900, PHONE["width"]),
]


def made(folder: Path) -> Path:
    """The page, after a run of what is not published."""
    (folder / "mine.py").write_text(OWN, encoding="utf-8")
    out, site = folder / "out", folder / "site"
    for suite in SUITES:
        for models in ([], ["--model", str(folder / "mine.py")]):
            _bench("suite", suite, *models, "--out", str(out))
    _bench("leaderboard", "--format", "html", "--out", str(out), "--site", str(site))
    return site


def _bench(*arguments: str) -> None:
    subprocess.run([*BENCH, *arguments], cwd=ROOT, check=True)


def take(started: Any, site: Path, shot: Shot) -> bytes:
    """A picture as a PNG file."""
    size = {"width": shot.width, "height": shot.height}
    with visiting(started, site, viewport=size, color_scheme=shot.scheme) as visit:
        _open(visit, site, shot)
        return _smaller(visit.page.screenshot())


def _open(visit: Visit, site: Path, shot: Shot) -> None:
    digits = [path for path in sorted(site.glob(shot.page)) if "digits" in path.read_text(encoding="utf-8")]
    visit.go(digits[0].relative_to(site).as_posix() if "*" in shot.page else shot.page)
    shot.first(visit.page)
    visit.page.evaluate("top => document.querySelector(top).scrollIntoView()", shot.top)
    visit.page.wait_for_load_state("networkidle")
    visit.page.wait_for_timeout(500)  # pictures are loaded when they come into sight


def _smaller(content: bytes) -> bytes:
    """With a palette: the colours that are met most as they are, the others by those that come near."""
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    met = sorted(picture.getcolors(picture.width * picture.height) or [], reverse=True)
    rest = picture.quantize(256 - EXACT, Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(value for _, colour in met[:EXACT] for value in colour), *rest])
    file = io.BytesIO()
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def main() -> None:
    with tempfile.TemporaryDirectory() as place, browser() as started:
        site = made(Path(place))
        for shot in SHOTS:
            (FIGURES / f"page-{shot.name}.png").write_bytes(take(started, site, shot))


if __name__ == "__main__":
    main()
