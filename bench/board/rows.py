"""The leaderboard as data: a row for every attack on every model, and the ranking. A pure function of the view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.attacks.base import Role
from bench.board.brackets import Bracket, brackets, ends
from bench.board.flags import NOT_STARTED, Said, said
from bench.board.generated import generated
from bench.board.losses import JOINED, by_several, fooled, kept
from bench.board.measured import Measured, Status, mistaken
from bench.board.proofs import certified
from bench.board.ranking import Standing, Worst, standings, worst_cases
from bench.board.statistics import share, wilson
from bench.board.transfer import Transfer, transfer
from bench.board.view import View
from bench.planning.suite import RankBy
from bench.records.record import ModelInfo
from bench.records.verdicts import Level, least

WORST = "worst-of-all"
"""Name of the row that a model is ranked by: the pointwise worst of all attacks within the suite's threat."""
BRACKET = "bracket"
"""Name of the rows that say the same of every size, in suites that ask for certificates."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of results. Rates are shares in [0, 1]; None where a number does not apply or is not known."""

    suite: str
    version: int
    model: str
    family: str
    attack: str
    role: Role | None = None
    """None for the pointwise worst of several attacks: for the row that a model is ranked by, and for attacks that a
    suite runs by several losses, of which `parameters` say `worst-of-losses`."""
    title: str = ""
    """How boards head the attack's columns."""
    single_step: bool = False
    """Whether the attack goes by one gradient."""
    parameters: dict[str, Any] | None = None
    special: dict[str, Any] = field(default_factory=dict)
    """The parameters that are not at the attack's defaults."""
    norm: str | None = None
    eps: float | None = None
    clip: bool | None = None
    threshold: float | None = None
    """Probability that counts as confident, of generated inputs."""
    source: str | None = None
    target: str
    n: int
    status: Status
    reason: str | None = None
    clean_accuracy: float | None = None
    error: float | None = None
    """Share of all examples labelled wrongly; of generated inputs, the share on which the criterion holds: rubbish that
    the model is confident about, fooling images that it takes for their goal."""
    robust_accuracy: float | None = None
    """Share right on the clean input and on every candidate of this attack within eps."""
    ci_low: float | None = None
    ci_high: float | None = None
    certified: float | None = None
    """Share right on the clean input and proved to stay so within eps; None where nothing certifies, which is not 0."""
    certified_low: float | None = None
    certified_high: float | None = None
    certified_risk: float | None = None
    """Probability that the proof of an example is wrong, at most; None where it is certain."""
    open: float | None = None
    """Share that no attack fools and nothing certifies: robust accuracy less the certified one."""
    decided_by: str | None = None
    """Of a bracket, the attack that by itself fools most."""
    costs: dict[str, float] | None = None
    """Of a bracket, what its attacks took of an example: gradients, queries, forwards, seconds."""
    attack_success: float | None = None
    """Share fooled among those right on the clean input."""
    median_distance: float | None = None
    """Of a minimum-norm attack; None where it found nothing for most."""
    abstention: float | None = None
    confidence: float | None = None
    """Mean probability of the class given."""
    confidence_on_mistakes: float | None = None
    mistakes: int | None = None
    """How many these are."""
    confidence_kind: str | None
    gradient: str
    source_gradient: str | None = None
    flags: list[str]
    rank: int | None
    """Among the suite's own models alone."""
    place: str | None = None
    """Of a guest, where it stands among these: `between 3 and 4`, by tests of its own."""
    order: float | None = None
    """What boards are sorted by, before robust accuracy: the rank, and of guests what their place comes to."""
    unranked: str | None
    """Why the model can have no rank, whatever its robust accuracy; None where it may have one."""
    tests: int
    """How often one attack on the model was held against another, for its flags."""
    older_versions: int
    """How many other versions of the model the records hold."""
    versions_tried: int
    """How many there are with the one shown: the best of many tries flatters."""
    fingerprint: str
    effort: str | None
    """How short a training the model had; None where it was no quick one."""
    cells: list[str] = field(default_factory=list)
    """Ids of the records that the row is read from, one a slice; `bench show` takes them."""
    transfer: Transfer | None = None
    success_classes: list[int] | None = None
    class_n: list[int] | None = None
    """Of generated inputs with a goal, how many had each class for one."""
    class_success: list[float | None] | None = None
    """The share of these that reached it; None for a class that was no goal."""
    mean_class_success: float | None = None
    """Mean of these over the classes."""
    beyond_margin: float | None = None
    """Rubbish whose score margin reaches the model's own median on clean images that it has right."""
    verdict: Level | None = None
    """The least that `bench verify` found of the records behind the row; None where it never looked at any."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def rows(view: View) -> list[Row]:
    """All rows of a suite: for every model first the one it is ranked by, then every attack on it."""
    against = {target.name: _said(view, target) for target in view.targets()}
    worst = worst_cases(view)
    stands = standings(view, worst, [name for name, found in against.items() if found.unranked is not None])
    result = []
    for target in view.targets():
        common: dict[str, Any] = {
            "suite": view.suite.suite,
            "version": view.suite.version,
            "model": target.name,
            "target": target.name,
            **target.model_dump(include={"family", "gradient", "confidence_kind", "fingerprint", "effort"}),
            **vars(against[target.name]),
            **_stands(stands.get(target.name, Standing())),
            "older_versions": view.older(target.name),
            "versions_tried": view.older(target.name) + 1,
        }
        if view.suite.rank_by and target.name in worst:
            result.append(Row(**common, **dict(_ranked_by(view.suite.rank_by, worst[target.name]))))
        result += [Row(**common, **dict(_bracket(each))) for each in brackets(view, target)]
        measured = view.of(target.name)
        result += [Row(**common, **asked_of(row), **dict(_found(view, row))) for row in measured]
        result += [Row(**common, **dict(_joined(view, group))) for group in by_several(measured)]
    return [_verified(view, row, result) for row in result] if view.verdicts else result


def _verified(view: View, row: Row, rows: Sequence[Row]) -> Row:
    """The row with its verdict: one that no cell stands behind is made of all of its model's."""
    cells = row.cells or [id for each in rows if each.fingerprint == row.fingerprint for id in each.cells]
    return replace(row, verdict=least(view.verdicts.get(id, "self-reported") for id in cells))


def _stands(found: Standing) -> dict[str, Any]:
    return {"rank": found.rank, "place": found.place, "order": None if np.isinf(found.order) else found.order}


def _said(view: View, target: ModelInfo) -> Said:
    """What is said against a model: findings that its clean cells carry, and what its rows show together."""
    clean = [result for row in view.of(target.name) if row.made.role == "clean" for result in row.results]
    more = ["labels-only"] if target.gradient == "none" else []
    more += [NOT_STARTED] if view.outdated(target.name) is not None else []
    return said(view, target.name, [flag for result in clean for flag in result.flags] + more)


def _ranked_by(by: RankBy, worst: Worst) -> Iterator[tuple[str, Any]]:
    n, robust = len(worst.robust), int(worst.robust.sum())
    yield from {"attack": WORST, "norm": by.norm, "eps": by.eps, "clip": by.clip, "n": n}.items()
    yield from (("status", worst.status), ("reason", worst.reason), ("clean_accuracy", share(worst.right, n)))
    if worst.status == "ok":
        yield "error", 1 - robust / n
        yield from _robust(robust, n)
        yield "attack_success", share(worst.right - robust, worst.right)
        yield from ends(worst)


def _bracket(found: Bracket) -> Iterator[tuple[str, Any]]:
    yield from (dict(_ranked_by(found.by, found.worst)) | {"attack": BRACKET}).items()
    yield "decided_by", found.decided_by
    yield "costs", found.costs


def _joined(view: View, group: Sequence[Measured]) -> Iterator[tuple[str, Any]]:
    """An attack by several losses."""
    asked = asked_of(next((row for row in group if row.status != "ok"), group[0]))
    for name in ("parameters", "special"):
        asked[name] = asked[name] | {"loss": JOINED}
    yield from (asked | {"role": None, "cells": [cell.id for row in group for cell in row.cells]}).items()
    clean, n = view.clean_of(group[0]), asked["n"]
    if clean is not None:
        right = clean.predicted == clean.true
        yield "clean_accuracy", float(right.mean())
        if asked["status"] == "ok" and n:
            wrong = fooled(group, clean)
            yield "error", int(wrong.sum()) / n
            yield from _robust(int(kept(view, group, clean).sum()), n)
            yield "attack_success", share(int((wrong & right).sum()), int(right.sum()))


def asked_of(row: Measured) -> dict[str, Any]:
    """What was asked, and whether there is an answer."""
    attack, parameters, threat = row.made, row.cell.craft.attack.parameters, row.threat
    defaults = type(attack).model_fields
    return {
        "attack": attack.name,
        "role": attack.role,
        "title": attack.title or attack.name,
        "single_step": attack.single_step,
        "parameters": parameters,
        "special": {key: value for key, value in parameters.items() if value != _plain(defaults[key].default)},
        "norm": threat.norm,
        "eps": threat.eps,
        "clip": None if threat.norm is None else threat.clip is not None,
        "threshold": row.cell.criterion.bar,
        "source": row.source and row.source.name,
        "source_gradient": row.source and row.source.gradient,
        "cells": [cell.id for cell in row.cells],
        "n": row.n,
        "status": row.status,
        "reason": row.reason,
    }


def _plain(default: Any) -> Any:
    """A parameter's default as records hold it."""
    return list(default) if isinstance(default, tuple) else default


def _found(view: View, row: Measured) -> Iterator[tuple[str, Any]]:
    """The numbers."""
    clean = view.clean_of(row)
    if clean:
        yield "clean_accuracy", float((clean.predicted == clean.true).mean())
    if row.status != "ok":
        return
    if row.n:
        yield "abstention", int(((row.predicted < 0) & row.counted).sum()) / row.n
    if row.eps is None:
        yield "confidence", row.mean("confidence")
        yield "confidence_on_mistakes", row.mean("confidence_on_mistakes")
        yield "mistakes", row.total("successes" if row.cell.criterion.asks_confidence else "errors")
    if row.n == 0:
        return
    if row.made.generates:
        yield from generated(row, clean)
    elif clean is None:
        yield "error", (row.total("errors") + row.total("abstentions")) / row.n
    else:
        yield from _attacked(view, row, clean)
        yield "transfer", transfer(view, row, clean)


def _attacked(view: View, row: Measured, clean: Measured) -> Iterator[tuple[str, Any]]:
    """Rates of an attack on labelled examples."""
    right = (clean.predicted == clean.true) & row.counted
    wrong = mistaken(row.predicted, clean.true) & row.counted
    aims = row.goal is not None and row.cell.criterion.kind == "targeted"
    success = (row.predicted == row.goal) & row.counted if aims else wrong
    robust = kept(view, [row], clean) & row.counted
    yield "error", int(wrong.sum()) / row.n
    yield from _robust(int(robust.sum()), row.n)
    yield "attack_success", share(int((success & right).sum()), int(right.sum()))
    if row.made.proves and row.eps is not None:
        yield from _proved(row, clean, robust)
    if row.made.measures and row.eps is None:
        median = float(np.median(row.distance[row.counted]))
        yield "median_distance", median if np.isfinite(median) else None


def _proved(row: Measured, clean: Measured, robust: NDArray[np.bool_]) -> Iterator[tuple[str, Any]]:
    """What a certificate comes to by itself at a size."""
    right = clean.predicted == clean.true
    safe = certified([replace(row, eps=None)], row.threat, row.index, right)
    yield from ends(Worst(row.index, robust, int(right.sum()), True, "ok", None, safe))


def _robust(robust: int, n: int) -> Iterator[tuple[str, Any]]:
    yield "robust_accuracy", robust / n
    yield from zip(("ci_low", "ci_high"), wilson(robust, n), strict=True)
