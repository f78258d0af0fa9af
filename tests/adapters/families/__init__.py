"""The compiled estimators that the tests go through, family by family.

Each family's file has `CASES` (name -> `Case`: fitted on digits), `SMALL` (name -> estimator: fitted on random small
problems) and `REFUSED` (part of the message -> fitted estimator that is not compiled).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from families import (
    boosters,
    boosting,
    compositions,
    discriminant,
    linear,
    mlp,
    naive_bayes,
    neighbors,
    pipelines,
    svm,
    trees,
)
from families.case import Case

_FAMILIES: tuple[Any, ...] = (
    linear,
    discriminant,
    naive_bayes,
    svm,
    neighbors,
    mlp,
    trees,
    boosting,
    pipelines,
    boosters,
    compositions,
)

CASES: dict[str, Case] = {name: case for family in _FAMILIES for name, case in family.CASES.items()}
SMALL: dict[str, Callable[[], Any]] = {name: make for family in _FAMILIES for name, make in family.SMALL.items()}
REFUSED: dict[str, Callable[[], Any]] = {text: make for family in _FAMILIES for text, make in family.REFUSED.items()}
