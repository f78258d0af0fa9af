"""Identities of planned cells, which must never change."""

from __future__ import annotations

import pytest
from handmade import cell
from planned import FGSM, A, B, planned

from bench.records.identity import canonical
from bench.records.record import AttackId, Slice
from bench.threats import Criterion, Threat

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
