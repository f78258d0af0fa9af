"""Plans of suites over models made by hand."""

from __future__ import annotations

from typing import Any

from handmade import model, suite_of, toy

from bench.planning.plan import expand
from bench.records.record import AttackId, Cell

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
