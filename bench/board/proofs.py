"""Certificates on a board: what they prove within a threat, and how every attack on the board holds them to account.

A certificate says of an example how far around it nothing is mislabelled. Whatever else attacked the model is a test of
that: one candidate nearer than the radius that is mislabelled, and the certificate is wrong, and with it the program
that made it. Then none of its numbers counts, and the model has no worst case until it is mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.board.measured import Measured, misnamed, mistaken
from bench.threats import Threat

CHANCE = 1e-6
"""Probability below which it is no chance that so many examples contradict a proof that may be wrong."""


@dataclass(frozen=True)
class Safe:
    """What certificates prove within a threat."""

    mask: NDArray[np.bool_]
    """`(n,)` the examples."""
    risk: float
    """Probability that the proof of an example is wrong, at most."""


def held_to_account(rows: Sequence[Measured]) -> list[Measured]:
    """The rows, those certificates an error that an attack on the same model, of whatever sort, contradicts.

    Args:
        rows: as they were run, no minimum-norm attack held to a size yet.
    """
    if not any(_proves(row) for row in rows):
        return list(rows)
    clean = {(row.target.name, row.slices): row for row in rows if row.made.role == "clean" and row.status == "ok"}
    attacks: dict[str, list[Measured]] = {}
    for row in rows:
        if row.status == "ok" and not row.made.generates:
            attacks.setdefault(row.target.name, []).append(row)
    return [_judged(row, attacks, clean.get((row.target.name, row.slices))) if _proves(row) else row for row in rows]


def certified(
    rows: Iterable[Measured], allowed: Threat, index: NDArray[np.int64], right: NDArray[np.bool_]
) -> Safe | None:
    """The examples right when clean of which some certificate proves that they stay so within a threat.

    None where nothing certifies: no certificate in the norm, or none that decides a single example.

    Args:
        rows: of one model.
        allowed: with a size.
        index: `(n,)` the examples' positions in their split; a certificate that does not cover them all is left out.
        right: `(n,)` which of them are right when clean.
    """
    found = None
    for row, radius in _counting(rows, allowed, index, right):
        safe = right & (radius >= (allowed.eps or 0.0))
        mask, risk = (found.mask, found.risk) if found else (np.zeros_like(safe), 0.0)
        found = Safe(mask | safe, max(risk, row.risk if safe.any() else 0.0))
    return found


def _counting(
    rows: Iterable[Measured], allowed: Threat, index: NDArray[np.int64], right: NDArray[np.bool_]
) -> Iterator[tuple[Measured, NDArray[np.float64]]]:
    """The certificates that say something of these examples within a threat, with `(n,)` radii."""
    for row in rows:
        if row.eps is None and _proves(row) and _reaches(allowed, row.cell.threat) and np.isin(index, row.index).all():
            places = np.searchsorted(row.index, index)
            radius, exact = row.radius[places], row.exact[places]
            if not right.any() or (right & ((radius > 0) | exact)).any():
                yield row, radius.astype(np.float64)


def _proves(row: Measured) -> bool:
    return row.made.proves and row.status == "ok"


def _reaches(threat: Threat, proved: Threat) -> bool:
    """Whether what is proved within a norm and a range, whatever size, is proved of the inputs of another threat."""
    return threat.norm == proved.norm and (proved.clip is None or threat.clip == proved.clip)


def _judged(proof: Measured, attacks: dict[str, list[Measured]], clean: Measured | None) -> Measured:
    if clean is None:
        return proof  # no worst case without the clean pass, and so nothing that counts
    for row in attacks[proof.target.name]:
        wrong = _contradicted(proof, row, clean)
        if len(wrong):
            name, size = row.made.name, "" if row.cell.threat.eps is None else f" of {row.cell.threat.eps:g}"
            where = f" from {row.source.name}" if row.source and row.source.name != row.target.name else ""
            told = f"{len(wrong)} examples" if len(wrong) > 1 else "an example"
            reason = f"wrong certificate, an error of ours: {name}{size}{where} fools {told} within the proved radius"
            return replace(proof, status="error", reason=f"{reason}, such as number {wrong[0]}")
    return proof


def _contradicted(proof: Measured, row: Measured, clean: Measured) -> NDArray[np.int64]:
    """Positions of the examples that a row's attack fools no farther away than is proved to be safe."""
    if row.made.role != "clean" and not _reaches(row.cell.threat, proof.cell.threat):
        return np.zeros(0, dtype=np.int64)
    index, ours, theirs = np.intersect1d(proof.index, row.index, assume_unique=True, return_indices=True)
    # What is drawn may abstain where what it is an estimate of does not: that contradicts no proof of the latter.
    wrong = (misnamed if proof.risk else mistaken)(row.predicted[theirs], clean.true[ours])
    if row.made.role == "clean":
        size: NDArray[np.float64] = np.zeros(len(index))
    elif row.cell.threat.eps is None:
        size = row.distance[theirs].astype(np.float64)
    else:
        size = np.full(len(index), row.cell.threat.eps)
    radius = proof.radius[ours].astype(np.float64)
    held = (radius > 0) & (size <= radius) & np.isfinite(size)
    beyond: NDArray[np.int64] = index[wrong & held]
    if proof.risk and _is_chance(len(beyond), int(held.sum()), proof.risk * (2 + _asked(row))):
        return index[:0]
    return beyond


def _is_chance(wrong: int, of: int, each: float) -> bool:
    """Whether so many examples may be wrong where each is with at most that probability."""
    from scipy.special import bdtrc

    return wrong <= of * each or float(bdtrc(wrong - 1, of, min(each, 1.0))) >= CHANCE


def _asked(row: Measured) -> float:
    """How often the model was asked about an example: the oftener, the likelier it is that some answer is wrong."""
    costs = [result.costs for result in row.results if result.costs is not None]
    return sum(cost.queries + cost.forwards + cost.gradients for cost in costs) / max(row.n, 1)
