"""What is drawn, as numbers for the templates: bars with intervals, curves and brackets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from bench.board.rows import BRACKET, Row
from bench.report.layout import percent
from bench.report.page.gallery import LINES, MOST

COLOURS = 8
"""Colours of curves, for guests first; what more models there are is drawn in grey until it is looked at."""
APART = 15
"""Between the names at the ends of curves, one below the other."""


@dataclass(frozen=True)
class Frame:
    """The size of a drawing, and the margins around the curves; names stand in the right one."""

    called: str
    width: int
    height: int
    left: int
    right: int
    letters: int
    """Of a name that there is room for."""
    top: int = 12
    bottom: int = 40

    def x(self, eps: float, far: float) -> float:
        return self.left + (self.width - self.right - self.left) * eps / far

    def y(self, share: float) -> float:
        return self.top + (self.height - self.bottom - self.top) * (1 - share)


FRAMES = (Frame("wide", 776, 360, 44, 184, 24), Frame("narrow", 380, 320, 38, 118, 14))
"""For a screen and for a phone."""


@dataclass(frozen=True)
class Bar:
    """A rate in percent of the width, with its interval; `whole` is what it is a part of, such as clean accuracy."""

    value: float
    low: float | None = None
    high: float | None = None
    whole: float | None = None

    @property
    def classes(self) -> str:
        """Such as `v69 l67 h71 w190`, which `scale` gives meaning to: a background, so that a table of thousands of
        bars holds no more elements than one without.
        """
        told = [f"v{_step(self.value)}"]
        if self.low is not None and self.high is not None:
            low = _step(self.low)
            told += [f"l{low}", f"h{max(low + 1, _step(self.high))}"]
        return " ".join([*told, *([f"w{_step(self.whole)}"] if self.whole is not None else [])])


STEPS = 200
"""Of a bar's length: finer than the pixels of a column."""


def _step(percent: float) -> int:
    return round(percent * STEPS / 100)


def scale() -> str:
    """The style sheet that says what the classes of bars and of places on sheets of pictures mean."""
    bars = (f".{name}{step}{{--{name}:{100 * step / STEPS:g}%}}\n" for name in "vlhw" for step in range(STEPS + 2))
    columns = (f".x{place}{{left:{-100 * place}%}}\n" for place in range(MOST))
    return "".join([*bars, *columns, *(f".y{place}{{top:{-100 * place}%}}\n" for place in range(LINES))])


def bar(row: Row | None, *, of_clean: bool = False) -> Bar | None:
    """The robust accuracy of a row."""
    if row is None or row.robust_accuracy is None:
        return None
    whole = _hundred(row.clean_accuracy) if of_clean and row.clean_accuracy is not None else None
    low, high = (None if end is None else _hundred(end) for end in (row.ci_low, row.ci_high))
    return Bar(_hundred(row.robust_accuracy), low, high, whole)


def _hundred(share: float) -> float:
    return round(100 * share, 2)


@dataclass(frozen=True)
class Line:
    """The curve of a model."""

    model: str
    colour: int | None
    own: bool
    """Of a guest: of somebody who looks for it among the suite's models."""
    points: Sequence[tuple[float, float, str]]
    """Places on the drawing, with what each says."""
    label: float
    """Height of the name at the line's end."""
    named: bool
    """Whether there is room for the name before anybody asks for it."""

    @property
    def path(self) -> str:
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in self.points)


@dataclass(frozen=True)
class Drawing:
    """Curves within a frame."""

    frame: Frame
    lines: Sequence[Line]
    ticks: Sequence[tuple[float, str]]
    levels: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Chart:
    """Robust accuracy against epsilon, drawn once for each frame."""

    title: str
    drawings: Sequence[Drawing]

    @property
    def lines(self) -> Sequence[Line]:
        """The curves, for their numbers."""
        return self.drawings[0].lines


def chart(
    title: str,
    curves: Mapping[str, Sequence[Row]],
    clean: Mapping[str, float | None],
    own: Collection[str] = (),
) -> Chart | None:
    """Curves of models, in the order given; None where no model was attacked at two sizes.

    Args:
        title: which attack.
        curves: of each model its rows, of different sizes.
        clean: the clean accuracy of each, where it is known: the curve begins there.
        own: those that are coloured first.
    """
    numbered = {model: sorted(_numbered(rows), key=lambda row: row.eps or 0) for model, rows in curves.items()}
    points = {
        model: [
            *([] if clean.get(model) is None else [(0.0, clean[model] or 0.0, _said(clean[model] or 0.0, 0.0, None))]),
            *((row.eps or 0.0, row.robust_accuracy or 0.0, _said(row.robust_accuracy, row.eps, row.n)) for row in rows),
        ]
        for model, rows in numbered.items()
        if rows
    }
    sizes = sorted({row.eps for rows in numbered.values() for row in rows if row.eps is not None})
    return Chart(title, [_drawn(frame, points, sizes, own) for frame in FRAMES]) if len(sizes) > 1 else None


def _said(share: float | None, eps: float | None, n: int | None) -> str:
    return f"{percent(share)}% at {eps:g}" + (f", n={n}" if n else "")


def _drawn(
    frame: Frame,
    points: Mapping[str, Sequence[tuple[float, float, str]]],
    sizes: Sequence[float],
    own: Collection[str],
) -> Drawing:
    far, bottom = sizes[-1], frame.height - frame.bottom + 4
    colours = {model: place for place, model in enumerate(sorted(points, key=lambda name: name not in own)[:COLOURS])}
    fits = len(points) <= (bottom - frame.top) // APART + 1
    lines = []
    for model, found in points.items():
        drawn = [(frame.x(eps, far), frame.y(share), said) for eps, share, said in found]
        named = fits or model in colours
        lines.append(Line(model, colours.get(model), model in own, drawn, drawn[-1][1], named))
    labelled = iter(spread([line.label for line in lines if line.named], APART, bottom))
    lines = [replace(line, label=next(labelled)) if line.named else line for line in lines]
    ticks = [(frame.x(eps, far), f"{eps:.3g}") for eps in _apart([0.0, *sizes], far, 32 / (frame.width - frame.right))]
    levels = [(frame.y(share / 100), f"{share}") for share in (0, 25, 50, 75, 100)]
    return Drawing(frame, lines, ticks, levels)


def _numbered(rows: Iterable[Row]) -> list[Row]:
    """Those with a number, the one over most examples of each size."""
    best: dict[float | None, Row] = {}
    for row in rows:
        if row.robust_accuracy is not None and (row.eps not in best or best[row.eps].n < row.n):
            best[row.eps] = row
    return list(best.values())


def _apart(sizes: Sequence[float], far: float, room: float) -> list[float]:
    """Of sizes in ascending order those whose names do not run into each other, with so much room for each."""
    kept: list[float] = []
    for eps in sizes:
        if not kept or (eps - kept[-1]) / far > room:
            kept.append(eps)
    return kept


def spread(heights: Sequence[float], gap: float, bottom: float) -> list[float]:
    """Heights moved apart by at least a gap, in their order, none below the bottom."""
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    moved = list(heights)
    for before, place in pairwise(order):
        moved[place] = max(moved[place], moved[before] + gap)
    limit = bottom
    for place in reversed(order):
        moved[place] = min(moved[place], limit)
        limit = moved[place] - gap
    return moved


@dataclass(frozen=True)
class Bracket:
    """What is proved, what is open, and what is fooled, in percent of the width, with the intervals of both ends."""

    certified: float | None
    attacked: float
    clean: float
    text: str
    n: int
    ends: Sequence[tuple[str, float, float, str]]
    """Of what is proved and of what is attacked: which it is, where its interval begins and ends, and its text."""


def brackets(rows: Iterable[Row]) -> tuple[list[float], dict[str, dict[float, Bracket]]]:
    """The sizes, and of each model its bracket at each."""
    found: dict[str, dict[float, Bracket]] = {}
    for row in rows:
        if row.attack == BRACKET and row.eps is not None and row.robust_accuracy is not None:
            proved = None if row.certified is None else _hundred(row.certified)
            text = f"{'-' if row.certified is None else percent(row.certified)} to {percent(row.robust_accuracy)}"
            clean = _hundred(row.clean_accuracy or 0)
            bracket = Bracket(proved, _hundred(row.robust_accuracy), clean, text, row.n, list(_ends(row)))
            found.setdefault(row.model, {})[row.eps] = bracket
    return sorted({eps for sized in found.values() for eps in sized}), found


def _ends(row: Row) -> Iterator[tuple[str, float, float, str]]:
    proved, attacked = (row.certified_low, row.certified_high), (row.ci_low, row.ci_high)
    for name, (low, high) in (("certified", proved), ("attacked", attacked)):
        if low is not None and high is not None:
            yield name, _hundred(low), _hundred(high), f"{percent(low)}–{percent(high)}"
