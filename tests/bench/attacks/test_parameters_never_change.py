"""Parameters are part of every result's identity: a new one, or another default, would lose the published records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import registry
from bench.attacks import make_attack
from bench.records.record import Cell

ROOT = Path(__file__).parents[3]
CLIMBING = {"loss": "training", "label": "true", "target": None}
DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {},
    "fgsm": CLIMBING,
    "iterated-fgsm": {**CLIMBING, "steps": 20, "step_ratio": 0.125},
    "rotation": {**CLIMBING, "degrees": 10.0},
    "gradient-aligned-subspace": {**CLIMBING, "directions": 1},
    "uniform-noise": {"draw": 0},
    "sign-noise": {"draw": 0},
    "gaussian-rubbish": {"draw": 0},
    "fooling": {"target": "each", "step": "sign", "step_size": 0.25, "steps": 1, "draw": 0},
    "rays": {"queries": 2000, "enough": 0.0, "draw": 0},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_of_published_attacks_stay(name: str) -> None:
    assert make_attack(name, {}).model_dump(mode="json") == DEFAULTS[name]


def published() -> Iterator[tuple[str, Cell]]:
    for path in sorted((ROOT / "results" / "cells").glob("*.json")):
        yield path.stem, Cell.model_validate(json.loads(path.read_text())["cell"])


def test_every_published_cell_would_be_planned_under_its_own_name() -> None:
    """Its attack, made again of its parameters and nothing else, has the same ones, and so the cell has the same id."""
    found = 0
    for name, cell in published():
        said = cell.craft.attack
        if said.name not in registry.names("attack"):
            continue
        dumped = make_attack(said.name, said.parameters).model_dump(mode="json")
        attack = said.model_copy(update={"parameters": dumped})
        again = cell.model_copy(update={"craft": cell.craft.model_copy(update={"attack": attack})})
        assert again.id == name, f"{said.name} {said.parameters}"
        found += 1
    assert found > 300
