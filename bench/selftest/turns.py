"""Which attacks a model of the self-test is put through: the certificate, a strong one, and all others in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench import registry
from bench.attacks import attack_class, make_attack
from bench.attacks.base import Attack

SHORT: Mapping[str, Mapping[str, Any]] = {
    "pgd": {"screen": 10, "restarts": 1, "steps": 10},
    "apgd": {"steps": 15},
    "rays": {"queries": 100},
    "training-rays": {"queries": 100},
    "square": {"queries": 100},
    "fmn": {"steps": 30},
    "ddn": {"steps": 30},
    "fab": {"steps": 15},
    "carlini-wagner": {"searches": 3, "steps": 40, "step_size": 0.05},
    "lbfgs": {"searches": 5, "steps": 12},
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
