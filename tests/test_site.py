"""The site: every link of every page leads somewhere, every page is reached, and Sphinx has nothing to complain of."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import warnings
from difflib import unified_diff
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest
from tutorials import pages as tutorials
from tutorials import printed_by, rounding, run_page, settled, without_numbers

from bench import registry
from bench.attacks import attack_class
from bench.cli.app import COMMANDS
from bench.planning.entry import Entry
from bench.planning.suite import Suite, parse_suite

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TEXTS = sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))])
FENCED = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CONTENTS = re.compile(r"^```\{toctree\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINKS = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    return _beside_the_pages("generated")


@pytest.fixture(scope="module")
def on_site() -> ModuleType:
    return _beside_the_pages("pages")


def _beside_the_pages(name: str) -> ModuleType:
    """A module of the folder of pages, which is no package."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS))


@cache
def anchors(path: Path) -> set[str]:
    """The anchors of a text's headings, as GitHub and the site make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,4} (.+)$", FENCED.sub("", path.read_text(encoding="utf-8")), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        same = sum(each == words or re.fullmatch(rf"{re.escape(words)}-\d+", each) is not None for each in found)
        found.add(f"{words}-{same}" if same else words)
    return found


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(text: Path) -> None:
    for link in LINKS.findall(FENCED.sub("", text.read_text(encoding="utf-8"))):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        place = (text.parent / unquote(parts.path)).resolve() if parts.path else text
        assert place.exists(), link
        if parts.fragment and place.suffix == ".md":
            assert parts.fragment in anchors(place), link


def test_every_page_is_in_one_table_of_contents() -> None:
    listed = []
    for page in DOCS.rglob("*.md"):
        for contents in CONTENTS.findall(page.read_text(encoding="utf-8")):
            names = [line for line in contents.split("\n") if line and not line.startswith(":")]
            listed += [path.resolve() for name in names for path in page.parent.glob(f"{name}.md")]
    assert sorted([*listed, DOCS / "index.md"]) == sorted(DOCS.rglob("*.md"))


def test_the_reference_has_every_attack_with_its_parameters(generated: ModuleType) -> None:
    text = generated.attacks()
    for name in registry.names("attack"):
        section = text.split(f"## `{name}`\n")[1].split("\n## ")[0]
        for parameter in attack_class(name).model_fields:
            assert f"\n| `{parameter}` |" in section, (name, parameter)


def test_the_reference_has_every_command(generated: ModuleType) -> None:
    text = generated.commands()
    assert re.findall(r"^## bench (\w+)$", text, re.MULTILINE) == list(COMMANDS)
    assert "| `--limit <int range>` |" in text


def test_every_key_of_a_suite_is_in_its_schema_with_a_meaning(generated: ModuleType) -> None:
    text = generated.suite_keys()
    for name in [*Suite.model_fields, *(set(Entry.model_fields) - {"parameters"})]:
        assert re.search(rf"^\| `{name}` \| .+ \| .+ \| \w.+ \|$|^\| `{name}` \|.*\| What ", text, re.MULTILINE), name


def test_a_page_of_the_folder_above_has_links_that_hold_on_the_site(on_site: ModuleType) -> None:
    text = on_site.on_site("contributing", "a link")
    assert "](adapters.md#add-a-family-one-file-and-one-line)" in text
    assert "](docs/" not in text
    assert "](bench/" not in text


def test_links_in_code_are_left_alone(on_site: ModuleType) -> None:
    fenced = "```text\n[a](../bench/api.py)\n```\n"
    assert on_site.on_site("records", f"[b](../bench/api.py)\n{fenced}") == f"b\n{fenced}"


def test_files_in_the_pages_have_their_names_for_captions(on_site: ModuleType) -> None:
    text = on_site.on_site("records", "```yaml file=a.yaml\nsuite: a\n```\n")
    assert text == "```{code-block} yaml\n:caption: a.yaml\n\nsuite: a\n```\n"


def test_indented_paragraphs_of_docstrings_are_code(on_site: ModuleType) -> None:
    assert on_site.literal_blocks(["As in", "", "    run()", "", "    go()"]) == [
        "As in", "", "::", "", "    run()", "", "    go()",
    ]  # fmt: skip
    fields = [":param x: what", "", "    more of it"]
    assert on_site.literal_blocks(fields) == fields


@pytest.mark.parametrize("text", [p for p in TEXTS if "```yaml" in p.read_text("utf-8")], ids=lambda path: path.stem)
def test_suites_in_the_pages_are_suites(text: Path) -> None:
    for block in re.findall(r"^```yaml[^\n]*\n(suite:.*?)^```$", text.read_text(encoding="utf-8"), re.M | re.DOTALL):
        assert parse_suite(block, text.name).attacks


class _Page(HTMLParser):
    """What a page of the site links to, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.ids.add(value)
            if name in ("href", "src") and value:
                self.links.append(value)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_every_link_in_it_leads_somewhere(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the site needs: pip install '.[docs]'")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "-b", "html"]
    site = tmp_path / "site"
    built = subprocess.run(
        [*command, "-d", str(tmp_path / "trees"), str(DOCS), str(site)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=600,
    )
    assert built.returncode == 0, built.stderr
    found = {
        path: _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if "_static" not in path.parts
    }
    assert len(found) > 25
    for path, page in found.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("#"):
                assert parts.scheme or link == "#" or unquote(parts.fragment) in page.ids, (path.name, link)
                continue
            place = (path.parent / unquote(parts.path)).resolve()
            assert place.is_file(), (path.name, link)
            if parts.fragment and place in found:
                assert unquote(parts.fragment) in found[place].ids, (path.name, link)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.thorough] * (page.stem != "pipeline")) for page in tutorials()],
    ids=lambda path: path.stem,
)
def test_a_tutorial_does_what_it_says_and_prints_what_it_shows(page: Path, tmp_path: Path) -> None:
    """But for times and paths. Where it prints something else: make tutorials, and read what has changed.

    A machine that rounds otherwise than the one that printed the page trains another network: there the lines with
    numbers are left out.
    """
    text = page.read_text(encoding="utf-8")
    both = [settled(each, tmp_path) for each in (text, run_page(text, tmp_path))]
    if printed_by((page.parent / "index.md").read_text(encoding="utf-8")) == rounding():
        shown, printed = (each.splitlines() for each in both)
    else:
        warnings.warn("this machine rounds otherwise: numbers of tutorials are not compared", stacklevel=1)
        shown, printed = (without_numbers(each) for each in both)
    assert list(unified_diff(shown, printed, "shown", "printed", lineterm="", n=0)) == []


def test_times_and_folders_alone_are_left_out_of_what_is_compared(tmp_path: Path) -> None:
    text = f"$ bench suite x\n3.2 s, 12 seconds, 5 min in {tmp_path}/out\n| 97.5 | 4051f03f340c | n = 599 |\n"
    assert settled(text, tmp_path) == (
        "$ bench suite x\nTIME, TIME, TIME in FOLDER/out\n| 97.5 | 4051f03f340c | n = 599 |\n"
    )


def test_lines_without_numbers_are_those_that_no_rounding_changes() -> None:
    text = "| model | clean |\n|:-----|---:|\n| a | 97.5 |\nPassed\n"
    assert without_numbers(text) == ["| model | clean |", "| | |", "Passed"]
    assert without_numbers(text.replace("model |", "model   |").replace("97.5", "97.4")) == without_numbers(text)
    assert printed_by(f"a\n<!-- printed where rounding is {rounding()} -->\n") == rounding()
