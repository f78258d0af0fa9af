"""The scoreboard as a pure function: every number worked out by hand on six examples."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from handmade import failure, model, result, shelved, toy

from bench.paper.document import document, tables
from bench.paper.evidence import Evidence, Finding, Known
from bench.paper.numbers import Group, Number, Numbers
from bench.paper.ours import Ours
from bench.paper.protocol import suite_of
from bench.paper.scoreboard import Line, scoreboard
from bench.records.record import Cell

TRUE = [0, 1, 2, 0, 1, 2]
CLEAN = [0, 1, 2, 0, 1, 1]
"""One mistake, the last."""
FOOLED = [1, 2, 0, 1, 1, 1]
"""Wrong but for the fifth."""
FGSM = {"dataset": "toy", "model": "a", "attack": "fgsm", "eps": 0.25, "clip": False}
RUBBISH = {"dataset": "toy", "model": "a", "attack": "gaussian-rubbish", "n": 6}


def number(**given: Any) -> Number:
    """A number that measures the FGSM error of `a` unless told otherwise."""
    whole: dict[str, Any] = {
        "id": "one",
        "where": "section 1",
        "what": "Something.",
        "conditions": FGSM,
        "claim": "error >= 0.5",
        "measure": {"error": "error"},
    }
    if "published" in given:
        whole |= {"because": "so.", "tolerance": dict.fromkeys(given["published"], 0.01)}
    return Number.model_validate(whole | given)


def file_of(*numbers: Number) -> Numbers:
    """A file of numbers."""
    group = Group(title="One", source="paper", numbers=numbers)
    return Numbers(title="Toy", sources={"paper": "A paper"}, groups=(group,))


def fooled(asked: Cell) -> Any:
    """Right when clean, fooled otherwise, as sure as can be told apart."""
    if asked.craft.attack.name == "clean":
        return CLEAN, {"confidence": 0.9}
    return FOOLED, {"confidence_on_mistakes": 0.75, "confidence": 0.7}


def judged(asked: Number, answer: Callable[[Cell], Any] = fooled, models: Sequence[str] = "abc", **more: Any) -> Line:
    """The line of one number whose cells came to these answers on these models."""
    numbers = file_of(asked)
    infos = {name: model(name, confidence_kind="softmax") for name in models}
    records, failures = {}, {}
    if asked.measure:
        suite = suite_of(m for m in numbers.measures if {m.model, m.source, m.of} <= {*infos, None})
        records, failures = shelved(suite, answer, references=list(infos.values()))
    known = Known(toy(), frozenset(infos), frozenset(infos), infos)
    (line,) = scoreboard(numbers, Evidence(records, failures, {"toy": known}, {"nowhere": "no dataset here"}, **more))
    assert json.loads(json.dumps(line.as_dict(), allow_nan=False))["verdict"] == line.verdict
    return line


# -- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "claim", "verdict", "holds"),
    [
        (0.8333, "error >= 0.5", "match", True),
        (0.84, "error >= 0.5", "match", True),
        (0.85, "error >= 0.5", "direction", True),
        (0.5, "error >= 0.9", "differs", False),
        (0.8333, "error >= 0.9", "differs", False),
        ([0.8, 0.86, 0.84], "error >= 0.9", "differs", False),
    ],
)
def test_a_verdict_weighs_the_digits_and_the_claim(published: Any, claim: str, verdict: str, holds: bool) -> None:
    """Five of six are wrong: 0.8333."""
    line = judged(number(published={"error": published}, claim=claim))
    assert (line.verdict, line.holds) == (verdict, holds)
    assert line.ours["error"].mean == pytest.approx(5 / 6)
    assert (line.ours["error"].n, line.ours["error"].runs, line.ours["error"].spread) == (6, 1, None)


def test_all_published_numbers_must_be_met() -> None:
    both = {"error": "error", "confidence": "confidence_on_mistakes"}
    near = judged(number(published={"error": 5 / 6, "confidence": 0.75}, measure=both))
    far = judged(number(published={"error": 5 / 6, "confidence": 0.5}, measure=both))
    assert (near.verdict, far.verdict) == ("match", "direction")
    assert near.ours["confidence"].n == 5


def test_the_tolerance_itself_is_within_it() -> None:
    """In binary 0.75 + 0.01 is not 0.76."""
    row = number(
        published={"confidence": 0.76}, measure={"confidence": "confidence_on_mistakes"}, claim="0 < confidence"
    )
    assert judged(row).verdict == "match"


def test_without_digits_the_claim_decides() -> None:
    assert judged(number()).verdict == "direction"
    assert judged(number(claim="error < 0.5")).verdict == "differs"


def test_numbers_beside_decide_nothing() -> None:
    line = judged(
        number(
            beside={
                "clean": {"number": "error", "attack": "clean", "eps": None},
                "odd": {"number": "error", "model": "z"},
            }
        )
    )
    assert line.verdict == "direction"
    assert line.beside.keys() == {"clean"}
    assert line.beside["clean"].mean == pytest.approx(1 / 6)


# -- which number -----------------------------------------------------------------------------------------------------


def measured(which: Any, answer: Callable[[Cell], Any] = fooled, **conditions: Any) -> Any:
    """The number and what it counts, or why there is none."""
    which = {"number": which} if isinstance(which, str) else which
    line = judged(
        number(conditions=FGSM | conditions, measure={"x": which}, claim="x >= 0"),
        answer,
    )
    return (pytest.approx(line.ours["x"].mean), line.ours["x"].n) if line.ours else line.reason


def test_clean_numbers() -> None:
    clean: dict[str, Any] = {"attack": "clean", "eps": None}
    assert measured("error", **clean) == (1 / 6, 6)
    assert measured("confidence", **clean) == (0.9, 6)
    assert measured("error", lambda asked: [0, 1, 2, 0, -1, 1], **clean) == (2 / 6, 6)  # an abstention costs accuracy
    assert measured("error", lambda asked: [0, 1, 2, 0, -1, 1]) == (1 / 6, 6)  # and is no success of an attack


def by_target(given: dict[str, list[int]]) -> Callable[[Cell], Any]:
    return lambda asked: CLEAN if asked.craft.attack.name == "clean" else given[asked.target.name]


def test_agreement_is_over_the_mistakes_of_the_source_or_of_both() -> None:
    """`b` has the source's wrong class on two of its five mistakes; on four both are wrong."""
    given = by_target({"b": FOOLED, "a": [1, 2, 1, 0, 0, 0], "c": FOOLED})
    crafted = {"source": "b"}
    assert measured("agreement", given, **crafted) == (2 / 5, 5)
    assert measured("agreement_when_both_err", given, **crafted) == (2 / 4, 4)
    # On those four b says 1 2 0 1 and a says 1 2 1 0: each class as often as the other does, 1, 2 and 1 times.
    assert measured("chance_when_both_err", given, **crafted) == ((1 + 4 + 1) / 16, 4)


def test_agreement_with_a_third_model_on_the_source_s_examples() -> None:
    given = by_target({"b": TRUE, "a": [1, 2, 2, 0, 1, 2], "c": [1, 0, 0, 0, 1, 2]})
    assert measured("agreement_when_both_err", given, source="b", of="c") == (1 / 2, 2)
    assert measured("agreement", given, source="b") == "there are no mistakes to agree on"


def rubbish(asked: Cell) -> Any:
    if asked.craft.attack.name == "clean":
        return CLEAN
    goal = [0, 1, 2, 0, 1, 2] if asked.craft.attack.name == "fooling" else None
    made = result(asked, [0, 0, 2, 0, 1, 0], None, goal, margin=[1.0] * 6)
    return made.model_copy(update={"successes": 4, "success_classes": (2, 0, 2), "confidence_on_mistakes": 0.8})


def test_rubbish_counts_what_the_model_is_confident_of() -> None:
    assert measured("error", rubbish, **RUBBISH, eps=None) == (4 / 6, 6)
    assert measured("confidence_on_mistakes", rubbish, **RUBBISH, eps=None) == (0.8, 4)
    assert measured({"number": "class_share", "label": 0}, rubbish, **RUBBISH, eps=None) == (2 / 4, 4)
    assert measured({"number": "class_share", "label": 1}, rubbish, **RUBBISH, eps=None) == (0, 4)


def test_fooling_images_count_by_the_class_that_they_were_to_become() -> None:
    """Two samples for each of three classes: all become the first, none the second, all the third."""
    asked = {"attack": "fooling", "n": 6, "eps": None}
    assert measured({"number": "class_success", "label": 2}, rubbish, **asked) == (1, 2)
    assert measured({"number": "class_success", "label": 1}, rubbish, **asked) == (0, 2)
    assert measured("mean_class_success", rubbish, **asked) == (2 / 3, 6)


def test_what_cannot_be_told_is_not_a_zero() -> None:
    def unsure(asked: Cell) -> Any:
        found = rubbish(asked)
        plain = {"successes": None, "success_classes": None, "confidence_on_mistakes": None}
        return found if found is CLEAN else found.model_copy(update=plain)

    for which in ("error", "confidence_on_mistakes", {"number": "class_share", "label": 0}):
        assert "no probabilities" in str(measured(which, unsure, **RUBBISH, eps=None))
    assert "aims at no class" in str(measured("mean_class_success", rubbish, **RUBBISH, eps=None))


# -- not run ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "reason", "command"),
    [
        ({"lacks": "nothing can see it", "measure": {}, "claim": ""}, "nothing can see it", None),
        ({"conditions": FGSM | {"dataset": "nowhere"}}, "no dataset here", None),
        ({"conditions": FGSM | {"model": "z"}}, "no model z for toy yet", None),
        ({"conditions": FGSM | {"model": "d"}}, "model d is not made yet", "bench paper"),
        ({"conditions": FGSM | {"source": "z"}}, "no model z for toy yet", None),
        ({"conditions": FGSM | {"attack": "fgsn"}}, "did you mean fgsm", None),
        ({"conditions": FGSM | {"split": "train"}}, "toy has no split train", None),
        ({"conditions": FGSM | {"parameters": {"degrees": 3}}}, "unknown key 'degrees'", None),
        ({"figure": True, "measure": {}, "claim": ""}, "it is not drawn yet", "bench paper"),
    ],
)
def test_what_was_not_run_says_why(changed: dict[str, Any], reason: str, command: str | None) -> None:
    line = unrun(number(**changed))
    assert line.verdict == "not run"
    assert reason in str(line.reason)
    assert line.command == command


def unrun(row: Number) -> Line:
    """The line of a number of which nothing is recorded."""
    numbers = file_of(row)
    infos = {name: model(name) for name in "abc"}
    known = Known(toy(), frozenset("abcd"), frozenset("ab"), infos)
    (line,) = scoreboard(numbers, Evidence({}, {}, {"toy": known}, {"nowhere": "no dataset here"}))
    return line


def test_a_missing_record_is_run_by_the_command_that_may_run_it() -> None:
    """`c` was judged elsewhere: it has to be made here first."""
    assert unrun(number()).command == "bench paper"
    assert "no record of a, fgsm, linf eps 0.25 unclipped" in str(unrun(number()).reason)
    assert unrun(number(conditions=FGSM | {"model": "c"})).command == "bench paper --budget full"


def test_half_a_measurement_is_shown_and_decides_nothing() -> None:
    line = judged(number(measure={"error": "error", "other": {"number": "error", "model": "z"}}, claim="error > other"))
    assert (line.verdict, line.holds, line.reason) == ("not run", None, "no model z for toy yet")
    assert line.ours.keys() == {"error"}


def test_a_failure_is_no_number() -> None:
    line = judged(number(), lambda asked: CLEAN if asked.craft.attack.name == "clean" else failure(asked))
    assert (line.verdict, line.reason) == ("not run", "failed: exception: ValueError: no")


def test_a_model_that_was_made_anew_is_not_judged_by_the_old_one_s_records() -> None:
    row = number()
    infos = [model("a", fingerprint="old")]
    records, failures = shelved(suite_of(row.measure.values()), fooled, references=infos)
    numbers = file_of(row)
    for fingerprint, verdict in (("old", "direction"), ("new", "not run")):
        known = Known(toy(), frozenset("a"), frozenset("a"), {"a": model("a", fingerprint=fingerprint)})
        (line,) = scoreboard(numbers, Evidence(records, failures, {"toy": known}, {}))
        assert line.verdict == verdict


# -- seeds, figures, flags --------------------------------------------------------------------------------------------


def test_training_runs_of_a_model_are_averaged() -> None:
    labels = {"a": FOOLED, "a-seed-1": CLEAN, "a-seed-2": FOOLED, "a-seed": TRUE, "ab-seed-1": TRUE}
    asked = number(beside={f"n{k}": {"number": "error", "model": name} for k, name in enumerate(labels)})
    line = judged(asked, by_target(labels), models=list(labels))
    shares = [5 / 6, 1 / 6, 5 / 6]
    assert line.ours["error"].runs == 3
    assert line.ours["error"].mean == pytest.approx(np.mean(shares))
    assert line.ours["error"].spread == pytest.approx(np.std(shares, ddof=1))


def test_short_trainings_are_not_averaged_with_whole_ones() -> None:
    infos = {"a": model("a"), "a-seed-1": model("a-seed-1"), "a-seed-2": model("a-seed-2", notes=("quick: 1 epoch",))}
    known = Known(toy(), frozenset(infos), frozenset(infos), infos)
    (measure,) = number().measure.values()
    assert [run.model for run in known.runs(measure, infos)] == ["a", "a-seed-1"]
    short = measure.model_copy(update={"model": "a-seed-2"})
    assert [run.model for run in known.runs(short, infos)] == ["a-seed-2"]


def test_what_is_compared_was_trained_alike() -> None:
    """Else a short training would be blamed for what another had sixty epochs to learn."""
    note = ("quick: 1 epoch",)
    quick = {name: model(name, notes=note, fingerprint=f"{name}-quick") for name in "ab"}
    known = Known(toy(), frozenset("abc"), frozenset(), {"a": quick["a"], "b": model("b"), "c": model("c")}, quick)
    assert known.alike("ab").models == {**quick, "c": model("c")}
    assert known.alike("bc").models["b"] == model("b"), "nothing short among them"
    assert known.alike("ac").models["c"] == model("c"), "no short one was judged"


def test_a_figure_of_something_else_is_no_match() -> None:
    asked = number(figure=True, measure={}, claim="", conditions={})
    finding = Finding(figure="one.svg", shows=True, finding="digits for photographs", as_published=False)
    assert judged(asked, figures={"one": finding}).verdict == "direction"


@pytest.mark.parametrize(("shows", "verdict"), [(True, "match"), (False, "differs")])
def test_a_figure_counts_by_what_it_says_of_itself(shows: bool, verdict: str) -> None:
    finding = Finding(figure="one.svg", shows=shows, finding="straight lines")
    line = judged(number(figure=True, measure={}, claim="", conditions={}), figures={"one": finding})
    assert (line.verdict, line.reason) == (verdict, "straight lines")


def test_a_flag_of_the_board_stands_with_the_number() -> None:
    """Fewer mistakes under its own FGSM than when clean, by far: the labels leak."""
    labels = [0, 1] * 200
    wrong = [1, 0] * 200

    def leaking(asked: Cell) -> Any:
        return wrong if asked.craft.attack.name == "clean" else labels

    row = number()
    infos = [model("a")]
    data = toy(labels, classes=2)
    records, failures = shelved(suite_of(row.measure.values()), leaking, references=infos, dataset=data)
    numbers = file_of(row)
    known = Known(data, frozenset("a"), frozenset("a"), {"a": infos[0]})
    (line,) = scoreboard(numbers, Evidence(records, failures, {"toy": known}, {}))
    assert line.flags == {"a": ["label-leaking"]}
    assert "Flags: a label-leaking." in document(numbers, [line])


# -- for people -------------------------------------------------------------------------------------------------------


def test_the_table_shows_published_and_ours_side_by_side() -> None:
    extra = {"error": "error", "other": {"number": "error", "model": "b"}}
    line = judged(number(published={"error": 0.84}, measure=extra))
    (table,) = tables([line])
    assert table.rows == (("one", "error 84", "error 83.3", "match"),)
    assert table.note.startswith("1 match, 0 direction, 0 differs, 0 not run. By whole trainings: 1 match")


def test_what_was_not_run_has_a_table_of_its_own() -> None:
    (idle,) = tables([unrun(number(conditions=FGSM | {"model": "d"}))])
    assert idle.rows == (("one", "model d is not made yet", "bench paper"),)


def test_numbers_beside_tell_under_which_other_conditions_they_stand() -> None:
    beside = {
        "clipped": {"number": "error", "clip": True},
        "steps": {"number": "error", "attack": "iterated-fgsm", "n": 500},
        "other": {"number": "error", "model": "b"},
    }
    half = Ours(0.5, None, 1, 10)
    line = Line(number(beside=beside), "direction", None, None, {"error": half}, dict.fromkeys(beside, half), True)
    text = document(file_of(line.number), [line])
    assert "Beside it: clipped 50.0 (clipped), steps 50.0 (iterated-fgsm, n 500), other 50.0." in text


def test_the_document_keeps_whole_trainings_quick_ones_and_figures_apart() -> None:
    whole = Line(number(), "match", None, None)
    quick = Line(number(id="two"), "differs", None, None, quick={"a": "1 epoch"})
    drawn = Line(number(id="three", figure=True, measure={}, claim="", conditions={}), "match", None, None)
    text = document(file_of(*(line.number for line in (whole, quick, drawn))), [whole, quick, drawn])
    assert "By whole trainings: 1 match, 0 direction, 0 differs." in text
    assert "replaces: 0 match, 0 direction, 1 differs. Figures: 1 match, 0 direction, 0 differs." in text


def test_the_document_tells_all_that_a_verdict_rests_on() -> None:
    row = number(
        published={"error": 0.95},
        open={"clipping": "unclipped here."},
        tried="everything.",
        beside={"clean": {"number": "error", "attack": "clean", "eps": None}},
    )
    line = judged(row)
    numbers = file_of(row)
    text = document(numbers, [line])
    for told in (
        "In all: 0 match, 1 direction, 0 differs, 0 not run.",
        "## One\n\nFrom A paper.",
        "**one**: Something.",
        "Conditions: dataset toy, model a, attack fgsm, eps 0.25, unclipped.",
        "Tolerance: error ±1; so.",
        "Claim: error >= 0.5: holds.",
        "Left open, clipping: unclipped here.",
        "Beside it: clean 16.7.",
        "Tried: everything.",
    ):
        assert told in text
