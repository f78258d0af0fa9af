"""The plan: which cells a suite comes to, and in which order."""

from __future__ import annotations

from collections import Counter

import pytest
from handmade import model, suite_of, toy
from planned import GRADIENT, GUEST, OTHER, TRANSFER, A, B, clean_targets, pairs, planned

from bench.errors import UsageError
from bench.planning.plan import expand, jobs


def test_clean_passes_come_first_one_a_model() -> None:
    cells = planned(f"{GRADIENT}\n{TRANSFER}")
    names = [item.craft.attack.name for item in cells]
    assert names[:2] == ["clean", "clean"]
    assert "clean" not in names[2:]
    assert clean_targets(cells) == ["a", "b"]


def test_a_cell_asked_for_twice_is_planned_once() -> None:
    cells = planned(f"{GRADIENT}\n{TRANSFER}\n{GRADIENT}")
    assert len({item.id for item in cells}) == len(cells) == 2 + 2 * 2 + 2  # clean, own grid, transfer off the diagonal


def test_one_craft_serves_a_grid_and_all_targets() -> None:
    work = jobs(planned(f"{GRADIENT}\n{TRANSFER}"))
    on_a = next(job for job in work if str(job) == "fgsm on a")
    assert Counter((item.target.name, item.threat.eps) for item in on_a.cells) == {
        ("a", 0.1): 1,
        ("a", 0.2): 1,
        ("b", 0.1): 1,
    }
    assert [str(job) for job in work] == ["clean", "fgsm on a", "fgsm on b"]


def test_attacks_on_no_model_are_crafted_once_for_all() -> None:
    work = jobs(planned("  - {attack: sign-noise, norm: linf, eps: 0.1}"))
    assert [(str(job), len(job.cells)) for job in work] == [("clean", 2), ("sign-noise", 2)]


def test_guests_meet_the_references_both_ways_and_not_each_other() -> None:
    met = pairs(planned(TRANSFER, (A,), (GUEST, OTHER)))
    assert met == {
        ("a", "a"),
        ("a", "guest"),
        ("a", "other"),
        ("guest", "a"),
        ("guest", "guest"),
        ("other", "a"),
        ("other", "other"),
    }


def test_a_labels_only_model_is_a_target_and_no_source_of_transfer() -> None:
    mute = model("mute", gradient="none")
    assert pairs(planned(TRANSFER, (A, mute))) == {("a", "a"), ("a", "mute")}
    # Under its own attack it is planned all the same, and becomes a row that says `unsupported`.
    assert ("mute", "mute") in pairs(planned(GRADIENT, (A, mute)))


@pytest.mark.parametrize(
    ("gradient", "judged"),
    [
        ("none", {"mute"}),
        ("exact", {"a", "guest"}),
        ("[none, surrogate]", {"mute", "tree"}),
        ("[exact, surrogate, none]", {"a", "guest", "mute", "tree"}),
    ],
)
def test_an_entry_may_be_for_models_of_some_gradient_alone(gradient: str, judged: set[str]) -> None:
    """Guests and references alike; in transfer each source on itself besides."""
    mute, tree = model("mute", gradient="none"), model("tree", gradient="surrogate")
    for entry in ("rays, norm: linf", "sign-noise, norm: linf, eps: 0.1"):
        cells = planned(f"  - {{attack: {entry}, gradient: {gradient}}}", (A, mute, tree), (GUEST,))
        assert {target for _, target in pairs(cells)} == judged
        assert set(clean_targets(cells)) == judged
    assert pairs(planned(f"{TRANSFER[:-1]}, gradient: none}}", (A, mute))) == {("a", "a"), ("a", "mute")}


@pytest.mark.parametrize(
    ("only", "met"),
    [
        ({"a"}, {("a", "a"), ("b", "a"), ("a", "b"), ("b", "b")}),
        (
            {"guest"},
            {
                ("a", "guest"),
                ("b", "guest"),
                ("guest", "guest"),
                ("guest", "a"),
                ("guest", "b"),
                ("a", "a"),
                ("b", "b"),
            },
        ),
    ],
    ids=["reference", "guest"],
)
def test_only_brings_what_its_transfer_rows_refer_to(only: set[str], met: set[tuple[str, str]]) -> None:
    """Rows of the model wanted, in both directions, and each source's success on itself."""
    guests = (GUEST,) if "guest" in only else ()
    cells = planned(TRANSFER, (A, B), guests, only=only)
    assert pairs(cells) == met
    assert set(clean_targets(cells)) == {name for pair in met for name in pair}


def test_only_leaves_out_the_other_models_own_attacks() -> None:
    assert pairs(planned(GRADIENT, (A, B), only={"b"})) == {("b", "b")}


def test_an_unknown_source_is_named() -> None:
    with pytest.raises(UsageError, match="unknown source 'bb'; did you mean b"):
        planned("  - {attack: fgsm, norm: linf, eps: 0.1, sources: [bb]}")


def test_named_sources() -> None:
    assert pairs(planned("  - {attack: fgsm, norm: linf, eps: 0.1, sources: [b]}")) == {("b", "a"), ("b", "b")}


def test_a_source_that_is_not_known_yet_is_left_out() -> None:
    """As where the records do not have it, or its training is still to come."""
    suite = suite_of("  - {attack: fgsm, norm: linf, eps: 0.1, sources: [a, b]}", ["a", "b"])
    assert pairs([item.cell for item in expand(suite, toy(), {"a": A}, {})]) == {("a", "a")}


C = model("c")
SOME = {
    "own": (GRADIENT, {("b", "b")}),
    "on no model": ("  - {attack: sign-noise, norm: linf, eps: 0.1}", {(None, "b")}),
    "named source": (
        "  - {attack: fgsm, norm: linf, eps: 0.1, sources: [a]}",
        {("a", "b"), ("a", "a")},
    ),
    "all sources": (TRANSFER, {("a", "b"), ("b", "b"), ("c", "b"), ("a", "a"), ("c", "c")}),
}


@pytest.mark.parametrize("name", SOME)
def test_an_entry_for_some_models_is_judged_on_these_and_on_each_source_itself(name: str) -> None:
    entry, met = SOME[name]
    cells = planned(entry.replace("}", ", models: [b]}"), (A, B, C))
    assert pairs(cells) == met
    assert set(clean_targets(cells)) == {target for _, target in met}
    assert {item.id for item in cells} <= {item.id for item in planned(entry, (A, B, C))}


@pytest.mark.parametrize("name", SOME)
def test_guests_are_judged_on_the_entries_for_some_models_too(name: str) -> None:
    entry, _ = SOME[name]
    text = entry.replace("}", ", models: [b]}")
    theirs = pairs(planned(text, (A, B, C), (GUEST,))) - pairs(planned(text, (A, B, C)))
    every = pairs(planned(entry, (A, B, C), (GUEST,))) - pairs(planned(entry, (A, B, C)))
    assert theirs == {(source, target) for source, target in every if target in ("b", "guest")}
    assert "guest" in {target for _, target in theirs}


def test_only_leaves_out_the_entries_for_others() -> None:
    text = "  - {attack: fgsm, norm: linf, eps: 0.1, sources: [a], models: [b]}"
    assert pairs(planned(text, (A, B, C), only={"b"})) == {("a", "b"), ("a", "a")}
    assert pairs(planned(text, (A, B, C), only={"c"})) == set()


def test_the_clean_pass_may_be_asked_for_and_is_planned_once() -> None:
    cells = planned(f"{GRADIENT.replace('}', ', models: [a]}')}\n  - {{attack: clean, models: [a, b]}}")
    assert clean_targets(cells) == ["a", "b"]
    assert len({item.id for item in cells}) == len(cells) == 2 + 2
    assert {item.id for item in cells if item.craft.attack.name == "clean"} == {
        item.id for item in planned(GRADIENT) if item.craft.attack.name == "clean"
    }
