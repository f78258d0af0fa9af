"""The files of the page, without a browser: what is in them, what is not, and how the folder is written."""

from __future__ import annotations

import html
import json
import re
from copy import copy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from handmade import viewed
from paged import DATA, HOSTILE, MODELS, answer, board, cell_of, given, rubbish, suite

from bench.board.rows import BRACKET, rows
from bench.board.statistics import wilson
from bench.board.view import View
from bench.errors import UsageError
from bench.planning.plan import expand
from bench.planning.suite import load_suite, parse_suite
from bench.records.verdicts import LEVELS
from bench.report.boards import DEFINITIONS
from bench.report.page.drawing import COLOURS, Bar, brackets, chart
from bench.report.page.given import Board, Given, slug
from bench.report.page.heat import heat
from bench.report.page.ranking import ranking
from bench.report.page.reproduce import again, whole
from bench.report.page.site import MANIFEST, files, write
from bench.report.page.text import flags, prose


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """Texts by name; of pictures none."""
    return {name: "" if name.endswith(".png") else content.decode() for name, content in files(given())}


@pytest.fixture(scope="module")
def pages(made: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in made.items() if name.endswith(".html")}


def test_there_is_a_page_for_each_suite_model_and_comparison(pages: dict[str, str]) -> None:
    assert {name.partition("/")[0] for name in pages} == {"index.html", "suites", "compare", "models"}
    assert len([name for name in pages if name.startswith("models/")]) == len(MODELS)


def test_every_page_forbids_scripts_and_styles_of_its_own(pages: dict[str, str]) -> None:
    for text in pages.values():
        (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'")
        assert "unsafe" not in policy
        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", text) == []
        bare = re.sub(r'"[^"]*"', '""', text)  # without what stands in attributes
        assert re.findall(r"<[a-z][^<>]*\s(?:on[a-z]+|style)=", bare) == []
        assert "<style" not in text


def test_no_page_names_another_place(made: dict[str, str]) -> None:
    """But the name of a namespace of drawings, which nobody looks up."""
    for name, text in made.items():
        found = set(re.findall(r"(?:https?:)?//[A-Za-z0-9][^\s\"'<>]*", text)) if not name.endswith(".js") else set()
        assert found <= {"http://www.w3.org/2000/svg"}, name


def test_every_link_leads_to_a_file(made: dict[str, str], pages: dict[str, str]) -> None:
    for name, text in pages.items():
        for link in re.findall(r'(?:href|src)="([^"#]+)"', text):
            place = (Path("/site") / name).parent.joinpath(html.unescape(link)).as_posix()
            parts: list[str] = []
            for part in place.split("/")[2:]:
                parts = parts[:-1] if part == ".." else [*parts, part]
            assert "/".join(parts) in made, f"{name}: {link}"


def test_hostile_names_are_escaped_and_hidden_characters_written_out(made: dict[str, str]) -> None:
    for name, text in made.items():
        assert "<img src=x" not in text or name.endswith((".js", ".yaml")), name
        assert "\u202e" not in text
    assert html.escape(HOSTILE.replace("\u202e", "\\u202e"), quote=False)[:20] in made["suites/toy-suite.html"]


def test_files_of_models_have_harmless_names_that_are_their_own(made: dict[str, str]) -> None:
    for name in made:
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", name)
    assert slug("../../x", "f") != slug("..-..-x", "f")
    assert slug("Net", "f") != slug("net", "f")
    assert slug("net", "f") != slug("net", "g")


def test_data_of_a_model_are_one_call_with_json(made: dict[str, str]) -> None:
    (text,) = [text for name, text in made.items() if name.startswith("data/toy-suite/img-src-x-")]
    assert text.isascii()
    call = re.fullmatch(r'potemkin\.receive\("(toy-suite/[a-z0-9-]+)", (.*)\);\n', text)
    assert call is not None
    assert json.loads(call[2])["model"] == HOSTILE.replace("\u202e", "\\u202e")


# -- what is drawn ----------------------------------------------------------------------------------------------------


def test_brackets_have_the_intervals_of_both_ends() -> None:
    """[0.25, 0.5] of 240: Wilson of what is proved and of what is attacked."""
    row = next(row for row in board().rows if row.attack == "iterated-fgsm" and row.model == "steady")
    proved, attacked = wilson(60, 240), wilson(120, 240)
    told = replace(
        row,
        attack=BRACKET,
        robust_accuracy=0.5,
        **dict(zip(("ci_low", "ci_high"), attacked, strict=True)),
        certified=0.25,
        **dict(zip(("certified_low", "certified_high"), proved, strict=True)),
    )
    (eps,), found = brackets([told])
    shown = found["steady"][eps]
    assert (shown.certified, shown.attacked, shown.text) == (25, 50, "25.0 to 50.0")
    assert [name for name, *_ in shown.ends] == ["certified", "attacked"]
    for (_, low, high, _), ends in zip(shown.ends, (proved, attacked), strict=True):
        assert (low, high) == pytest.approx([100 * end for end in ends], abs=0.01)
    _, found = brackets([replace(told, certified=None, certified_low=None, certified_high=None)])
    assert [name for name, *_ in found["steady"][eps].ends] == ["attacked"]


@pytest.mark.parametrize(("count", "own"), [(3, ["m2"]), (12, ["m11", "m4"]), (60, ["m59"])])
def test_guests_are_coloured_first_and_all_are_named_where_there_is_room(count: int, own: list[str]) -> None:
    row = next(row for row in board().rows if row.attack == "fgsm" and row.model == "steady" and row.source == "steady")
    curves = {f"m{k}": [replace(row, eps=eps, robust_accuracy=k / 60) for eps in (0.1, 0.2)] for k in range(count)}
    drawn = chart("fgsm", curves, {}, own)
    assert drawn is not None
    for drawing in drawn.drawings:
        lines = {line.model: line for line in drawing.lines}
        coloured = sorted((line.colour, name) for name, line in lines.items() if line.colour is not None)
        expected = [*sorted(own, key=list(curves).index), *(name for name in curves if name not in own)][:COLOURS]
        assert [name for _, name in coloured] == expected
        assert {name for name, line in lines.items() if line.own} == set(own)
        named = sorted(line.label for line in lines.values() if line.named)
        assert len(named) == (count if count < 17 else COLOURS)
        assert all(high - low >= 14.999 for low, high in pairwise(named))


def test_targets_that_nobody_asked_are_one_cell() -> None:
    """a is judged under b alone, c by itself: what is empty beside each other is joined, and every line is full."""
    row = next(row for row in board().rows if row.attack == "fgsm" and row.error is not None)
    found = heat("fgsm", list("abcde"), {("b", "exact"): {"a": row}, ("c", ""): {"c": replace(row, error=0.31)}})
    (_, told, first), (_, _, second) = found.lines
    assert told == "exact"
    assert [(cell.text, cell.span) for cell in first][1:] == [("", 4)]
    assert [(cell.text, cell.shade, cell.own, cell.span) for cell in second] == [
        ("", None, False, 2),
        ("31.0", 4, True, 1),
        ("", None, False, 2),
    ]


def test_a_suite_that_ranks_nothing_has_a_table_of_its_models_too() -> None:
    """Clean accuracy, and in another colour the share of rubbish that a model is confident about, with its interval."""
    shown = rubbish()
    found = ranking(shown)
    assert (found.ranked, found.told, found.generated) == (False, True, True)
    clean, confident = found.columns
    assert (clean.head, confident.head) == ("clean", "gaussian-rubbish confident")
    cell = confident.cells["steady"]
    low, high = wilson(3, 4)
    assert (cell.text, cell.bad, cell.bar) == ("75.0", True, Bar(75.0, round(100 * low, 2), round(100 * high, 2)))
    assert confident.cells["brittle"].text == "n/a"
    page = next(content.decode() for name, content in files(Given([shown], {})) if name.startswith("suites/"))
    assert 'id="board"' in page
    assert 'class="rank' not in page
    assert "bars bad v150" in page


# -- how a row is made again ------------------------------------------------------------------------------------------


def test_the_suite_file_of_a_row_is_the_very_cell_of_that_row() -> None:
    """A stranger who runs it gets a record of the same id."""
    shown = board()
    references, guests = ({info.name: info for info in group} for group in (MODELS[:3], MODELS[3:]))
    checked = 0
    for name in shown.by_model:
        for _, measured in shown.measured(name):
            found = again(shown, measured)
            alone = parse_suite(found.text, found.file)
            ids = {planned.cell.id for planned in expand(alone, DATA, references, guests)}
            assert {cell.id for cell in measured.cells} <= ids
            checked += 1
    assert checked > 40


def test_commands_name_the_model_as_a_shell_takes_it() -> None:
    shown = board()
    row = next(measured for _, measured in shown.measured(HOSTILE))
    assert "--model 'FILE.py:<img src=x" in again(shown, row).command
    assert whole(shown, "steady") == "bench suite toy-suite.yaml --model steady --rerun all"


@pytest.mark.parametrize("name", ["mnist-fgsm", "mnist-fgsm@1"])
def test_a_suite_that_ships_is_called_by_its_name_and_version(name: str) -> None:
    shipped = Board(View(load_suite(name), DATA, {}, {}), [])
    assert whole(shipped, "knn") == f"bench suite {name} --model knn --rerun all"


def test_a_short_look_is_made_again_as_one() -> None:
    looked = viewed(suite(), answer_short, dataset=DATA, references=MODELS[:3], limit=30)
    shown = Board(looked, rows(looked))
    assert "--limit 30" in again(shown, shown.measured("steady")[0][1]).command


def answer_short(asked):  # type: ignore[no-untyped-def]
    return answer(asked)[: asked.craft.slice.n]


# -- what it explains -------------------------------------------------------------------------------------------------


def test_every_flag_of_the_definitions_is_explained() -> None:
    told = [item for item in DEFINITIONS.split("\n- ") if item.startswith("**flags**")]
    names = {name for item in told for name in re.findall(r"`([a-z0-9-]+)`", " ".join(item.split()))} - {"tests"}
    assert len(names) > 20
    assert names <= flags().keys()


def test_prose_is_escaped_before_it_is_marked() -> None:
    assert prose("**a** <b> `x < y`") == "<strong>a</strong> &lt;b&gt; <code>x &lt; y</code>"


# -- the folder -------------------------------------------------------------------------------------------------------


def test_a_page_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    count = write(folder, given())
    assert len([path for path in folder.rglob("*") if path.is_file()]) == count + 1
    fewer = viewed(suite(), answer, dataset=DATA, references=MODELS[:3])
    write(folder, Given([Board(fewer, rows(fewer))], {}))
    assert list((folder / "models").glob("img-src-x-*")) == []
    assert len(list((folder / "models").glob("*.html"))) == 3


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match=r"holds files that are no page of ours; name a new or an empty folder"):
        write(tmp_path, given())
    with pytest.raises(UsageError, match="is no folder"):
        write(tmp_path / "thesis.tex", given())


def test_a_list_of_files_that_others_wrote_takes_nothing_outside_away(tmp_path: Path) -> None:
    folder, outside = tmp_path / "site", tmp_path / "outside"
    folder.mkdir()
    outside.write_text("mine")
    (folder / MANIFEST).write_text(json.dumps({"files": ["../outside", str(outside), 3]}))
    write(folder, given())
    assert outside.read_text() == "mine"
    (folder / MANIFEST).write_text("{torn")
    with pytest.raises(UsageError, match="is torn"):
        write(folder, given())


def test_rows_say_what_was_verified_and_the_page_explains_it_once() -> None:
    """Where nothing was, a line says so; a row that the whole model stands behind has the least of its rows."""
    shown = board()
    fgsm, iterated, noise = (cell_of(shown, attack=name) for name in ("fgsm", "iterated-fgsm", "sign-noise"))
    ids = {id for row in shown.by_model["steady"] for id in row.cells}
    found = dict.fromkeys(ids, "re-verified") | {iterated: "arithmetic checked", noise: "wrong"}
    del found[fgsm]
    verified = copy(shown.view)
    verified.verdicts = found
    place = f"models/{slug('steady', shown.view.references['steady'].fingerprint)}.html"
    boards = (shown, Board(verified, rows(verified)))
    plain, told = (dict(files(Given([each], {})))[place].decode() for each in boards)
    assert "<b>self-reported</b>, all of it: nobody here" in plain
    assert '<td class="v' not in plain
    marks = re.findall(
        r'<tr>\s*<th scope="row">([^<]*)(?:(?!</tr>).)*?<td class="(v[ bad]*)">([^<]*)</td>', told, re.DOTALL
    )
    by_row = {name: (mark, kind == "v bad") for name, kind, mark in marks}
    assert set(by_row.values()) == {
        ("re-verified", False), ("arithmetic checked", False), ("self-reported", False), ("wrong", True),
    }  # fmt: skip
    assert by_row["worst of all attacks 0.2"] == ("wrong", True)
    assert [told.count(f"<b>{level}</b>, ") for level in LEVELS] == [1, 1, 0, 1, 1]
