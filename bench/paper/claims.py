"""Claims: comparisons of measured numbers that a published result is held to where its digits are not met."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass

COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}

_NAME, _NUMBER = r"[a-z][a-z0-9_-]*", r"[0-9]+(?:\.[0-9]+)?"
_TERM = re.compile(rf"(?P<name>{_NAME})(?: \+ (?P<plus>{_NUMBER}))?|(?P<number>{_NUMBER})")
_COMPARISON = re.compile(r"(?P<left>.+?) (?P<sign>>=|<=|>|<) (?P<right>.+)")


@dataclass(frozen=True)
class Term:
    """A measured number by its name, plus a constant; or the constant alone."""

    name: str | None
    constant: float

    def value(self, measured: Mapping[str, float]) -> float:
        """Raises KeyError where the number was not measured."""
        return self.constant if self.name is None else measured[self.name] + self.constant


@dataclass(frozen=True)
class Claim:
    """Comparisons that must all hold, such as `error >= 0.8 and error > noise + 0.1`."""

    text: str
    comparisons: tuple[tuple[Term, str, Term], ...]

    @property
    def names(self) -> set[str]:
        """The measured numbers that it speaks of."""
        return {term.name for left, _, right in self.comparisons for term in (left, right) if term.name}

    def holds(self, measured: Mapping[str, float]) -> bool | None:
        """Whether all comparisons hold; None where one of its numbers was not measured."""
        if not self.names <= measured.keys():
            return None
        return all(COMPARE[sign](left.value(measured), right.value(measured)) for left, sign, right in self.comparisons)


def parse(text: str) -> Claim:
    """The claim that a text states.

    Raises:
        ValueError: the text is no list of comparisons joined by `and`.
    """
    comparisons = []
    for part in text.split(" and "):
        found = _COMPARISON.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"{part!r} is no comparison such as error >= 0.8")
        comparisons.append((_term(found["left"]), found["sign"], _term(found["right"])))
    return Claim(text, tuple(comparisons))


def _term(text: str) -> Term:
    found = _TERM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is neither the name of a number nor a number")
    return Term(found["name"], float(found["number"] or found["plus"] or 0))
