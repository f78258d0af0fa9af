"""The plan: identities that must never change, what is selected, in which order, and how examples are sampled."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from handmade import cell, model, suite_of, toy
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.planning.plan import SLICE, expand, jobs
from bench.records.identity import canonical
from bench.records.record import AttackId, Cell, Slice
from bench.records.sampling import indices
from bench.threats import Criterion, Threat

FGSM = AttackId(name="fgsm", revision=1, parameters={"loss": "training", "label": "true", "target": None})
GRADIENT = "  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}"
TRANSFER = "  - {attack: fgsm, norm: linf, eps: 0.1, sources: all}"
A, B, GUEST, OTHER = model("a"), model("b"), model("guest"), model("other")


def planned(
    attacks: str, references: tuple[Any, ...] = (A, B), guests: tuple[Any, ...] = (), **more: Any
) -> list[Cell]:
    suite = suite_of(attacks, [info.name for info in references])
    data = more.pop("dataset", toy())
    known, visiting = ({info.name: info for info in infos} for infos in (references, guests))
    return [item.cell for item in expand(suite, data, known, visiting, **more)]


def pairs(cells: list[Cell]) -> set[tuple[str | None, str]]:
    """(source, target) of the attacks, the clean passes left out."""
    return {
        (item.craft.source.name if item.craft.source else None, item.target.name)
        for item in cells
        if item.craft.attack.name != "clean"
    }


def clean_targets(cells: list[Cell]) -> list[str]:
    return [item.target.name for item in cells if item.craft.attack.name == "clean"]


# -- identity ---------------------------------------------------------------------------------------------------------

GOLDEN = {
    "clean": (cell(), "bec0cabe4ad9c1102affd50e21948270", "0ebc30cef02835ea834809748fe2bc7f"),
    "white box": (
        cell(source=A, attack=FGSM, threat=Threat(norm="linf", eps=0.25, clip=(0, 1))),
        "f3fed893d0f24b46a48d82f460dd9f51",
        "9e34e9d763d3804d165de949d4cb6ce9",
    ),
    "transfer": (
        cell(source=B, attack=FGSM, threat=Threat(norm="linf", eps=0.25, clip=(0, 1))),
        "d9429e6431b7eeebe3ff88c9c7badd84",
        "842756ef59845e30e79b2759c3743707",
    ),
    "sample, unclipped L2": (
        cell(
            source=A, attack=FGSM, threat=Threat(norm="l2", eps=1.5), part=Slice(split="test", stop=3, of=6, sample=7)
        ),
        "851953ffe1ac53154c79f2e04d55030a",
        "4f2521444f4c57643b41616ecff4be00",
    ),
    "rubbish": (
        cell(
            attack=AttackId(name="gaussian-rubbish", revision=1, parameters={"draw": 0}),
            part=Slice(split=None, stop=100, of=100),
            criterion=Criterion(kind="confident", threshold=0.5),
            seed=3,
        ),
        "4db236cda6d0dd008eadcf7d7f35d9bb",
        "246babcc2ee8d5f0dfb257281d26af1b",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_ids_never_change(name: str) -> None:
    """Every published record is found by these. If this fails, the program lost its results: mend the program."""
    asked, craft_id, cell_id = GOLDEN[name]
    assert (asked.craft.id, asked.id) == (craft_id, cell_id)


def test_a_planned_cell_has_the_golden_id() -> None:
    """The plan spells out what the golden cells above say, defaults of the attack included."""
    white_box = next(item for item in planned("  - {attack: fgsm, norm: linf, eps: 0.25}", (A,)) if item.white_box)
    assert white_box.id == GOLDEN["white box"][2]


@pytest.mark.parametrize("alias", ["bim"])
def test_an_alias_gives_the_same_cells(alias: str) -> None:
    asked = "  - {{attack: {}, norm: linf, eps: [0.1, 0.2], steps: 7}}"
    assert planned(asked.format(alias)) == planned(asked.format("iterated-fgsm"))


def test_canonical_json_is_one_text_for_one_value() -> None:
    assert canonical({"b": [1, 0.1], "a": None, "é": True}) == '{"a":null,"b":[1,0.1],"\\u00e9":true}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))


DECIDES = {
    "attack revision": {"attack": FGSM.model_copy(update={"revision": 2})},
    "attack parameter": {"attack": FGSM.model_copy(update={"parameters": {**FGSM.parameters, "loss": "margin"}})},
    "slice": {"part": Slice(split="test", stop=5, of=6)},
    "split": {"part": Slice(split="train", stop=6, of=6)},
    "seed": {"seed": 1},
    "source": {"source": B},
    "target": {"target": B},
    "epsilon": {"threat": Threat(norm="linf", eps=0.11, clip=(0, 1))},
    "clip": {"threat": Threat(norm="linf", eps=0.1)},
    "norm": {"threat": Threat(norm="l2", eps=0.1, clip=(0, 1))},
    "criterion": {"criterion": Criterion(kind="targeted")},
}
BASE = {"source": A, "attack": FGSM, "threat": Threat(norm="linf", eps=0.1, clip=(0, 1))}


def test_everything_that_decides_an_outcome_is_in_the_id() -> None:
    variants = [cell(**(BASE | change)) for change in ({}, *DECIDES.values())]
    assert len({item.id for item in variants}) == len(variants)


def test_cells_of_one_craft_differ_only_in_target_threat_and_criterion() -> None:
    shared = {"target", "epsilon", "clip", "norm", "criterion"}
    crafts = {name: cell(**(BASE | change)).craft.id for name, change in DECIDES.items()}
    base = cell(**BASE).craft.id
    assert {name for name, craft in crafts.items() if craft == base} == shared


def test_what_is_for_people_is_no_part_of_the_id() -> None:
    renamed = A.model_copy(update={"name": "z", "family": "svm", "notes": ("x",), "gradient": "none"})
    assert cell(target=renamed).id == cell(target=A).id
    assert cell(source=renamed, attack=FGSM).craft.id == cell(source=A, attack=FGSM).craft.id


# -- selection --------------------------------------------------------------------------------------------------------


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


# -- slices -----------------------------------------------------------------------------------------------------------


def spans(cells: list[Cell]) -> list[tuple[int, int]]:
    return [(item.craft.slice.start, item.craft.slice.stop) for item in cells]


def test_slices_of_ten_thousand() -> None:
    cells = planned(GRADIENT, (A,), dataset=toy([0, 1] * 12_500, classes=2))
    assert SLICE == 10_000
    expected = [(0, 10_000), (10_000, 20_000), (20_000, 25_000)]
    assert spans(cells[:3]) == expected
    assert {item.craft.attack.name for item in cells[:3]} == {"clean"}
    assert len({item.craft.id for item in cells}) == 6
    assert not any(item.craft.slice.partial for item in cells)


def test_a_limit_is_a_sample_that_says_so() -> None:
    for item in planned(GRADIENT, (A,), limit=4):
        assert item.craft.slice == Slice(split="test", stop=4, of=6, sample=0)
        assert item.craft.slice.partial


def test_a_limit_beyond_the_data_is_no_limit() -> None:
    assert [item.id for item in planned(GRADIENT, limit=6)] == [item.id for item in planned(GRADIENT)]


def test_an_attack_over_a_sample_brings_a_clean_pass_over_the_same() -> None:
    cells = planned(f"{GRADIENT}\n  - {{attack: iterated-fgsm, norm: linf, eps: 0.1, n: 3}}", (A,))
    assert [item.craft.slice.stop for item in cells if item.craft.attack.name == "clean"] == [6, 3]
    assert [item.craft.slice.stop for item in planned(GRADIENT, (A,), limit=2)] == [2, 2, 2]


def test_generated_inputs_have_no_split_and_a_clean_pass_over_all_examples() -> None:
    cells = planned("  - {attack: gaussian-rubbish, n: 15000}", (A,))
    assert [(item.craft.slice.split, *spans([item])[0]) for item in cells] == [
        ("test", 0, 6),
        (None, 0, 10_000),
        (None, 10_000, 15_000),
    ]


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=120),
    data=st.data(),
    seed=st.integers(),
)
def test_samples_are_stratified(labels: list[int], data: st.DataObject, seed: int) -> None:
    """Every class keeps its share, but for rounding; positions are ascending and distinct."""
    y = np.asarray(labels)
    n = data.draw(st.integers(1, len(y)))
    chosen = indices(Slice(split="test", stop=n, of=len(y), sample=seed), y)
    assert len(chosen) == n
    assert (np.diff(chosen) > 0).all()
    for value in np.unique(y):
        share = (y == value).mean()
        assert abs((y[chosen] == value).sum() - n * share) <= (1 + len(np.unique(y)) * share) / 2 + 1e-9
    assert np.array_equal(chosen, indices(Slice(split="test", stop=n, of=len(y), sample=seed), y))


def test_a_smaller_sample_is_part_of_a_larger_one() -> None:
    """So a longer look never contradicts a shorter one."""
    y = np.arange(200) % 7
    small, large = (indices(Slice(split="test", stop=n, of=200, sample=1), y) for n in (20, 90))
    assert set(small) <= set(large)


def test_the_sample_never_changes() -> None:
    chosen = indices(Slice(split="test", stop=6, of=40, sample=0), np.arange(40) % 3)
    assert chosen.tolist() == [0, 1, 2, 21, 25, 38]
