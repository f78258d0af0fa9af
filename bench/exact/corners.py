"""Coordinate ascent within a ball: an input that gives a rival the lead, and nearer ones.

All moves of a single feature are compared at once, exactly: a box that misses the input at hand in one feature alone is
what its tree gives when that feature moves there. The start is an input that the boxes of largest gain have in common,
as many of them as go together. It is a local search over leaves that differ in one feature, as that of Zhang, Zhang &
Hsieh 2020 (arXiv 2010.11598, LT-Attack) is one over leaf tuples that differ in one tree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from bench.exact.ball import Ball
from bench.exact.boxes import Floats, Ints, Sides

MOVES = 200
"""Moves of one climb, at most."""
TOGETHER = 8
"""Features that are moved at once, where that gains more than the best of them alone."""


def climbed(ball: Ball, x: Sides, limit: float, wrong: Callable[[Sides], bool], starts: list[Sides]) -> Sides | None:
    """`(f,)` values of the ball's features that are mislabelled; None where no start leads to any.

    Args:
        ball: the groups of boxes, in L_inf.
        x: `(f,)` the input in the ball's features.
        limit: leads below it are certainly none.
        wrong: whether an input with such values is mislabelled for certain.
        starts: where to climb from, inside the ball.
    """
    if not len(ball.start):
        return None
    group = np.repeat(np.arange(len(ball.start)), np.diff(np.append(ball.start, len(ball.gain))))
    for point in starts:
        for _ in range(MOVES):
            lead, moves = _moves(ball, group, point)
            if lead >= limit:
                near = _nearest(ball, point, x)
                found = next((each for each in (near, point) if wrong(each)), None)
                if found is not None:
                    return found
            if not moves:
                break
            point = _moved(ball, group, point, x, lead, moves)
    return None


def common(ball: Ball, x: Sides) -> Sides:
    """The input nearest to `x` that boxes of largest gain have in common, those of groups with most at stake first."""
    low, high = ball.floor.copy(), ball.ceiling.copy()
    if not len(ball.start):
        return np.clip(x, low, high)
    ends = np.append(ball.start[1:], len(ball.gain))
    stake = np.maximum.reduceat(ball.gain, ball.start) - np.minimum.reduceat(ball.gain, ball.start)
    for group in np.argsort(-stake, kind="stable"):
        rows = slice(ball.start[group], ends[group])
        meets = ((ball.low[rows] <= high) & (ball.high[rows] >= low)).all(1)
        if meets.any():  # so it is, but for the corners that rounding outward adds
            best = ball.start[group] + int(np.where(meets, ball.gain[rows], -np.inf).argmax())
            low, high = np.maximum(low, ball.low[best]), np.minimum(high, ball.high[best])
    return np.clip(x, low, high)


def narrowed(ball: Ball, x: Sides, size: float) -> Ball:
    """What a smaller ball leaves of it."""
    wide = x.astype(np.float64)
    floor = np.maximum(ball.floor, _inward(wide - size, np.inf))
    ceiling = np.minimum(ball.ceiling, _inward(wide + size, -np.inf))
    low, high = np.maximum(ball.low, floor), np.minimum(ball.high, ceiling)
    kept = (low <= high).all(1)
    group = np.repeat(np.arange(len(ball.start)), np.diff(np.append(ball.start, len(ball.gain))))[kept]
    return replace(ball, low=low[kept], high=high[kept], gain=ball.gain[kept], floor=floor, ceiling=ceiling,
                   start=np.flatnonzero(np.diff(group, prepend=-1)))  # fmt: skip


def _inward(values: Floats, towards: float) -> Sides:
    """Float32 numbers not below, or not above."""
    near = values.astype(np.float32)
    short = near < values if towards > 0 else near > values
    return np.where(short, np.nextafter(near, np.float32(towards)), near)


def _moves(ball: Ball, group: Ints, point: Sides) -> tuple[float, list[tuple[float, int, float, float]]]:
    """The lead at a point, and for each feature that it pays to move the gain, the place and the values to move to."""
    missed = (point < ball.low) | (point > ball.high)
    count = missed.sum(1)
    now = np.maximum.reduceat(np.where(count == 0, ball.gain, -np.inf), ball.start)
    one = np.flatnonzero(count == 1)
    place = missed[one].argmax(1)
    gain = ball.gain[one] - now[group[one]]
    places = np.concatenate([place, place])
    after = np.nextafter(ball.high[one, place], np.float32(np.inf))
    at = np.concatenate([ball.low[one, place], after])
    order = np.lexsort((at, places))
    places, at = places[order], at[order]
    sums = np.concatenate([gain, -gain])[order].cumsum()
    last = np.append((np.diff(places) != 0) | (np.diff(at) != 0), True)[: len(at)]  # all that happens there is in it
    places, at, sums = places[last], at[last], sums[last]
    moves = []
    for begin, end in _runs(places):
        best = begin + int(sums[begin:end].argmax())
        if sums[best] > 1e-12 and best + 1 < end:  # the last sum is 0
            to = float(np.nextafter(at[best + 1], np.float32(-np.inf)))
            moves.append((float(sums[best]), int(places[best]), float(at[best]), to))
    return ball.constant + float(now.sum()), sorted(moves, key=lambda move: -move[0])


def _runs(values: Ints) -> list[tuple[int, int]]:
    return list(pairwise([*np.flatnonzero(np.diff(values, prepend=-1)).tolist(), len(values)]))


def _moved(ball: Ball, group: Ints, point: Sides, x: Sides, lead: float,
           moves: list[tuple[float, int, float, float]]) -> Sides:  # fmt: skip
    """Several features moved, or the best alone."""
    many = min(TOGETHER, len(moves))
    while True:
        there = point.copy()
        for _, place, low, high in moves[:many]:
            there[place] = min(max(x[place], low), high)
        if many == 1 or _lead(ball, there) >= lead + moves[0][0]:
            return there
        many //= 2


def _holding(ball: Ball, point: Sides) -> Floats:
    held = ((point >= ball.low) & (point <= ball.high)).all(1)
    return np.where(held, ball.gain, -np.inf)


def _lead(ball: Ball, point: Sides) -> float:
    return ball.constant + float(np.maximum.reduceat(_holding(ball, point), ball.start).sum())


def _nearest(ball: Ball, point: Sides, x: Sides) -> Sides:
    """The input nearest to `x` that falls into the same boxes."""
    held = _holding(ball, point)
    top = held == np.maximum.reduceat(held, ball.start)[np.repeat(
        np.arange(len(ball.start)), np.diff(np.append(ball.start, len(held))))]  # fmt: skip
    low, high = ball.low[top].max(0), ball.high[top].min(0)
    return np.clip(x, low, np.maximum(low, high))
