"""The folder of the page: every file of it, and how it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.errors import UsageError
from bench.files import replace_file
from bench.report.boards import tables
from bench.report.page import comparison, text, views
from bench.report.page.drawing import brackets, scale
from bench.report.page.gallery import MOST
from bench.report.page.given import Board, Given, slug
from bench.report.page.models import Model, key_of, models
from bench.report.page.ranking import ranking
from bench.table import visible

STATIC = Path(__file__).parent / "static"
MANIFEST = "potemkin-page.json"
"""Lists the files of a page, so that the next one in the same folder takes away those that it has no more."""
LARGEST = 20_000_000
"""Bytes of a manifest that is read."""


def environment() -> Environment:
    """Templates that escape whatever they are given, and write out characters that hide or turn text."""
    made = Environment(
        loader=PackageLoader("bench.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"flag_text": text.flags(), "gradient_text": text.GRADIENTS, "norm_text": text.NORMS}
    made.globals["verdict_text"] = text.VERDICTS
    made.globals |= {"definitions": text.definitions(), "columns": MOST}
    return made


def files(given: Given) -> Iterator[tuple[str, bytes]]:
    """Every file of the page by its path within the folder."""
    made = environment()
    slugs = {board.name: {info.name: slug(*key_of(info)) for info in board.view.targets()} for board in given.boards}

    def page(template: str, root: str, **told: Any) -> bytes:
        return made.get_template(template).render(root=root, given=given, **told).encode()

    yield "index.html", page("index.html", "", slugs=slugs, boards=_summaries(given))
    for board in given.boards:
        own = slugs[board.name]
        yield f"suites/{board.name}.html", page("suite.html", "../", slugs=own, **_suite(board))
        yield f"compare/{board.name}.html", page("compare.html", "../", slugs=own, board=board)
    known = models(given)
    for board in given.boards:
        shared = f"{board.name}/examples"
        yield f"data/{shared}.js", comparison.script(shared, comparison.truth_of(board))
        for info in board.view.targets():
            key = f"{board.name}/{slugs[board.name][info.name]}"
            yield f"data/{key}.js", comparison.script(key, comparison.data_of(board, info.name, known[key_of(info)]))
    for model in known.values():
        yield f"models/{model.slug}.html", page("model.html", "../", model=model, slugs=slugs)
        yield from _reproducing(model)
        yield from model.sheets.files()
    yield from static()


def static() -> Iterator[tuple[str, bytes]]:
    """Style sheets and scripts."""
    for file in sorted(STATIC.iterdir()):
        yield f"static/{file.name}", file.read_bytes()
    yield "static/scale.css", scale().encode()


def _suite(board: Board) -> dict[str, Any]:
    sizes, found = brackets(board.rows)
    shown = {name: found[name] for name in views.in_order(board) if name in found}
    return {
        "board": board,
        "ranking": ranking(board),
        "chart": views.curves(board),
        "sizes": sizes,
        "brackets": shown,
        "heats": views.transfer(board),
        "tables": tables(board.suite, board.rows),
    }


def _summaries(given: Given) -> list[tuple[Board, Any]]:
    """Every board with its main table, those that rank first."""
    return [(board, ranking(board)) for board in sorted(given.boards, key=lambda board: board.suite.rank_by is None)]


def _reproducing(model: Model) -> Iterator[tuple[str, bytes]]:
    found = {line.again.file: line.again.text for part in model.parts for line in part.lines if line.again}
    yield from ((f"rows/{name}", content.encode()) for name, content in found.items())


def write(folder: Path, given: Given) -> int:
    """Write the page into a folder that is new, empty, or holds a page already; the number of its files.

    Raises:
        UsageError: something else lies in the folder, or it is no folder.
        DiskError: a file cannot be written.
    """
    before = _written_before(folder)
    made = []
    for name, content in files(given):
        made.append(name)
        # Without the care that records take: a page that a power cut tears is made again in seconds.
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    replace_file(folder / MANIFEST, json.dumps({"files": sorted(set(made))}, indent=0).encode() + b"\n")
    for name in set(before) - set(made):
        (folder / name).unlink(missing_ok=True)
    return len(set(made))


def _written_before(folder: Path) -> list[str]:
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise UsageError(f"--site {folder}: is no folder; name one for the page")
    manifest = folder / MANIFEST
    if not manifest.is_file():
        if any(folder.iterdir()):
            raise UsageError(f"--site {folder}: holds files that are no page of ours; name a new or an empty folder")
        return []
    try:
        content = manifest.read_bytes()[:LARGEST]
        listed: Mapping[str, Any] = json.loads(content)
        names = [name for name in listed["files"] if isinstance(name, str)]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"--site {folder}: its {MANIFEST} is torn; name a new folder") from None
    return [name for name in names if _within(folder, name)]


def _within(folder: Path, name: str) -> bool:
    """Whether a listed name is that of a file within the folder, whoever wrote the list."""
    place = Path(name)
    return (
        not place.is_absolute()
        and ".." not in place.parts
        and (folder / place).resolve().is_relative_to(folder.resolve())
    )
