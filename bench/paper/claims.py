"""Claims: comparisons of measured numbers that a published result is held to where its digits are not met."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass

COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
NAME, NUMBER = r"[a-z][a-z0-9_-]*", r"[0-9]+(?:\.[0-9]+)?"
SIDE = rf"({NAME}(?: \+ {NUMBER})?|{NUMBER})"
COMPARISON = re.compile(rf"{SIDE} (>=|<=|>|<) {SIDE}")


@dataclass(frozen=True)
class Claim:
    """Comparisons that must all hold, such as `error >= 0.8 and error > noise + 0.1`."""

    comparisons: tuple[tuple[str, str, str], ...]
    """The left side, the sign and the right side of each."""

    @property
    def names(self) -> set[str]:
        """The measured numbers that it speaks of."""
        return {name for left, _, right in self.comparisons for name in re.findall(NAME, f"{left} {right}")}

    def holds(self, measured: Mapping[str, float]) -> bool | None:
        """Whether all comparisons hold; None where one of its numbers was not measured."""
        if not self.names <= measured.keys():
            return None
        return all(COMPARE[sign](_sum(left, measured), _sum(right, measured)) for left, sign, right in self.comparisons)


def parse(text: str) -> Claim:
    """The claim that a text states. Raises ValueError where it is no list of comparisons joined by `and`."""
    found: list[tuple[str, str, str]] = []
    for part in " ".join(text.split()).split(" and "):
        sides = COMPARISON.fullmatch(part)
        if sides is None:
            raise ValueError(f"{part!r} is no comparison such as error >= 0.8")
        found.append((sides[1], sides[2], sides[3]))
    return Claim(tuple(found))


def _sum(side: str, measured: Mapping[str, float]) -> float:
    return sum(measured[term] if term[0].isalpha() else float(term) for term in side.split(" + "))
