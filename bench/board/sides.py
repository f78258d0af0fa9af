"""One side of a comparison: a model on a board, and what became of each example under whatever was asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.attacks.base import Role
from bench.board.brackets import brackets
from bench.board.losses import JOINED, by_several, kept
from bench.board.measured import Measured, Status
from bench.board.ranking import Worst, worst_cases
from bench.board.rows import Row, asked_of
from bench.board.versions import REFITTED
from bench.board.view import View
from bench.planning.suite import RankBy
from bench.records.record import ModelInfo

What = Literal["clean", "worst", "certified", "attack"]
Key = tuple[object, ...]


@dataclass(frozen=True)
class Side:
    """A model as a board shows it."""

    view: View
    head: Row
    """Any of its rows: they all tell its rank, flags and fingerprint."""
    called: str
    """What people call it, such as `before:mine`."""

    @property
    def name(self) -> str:
        return self.head.model

    @property
    def model(self) -> ModelInfo:
        return self.view.of(self.name)[0].target

    @property
    def suite(self) -> str:
        """Such as `mnist-fgsm v2`."""
        return f"{self.view.suite.suite} v{self.view.suite.version}"


@dataclass(frozen=True)
class Question:
    """What was asked of a model, in the words of a board's row."""

    what: What
    attack: str
    role: Role | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    special: dict[str, Any] = field(default_factory=dict)
    norm: str | None = None
    eps: float | None = None
    clip: bool | None = None
    source: str | None = None
    """Another model that the candidates were crafted on."""
    n: int = 0
    """Examples; 0 where there is no answer."""


@dataclass(frozen=True)
class Outcome:
    """What came of one question, example by example."""

    question: Question
    status: Status
    reason: str | None
    slices: tuple[object, ...] = ()
    source: str | None = None
    """Fingerprint of the other model that the candidates were crafted on."""
    index: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """`(n,)` positions in the split, ascending."""
    success: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    """`(n,)` right when clean, and right, or proved to be, under whatever was asked."""
    right: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    """`(n,)` right when clean."""
    by: tuple[Measured, ...] = ()
    """The rows that it is read from, the clean pass first."""


def outcomes(side: Side) -> dict[Key, Outcome]:
    """By what was asked: the clean pass, the ranked column, what is certified, then attack by attack."""
    return {key: found for key, found in _all(side) if found is not None}


def _all(side: Side) -> Iterator[tuple[Key, Outcome | None]]:
    view, rows = side.view, side.view.of(side.name)
    passes = [row for row in rows if row.made.role == "clean"]
    if passes:  # that of a check on a sample is part of the whole one
        yield ("clean",), _clean(max(passes, key=lambda row: sum(cell.craft.slice.n for cell in row.cells)))
    by = view.suite.rank_by
    if by is not None:
        worst = worst_cases(view).get(side.name)
        yield ("worst", by.eps), _worst(rows, by, worst)
        sizes = {found.by.eps: found for found in brackets(view, side.model)}
        yield from ((("worst", eps), _worst(rows, at.by, at.worst)) for eps, at in sizes.items())
        proved: list[tuple[RankBy, Worst | None]] = [(at.by, at.worst) for at in sizes.values()]
        yield from ((("certified", size.eps), _certified(rows, size, found)) for size, found in proved or [(by, worst)])
    for group in by_several(rows):
        yield (*_key(group[0]), JOINED), _attacked(view, group, joined=True)
    for row in rows:
        if row.made.role not in ("clean", "certificate") and (row.eps is not None or not row.made.measures):
            yield _key(row), _attacked(view, [row])


def _key(row: Measured) -> Key:
    return (*asked_in(row), row.entry.n)


def asked_in(row: Measured) -> Key:
    """What a row asks of its target, over however many examples."""
    attack = row.cell.craft.attack.model_dump_json()
    return attack, row.threat, row.cell.criterion, foreign(row), row.cell.craft.seed


def foreign(row: Measured) -> str | None:
    """The name of another model that a row's candidates were crafted on, whatever version of it."""
    return None if row.source is None or row.cell.white_box else row.source.name.removesuffix(REFITTED)


def _clean(row: Measured) -> Outcome:
    question = Question("clean", "clean", "clean", n=row.n)
    if row.status != "ok":
        return Outcome(question, row.status, row.reason, row.slices)
    right = np.asarray(row.predicted == row.true)
    return Outcome(question, "ok", None, row.slices, None, row.index, right, right, (row,))


def _worst(rows: list[Measured], by: RankBy, worst: Worst | None) -> Outcome:
    """The pointwise worst case within a threat."""
    question = Question("worst", "worst-of-all", norm=by.norm, eps=by.eps, clip=by.clip)
    if worst is None:
        return Outcome(question, "missing", "nothing attacked it")
    if worst.status != "ok":
        return Outcome(question, worst.status, worst.reason)
    clean = max((row for row in rows if row.made.role == "clean"), key=lambda row: row.n)
    right = np.asarray(clean.predicted == clean.true)[np.searchsorted(clean.index, worst.index)]
    question = _with_n(question, len(worst.index))
    return Outcome(question, "ok", None, clean.slices, None, worst.index, worst.robust, right, (clean, *worst.by))


def _certified(rows: list[Measured], by: RankBy, worst: Worst | None) -> Outcome | None:
    """What is proved within a threat; None where nothing certifies."""
    if worst is None or worst.status != "ok" or worst.certified is None:
        return None
    attacked = _worst(rows, by, worst)
    question = Question("certified", "certified", norm=by.norm, eps=by.eps, clip=by.clip, n=len(worst.index))
    safe = worst.certified.mask & worst.robust
    return Outcome(question, "ok", None, attacked.slices, None, attacked.index, safe, attacked.right)


def _attacked(view: View, group: list[Measured], joined: bool = False) -> Outcome:
    row = next((row for row in group if row.status != "ok"), group[0])
    told: Mapping[str, Any] = asked_of(row)
    names = ("attack", "role", "norm", "eps", "clip", "parameters", "special")
    question = Question("attack", source=foreign(row), **{name: told[name] for name in names})
    if joined:
        loss = {"loss": JOINED}
        parts = {"parameters": question.parameters | loss, "special": question.special | loss}
        question = Question(**{**vars(question), **parts, "role": None})
    source = row.source.fingerprint if row.source is not None and not row.cell.white_box else None
    clean = view.clean_of(row)
    if row.status != "ok":
        return Outcome(question, row.status, row.reason, row.slices, source)
    if row.made.generates:
        return Outcome(question, "unsupported", None, row.slices)
    if clean is None:
        return Outcome(question, "missing", "no clean pass over the same examples", row.slices, source)
    counted = np.all([each.counted for each in group], axis=0)
    right = np.asarray(clean.predicted == clean.true)
    success = kept(view, group, clean)[counted]
    question = _with_n(question, int(counted.sum()))
    by = (clean, *group)
    return Outcome(question, "ok", None, row.slices, source, row.index[counted], success, right[counted], by)


def _with_n(question: Question, n: int) -> Question:
    return Question(**{**vars(question), "n": n})
