"""Which attacks a model of the self-test is put through: the certificate, a strong one, and all others in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench import registry
from bench.attacks import attack_class, make_attack
from bench.attacks.base import Attack

SHORT: Mapping[str, Mapping[str, Any]] = {
    "pgd": {"screen": 6, "restarts": 1, "steps": 8},
    "apgd": {"steps": 10},
    "rays": {"queries": 80},
    "training-rays": {"queries": 80},
    "square": {"queries": 60},
    "corners": {"queries": 200},
    "hopskipjump": {"queries": 200, "directions": 20},
    "fmn": {"steps": 20},
    "ddn": {"steps": 20},
    "fab": {"steps": 8},
    "carlini-wagner": {"searches": 3, "steps": 20, "step_size": 0.1},
    "lbfgs": {"searches": 4, "steps": 8},
}
"""Parameters of a short run, where the defaults are long; of few features these are enough."""
CLIMBING = ("pgd", "apgd")
"""One of these finds what a family's attacks have to find, where there is a gradient that leads somewhere,"""
ASKING = ("rays", "training-rays")
"""or else one of these."""
ROLES = ("gradient", "minimum-norm", "query", "noise")


def attacks_of(turn: int, norm: str, gradient: str, sizes: Sequence[float], *, leads: bool) -> list[Attack]:
    """What a model is put through: over many turns all attacks of the registry that it can take, other packages' too.

    Args:
        turn: number of the model.
        norm: of the threat.
        gradient: of the model.
        sizes: those that certificates try where there is no closed form.
        leads: whether the gradient leads somewhere, and the model can be opened.
    """
    strong, others = [], []
    for name in _able(norm, gradient):
        if name in (CLIMBING if leads else ASKING):
            strong.append(name)
        elif name not in (*CLIMBING, *ASKING) or not leads:
            others.append(name)
    taken = [each[turn % len(each)] for each in (strong, others) if each]
    made = [make_attack(name, SHORT.get(name, {})) for name in taken]
    return [make_attack("worst-case", {"sizes": tuple(sizes)}), *made] if leads else made


def _able(norm: str, gradient: str) -> Iterator[str]:
    for name in registry.names("attack"):
        kind = attack_class(name)
        if norm in kind.norms and kind.role in ROLES and (kind.needs != "gradient" or gradient != "none"):
            yield name
