"""A comparison for people and for programs: tables, JSON, JUnit XML, a Markdown summary, a picture."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from boards import CLEAN, GRID, NOISE, TRANSFER, A, B, answers
from comparing import pair, side
from handmade import failure, model, suite_of, toy, viewed

from bench.board.comparison import Comparison, Pair, compared
from bench.board.gate import regressions
from bench.board.rows import rows
from bench.board.sides import Side
from bench.errors import UsageError
from bench.records.examples import Kept
from bench.report.comparison import p_value, pair_tables, points, tables
from bench.report.comparison_formats import as_junit, as_plain, as_summary

WEAK = {("m", 0.2): [1, 1, 2, 1, 2, 1]}
HOSTILE = "m](http://e.vil)<script>|\x07"


def one(*, name: str = "m") -> Comparison:
    """Five right when clean and under everything, beside two of these under 0.2."""
    suite = suite_of("\n".join([GRID, NOISE]), [], 0.2)
    return Comparison(
        "toy-suite v1",
        (compared(side({}, name, suite=suite), side({(name, 0.2): WEAK[("m", 0.2)]}, name, suite=suite)),),
    )


def folders(ours: list[object], theirs: list[object]) -> Comparison:
    """All models of two boards."""
    suite = suite_of("\n".join([GRID, TRANSFER, NOISE]), ["a", "b"], 0.2)
    views = [viewed(suite, answers({}), references=group) for group in (ours, theirs)]
    heads = [{row.model: row for row in rows(view)} for view in views]
    sides = [
        [Side(view, found[name], f"x:{name}") for name in ("a", "b")] for view, found in zip(views, heads, strict=True)
    ]
    return Comparison("toy-suite v1", tuple(compared(*both) for both in zip(*sides, strict=True)), {"c": "no records"})


def test_the_rows_of_two_models() -> None:
    first, flipped = tables(one())
    assert first.title == "toy-suite v1: m beside m"
    assert first.headers == ("asked", "baseline", "candidate", "difference", "95%", "p")
    told = {line[0]: line[1:] for line in first.rows}
    assert told["worst 0.2"] == ("83.3", "33.3", "-50.0", "-81.2 to +8.6", "1")
    assert told["fgsm 0.1"][:3] == ("83.3", "83.3", "0.0")
    assert flipped.title == "Flipped at worst 0.2: 3 lost, 0 gained"
    assert flipped.rows[0] == ("lost", "0", "0", "1", "fgsm 0.2")
    assert len(tables(one(), examples=1)[1].rows) == 1
    assert len(tables(one(), examples=0)) == 1


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0.0"), (-0.0, "0.0"), (0.312, "+31.2"), (-0.0004, "-0.04"), (1e-9, "0.0"), (-1, "-100.0")],
)
def test_points(share: float, text: str) -> None:
    assert points(share) == text


@pytest.mark.parametrize(("p", "text"), [(0.0, "<0.001"), (0.0374, "0.037"), (0.999, "1"), (1.0, "1")])
def test_p_values(p: float, text: str) -> None:
    assert p_value(p) == text


def test_many_models_have_a_line_each_and_say_which_were_refitted() -> None:
    refit = model("a", fingerprint="f" * 64)
    (table, apart) = tables(folders([A, B], [refit, B]))
    assert [(line[0], line[-1]) for line in table.rows] == [("a", "refitted"), ("b", "same")]
    assert "bit for bit: b." in table.note
    assert "than the baseline's: a." in table.note
    assert "c is gone (no records)" in table.note
    assert (apart.title, apart.headers) == ("Not comparable", ())
    assert apart.note.splitlines() == ["- b: crafted on two versions of a (fgsm 0.1 from a)"]
    assert apart.markdown() == f"### Not comparable\n\n{apart.note}"
    assert apart.html() == f"<p>Not comparable</p><ul><li>{apart.note.removeprefix('- ')}</li></ul>"
    assert "(none)" not in apart.text()


def test_what_cannot_be_compared_is_a_line_a_reason_with_its_rows() -> None:
    """Sizes of one attack together, then sources; of all rows only how many there are."""
    suite = suite_of("\n".join([GRID, TRANSFER, NOISE]), ["a", "b"], 0.2)
    first = viewed(suite, answers({}), references=[A, B])
    short = compared(side({}), side({}, limit=3, answer=lambda asked: CLEAN[:3]))
    (alone,) = pair_tables(short)
    assert alone.title.endswith("m beside m: no row can be compared")
    assert re.fullmatch(r"- slices differ: 6 of 6 for m and a sample of 3 of 6 for m \(all \d+ rows\)", alone.note)
    fgsm = {"a": None}
    second = viewed(
        suite, lambda asked: fgsm.get(asked.target.name, CLEAN) if asked.craft.attack.name == "fgsm" else CLEAN,
        references=[A, B],
    )  # fmt: skip
    heads = [{row.model: row for row in rows(view)}["a"] for view in (first, second)]
    lacking = compared(Side(first, heads[0], "x:a"), Side(second, heads[1], "y:a"))
    assert pair_tables(lacking)[-1].note == "- not run on y:a (worst 0.2; fgsm 0.1, 0.2; fgsm 0.1 from b)"


def test_json_has_every_number() -> None:
    plain = json.loads(json.dumps(as_plain(one(), {}), allow_nan=False))
    (found,) = plain["pairs"]
    ranked = found["ranked"]
    assert (ranked["label"], ranked["n"]) == ("worst 0.2", 6)
    assert (ranked["lost"], ranked["gained"], ranked["p_value"]) == ([0, 3, 4], [], 0.25)
    assert ranked["difference"] == pytest.approx(-3 / 6)
    assert ranked["low"] < ranked["difference"] < ranked["high"]
    assert found["rows"][0]["label"] == "clean"
    assert plain["passed"] is True
    assert "passed" not in as_plain(one())


def test_junit_fails_where_the_gate_does_and_skips_what_cannot_be_compared() -> None:
    broken = side({}, answer=lambda asked: failure(asked) if asked.threat.eps == 0.1 else CLEAN)
    found = Comparison("toy-suite v1", (compared(side({}), broken),), {"gone": "no records of it"})
    root = ElementTree.fromstring(as_junit(found, regressions(found, 0)))
    assert (root.get("failures"), root.get("skipped")) == ("2", "3")
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert "error: fgsm" in str(cases["no regression"].find("failure").get("message"))  # type: ignore[union-attr]
    assert cases["gone"].find("failure") is not None
    assert int(str(root.get("tests"))) == len(list(root.iter("testcase")))
    assert ElementTree.fromstring(as_junit(found)).get("failures") == "0"


def test_names_of_others_are_text_in_every_format() -> None:
    found = one(name=HOSTILE)
    root = ElementTree.fromstring(as_junit(found, {found.pairs[0].candidate.called: "why \x00 <b>"}))
    assert "\\x07" in str(root[0].get("name"))
    summary = as_summary(found, {HOSTILE: "why <b>"})
    assert "**FAILED**" in summary
    assert "<script" not in summary
    assert not re.search(r"(?<!\\)\](?:\(|\[)", summary)
    assert "\x07" not in summary


def test_a_summary_says_the_verdict_first() -> None:
    lines = as_summary(one(), {}).splitlines()
    assert lines[2] == "**Passed**"
    assert lines[4].startswith("- m: worst 0.2: 83.3 to 33.3%, -50.0 points")
    assert "<details><summary>All rows</summary>" in lines


def images() -> Pair:
    data = toy()
    data = type(data)(
        name="toy",
        input_shape=(1, 5, 5),
        classes=data.classes,
        sizes=data.sizes,
        checksum=data.checksum,
        read=lambda split: (np.zeros((6, 1, 5, 5), np.uint8), np.array([0, 1, 2, 0, 1, 2])),
    )
    return pair({("m", 0.2): [0, 1, 2, 0, 2, 1]}, WEAK | {("m", 0.1): [0, 1, 2, 1, 1, 1]}, dataset=data)


def test_the_picture_has_an_image_for_each_example_with_its_classes() -> None:
    pytest.importorskip("matplotlib")
    from bench.report.figure_style import png, styled
    from bench.report.flips_figure import flips_figure

    with styled():
        figure = flips_figure(images())
        assert png(figure).startswith(b"\x89PNG")
    parts = figure.subfigs
    assert [part.get_suptitle().partition(":")[0] for part in parts] == ["Lost"]
    drawn = [panel for panel in parts[0].axes if panel.get_images()]
    assert [panel.get_xlabel() for panel in drawn] == ["0 → 1\nfgsm 0.2", "0 → 1\nfgsm 0.1"]
    assert [panel.get_title() for panel in drawn] == ["no. 0", "no. 3"]
    assert parts[0].get_suptitle().endswith("no attacked inputs of these were kept")
    with pytest.raises(UsageError, match="toy has no images"):
        flips_figure(pair({}, WEAK))


def test_the_picture_shows_what_was_kept_as_attacked_before_others() -> None:
    """Of the cell that the falling model falls for; an input of another shape, or of another example, is none."""
    pytest.importorskip("matplotlib")
    from bench.report.flips_figure import flips_figure

    pair = images()
    ids = {row.threat.eps: row.cells[0].id for row in pair.candidate.view.of("m") if row.made.role == "gradient"}

    def kept(id: str, shape: tuple[int, ...] = (1, 5, 5)) -> Kept | None:
        index = np.array([1, 3]) if id == ids[0.1] else np.array([2])
        return Kept(index, np.ones((len(index), *shape), np.float32), index) if id in ids.values() else None

    (part,) = flips_figure(pair, kept).subfigs
    numbers, captions = part.axes[:10], part.axes[10:]
    assert [panel.get_title() for panel in numbers[:3]] == ["no. 3", "no. 0", ""]
    assert [panel.get_xlabel() for panel in captions[:2]] == ["0 → 1\nfgsm 0.1", "0 → 1\nfgsm 0.2"]
    assert [panel.get_images()[0].get_array().max() for panel in (numbers[0], captions[0])] == [0, 1]
    assert [text.get_text() for panel in captions for text in panel.texts] == ["not kept"]
    assert "kept" not in part.get_suptitle()
    (part,) = flips_figure(pair, lambda id: kept(id, (1, 4, 4))).subfigs
    assert part.get_suptitle().endswith("no attacked inputs of these were kept")
