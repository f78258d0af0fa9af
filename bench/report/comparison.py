"""A comparison as people read it: for many models a line each, for two every row, what flipped, and what is apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.board.comparison import Comparison, Line, Pair, outdated
from bench.board.flips import Flip, flips, shown
from bench.board.losses import JOINED
from bench.board.measured import Measured
from bench.board.paired import Paired
from bench.board.sides import Question, Side
from bench.report.layout import Column, drawn, label, percent, sizes
from bench.report.robustness import stands
from bench.table import Table

LEVEL = 0.05
"""Of the p values that count as apart."""
EXAMPLES = 10
"""Shown each way."""
METHOD = (
    "Difference: candidate less baseline, in points, on the same examples; 95%: Tango's score interval, of the "
    "sampling of test examples alone. p: exact McNemar test"
)


def tables(found: Comparison, examples: int | None = EXAMPLES) -> list[Table]:
    """All tables; `examples` are shown each way, None for all."""
    if len(found.pairs) == 1 and not (found.gone or found.new):
        return pair_tables(found.pairs[0], examples)
    return [_overview(found), *_apart_of_all(found)]


# -- many models ------------------------------------------------------------------------------------------------------


def _overview(found: Comparison) -> Table:
    ranked = [pair.ranked.question for pair in found.pairs if pair.ranked]
    worst = called(ranked[0], ranked) if ranked else "worst"
    columns: list[Column[Pair]] = [
        ("model", lambda pair: pair.candidate.name),
        ("clean", lambda pair: both(pair.clean)),
        (worst, lambda pair: both(pair.ranked)),
        ("difference", lambda pair: signed(pair.ranked.paired) if pair.ranked else ""),
        ("95%", lambda pair: interval(pair.ranked.paired) if pair.ranked else ""),
        ("rows apart", lambda pair: f"{sum(line.p_value < LEVEL for line in pair.lines)} of {len(pair.lines)}"),
        ("largest", lambda pair: f"{_largest(pair):.2f}"),
        ("rank", lambda pair: _arrow(stands(pair.baseline.head), stands(pair.candidate.head))),
        ("model is", version),
    ]
    terms = (
        f"Accuracies in %, baseline to candidate. {METHOD}, Holm over a model's rows; apart: p below {LEVEL:g}. "
        "Largest: the largest difference of any row, in points."
    )
    lines = [*outdated(found.pairs), *_fingerprints(found.pairs)]
    lines += [f"Of the candidate: {name} is gone ({why})." for name, why in found.gone.items()]
    lines += [f"New, with nothing to compare with: {', '.join(found.new)}."] if found.new else []
    lines += [f"Only met in transfer on both sides: {', '.join(found.met)}."] if found.met else []
    title = f"{found.suite}: candidate beside baseline"
    return drawn(title, found.pairs, columns, terms, note=" ".join(lines), least=("largest", "rows apart"))


def version(pair: Pair) -> str:
    """Whether the two are one model: `same`, `refitted` for a suite's own, `another version`, or `another`."""
    if pair.baseline.head.fingerprint == pair.candidate.head.fingerprint:
        return "same"
    if pair.baseline.name != pair.candidate.name:
        return "another"
    return "refitted" if pair.candidate.name in pair.candidate.view.suite.models else "another version"


def _fingerprints(pairs: Sequence[Pair]) -> list[str]:
    """Which of a suite's own models are the baseline's, and which were refitted to other bits."""
    own = [pair for pair in pairs if pair.candidate.name in pair.candidate.view.suite.models]
    same = [pair.candidate.name for pair in own if version(pair) == "same"]
    other = [pair.candidate.name for pair in own if version(pair) == "refitted"]
    lines = [f"Reference models that are the baseline's, bit for bit: {', '.join(same)}."] if same else []
    return lines + ([f"Refitted, with another fingerprint than the baseline's: {', '.join(other)}."] if other else [])


def _largest(pair: Pair) -> float:
    return 100 * max((abs(line.paired.difference) for line in pair.lines), default=0.0)


def _apart_of_all(found: Comparison) -> list[Table]:
    """A line a reason and the rows that it concerns, with the models that it is the same of."""
    models: dict[tuple[str, str], list[str]] = {}
    for pair in found.pairs:
        for reason in _reasons(pair):
            models.setdefault(reason, []).append(pair.candidate.name)
    return _apart_told([f"{', '.join(names)}: {why} ({rows})" for (why, rows), names in models.items()])


# -- two models -------------------------------------------------------------------------------------------------------


def pair_tables(pair: Pair, examples: int | None = EXAMPLES) -> list[Table]:
    """Every row of two models, at equal clean accuracy where they differ in it, what flipped, and what is apart."""
    made = [_rows(pair)] if pair.lines else []
    if pair.clean is not None and not pair.clean.paired.interval[0] <= 0 <= pair.clean.paired.interval[1]:
        made += _at_equal_clean(pair)
    made += _flipped(pair, examples)
    apart = _apart_told([f"{why} ({rows})" for why, rows in _reasons(pair)], "" if made else _title(pair))
    return [*made, *apart] or [Table(_title(pair), (), (), "No row is on either side.")]


def _rows(pair: Pair) -> Table:
    questions = [line.question for line in pair.lines]
    columns: list[Column[Line]] = [
        ("asked", lambda line: called(line.question, questions)),
        ("baseline", lambda line: percent(_share(line.paired, line.paired.baseline))),
        ("candidate", lambda line: percent(_share(line.paired, line.paired.candidate))),
        ("difference", lambda line: signed(line.paired)),
        ("95%", lambda line: interval(line.paired)),
        ("p", lambda line: p_value(line.p_value)),
    ]
    n = max((question.n for question in questions), default=0)
    terms = f"Right when clean and under what was asked, %. {METHOD}, Holm over these {len(pair.lines)} rows."
    note = f"Baseline: {side_told(pair.baseline)}. Candidate: {side_told(pair.candidate)}. "
    note += " ".join([f"n = {n} but where it says otherwise.", *outdated([pair])])
    return drawn(_title(pair), pair.lines, columns, terms, note=note)


def _title(pair: Pair) -> str:
    suite = " and ".join(dict.fromkeys((pair.baseline.suite, pair.candidate.suite)))
    return f"{suite}: {pair.candidate.called} beside {pair.baseline.called}"


def side_told(side: Side) -> str:
    """Which model it is: its name, its fingerprint, its rank and its flags."""
    head = side.head
    flags = f", flags {', '.join(head.flags)}" if head.flags else ""
    told = head.place or (f"rank {head.rank}" if head.rank else "no rank")
    place = f"no rank ({head.unranked})" if head.unranked else told
    return f"{side.name} {head.fingerprint[:12]}, {place}{flags}"


def _at_equal_clean(pair: Pair) -> list[Table]:
    """Of the worst case and of what is the model's own; transfer and noise have their rows above."""
    asked = [line for line in pair.lines if line.question.what != "clean" and line.question.source is None]
    lines = [line for line in asked if line.equal.n and line.question.role != "noise" and not _of_one_loss(line, asked)]
    questions = [line.question for line in lines]
    columns: list[Column[Line]] = [
        ("asked", lambda line: called(line.question, questions)),
        ("n", lambda line: str(line.equal.n)),
        ("baseline", lambda line: percent(_share(line.equal, line.equal.baseline))),
        ("candidate", lambda line: percent(_share(line.equal, line.equal.candidate))),
        ("difference", lambda line: signed(line.equal)),
        ("95%", lambda line: interval(line.equal)),
    ]
    note = "On the n examples that both have right when clean, where their clean accuracy is the same; as above."
    return [drawn("At equal clean accuracy", lines, columns, note)] if lines else []


def _of_one_loss(line: Line, among: Sequence[Line]) -> bool:
    """Whether it is an attack by one loss, of which there is a row by several."""
    one = line.question
    several = [each.question for each in among if each.question.parameters.get("loss") == JOINED]
    alike = ((each.attack, each.norm, each.eps, each.clip) for each in several if one.role is not None)
    return (one.attack, one.norm, one.eps, one.clip) in alike


def _flipped(pair: Pair, examples: int | None) -> list[Table]:
    line = shown(pair)
    if line is None or examples == 0:
        return []
    names = pair.candidate.view.dataset.classes
    told = [each.question for each in pair.lines]
    columns: list[Column[Flip]] = [
        ("way", lambda flip: flip.way),
        ("example", lambda flip: str(flip.position)),
        ("class", lambda flip: names[flip.true]),
        ("taken for", lambda flip: taken_for(flip, names)),
        ("under", lambda flip: under(flip, told)),
    ]
    lost, gained = len(line.paired.lost), len(line.paired.gained)
    title = f"Flipped at {called(line.question, told)}: {lost} lost, {gained} gained"
    few = examples is not None and max(lost, gained) > examples
    terms = "Lost: the baseline holds and the candidate falls; gained: the other way round. Taken for: by the one that "
    terms += "falls; under: what it falls for first."
    note = f"The first {examples} each way." if few else ""
    return [drawn(title, flips(line, examples), columns, terms, note=note, key=2)] if lost or gained else []


def taken_for(flip: Flip, names: Sequence[str]) -> str:
    """The class that the falling model gives."""
    return given(flip.label, names)


def given(label: int | None, names: Sequence[str]) -> str:
    """A label's class, as people read it."""
    return "" if label is None else "no answer" if label < 0 else names[label]


def under(flip: Flip, told: Sequence[Question]) -> str:
    """What the falling model falls for."""
    return "a smaller size" if flip.under is None else row_called(flip.under, told)


def row_called(row: Measured, told: Sequence[Question]) -> str:
    """Such as `clean`, `fgsm 0.1 from maxout`."""
    if row.made.role == "clean":
        return "clean"
    source = "" if row.source is None or row.cell.white_box else f" from {row.source.name}"
    eps = row.threat.eps
    return f"{row.made.name}{'' if eps is None else ' ' + sizes(told).get(eps, f'{eps:g}')}{source}"


# -- what cannot be compared -------------------------------------------------------------------------------------------


def _apart_told(lines: Sequence[str], of: str = "") -> list[Table]:
    """Lines below a title, as none of them has columns."""
    title = f"{of}: no row can be compared" if of else "Not comparable"
    return [Table(title, (), (), "\n".join(f"- {line}" for line in lines))] if lines else []


def _reasons(pair: Pair) -> list[tuple[str, str]]:
    """Every reason, and the rows that it concerns."""
    found: dict[str, list[Question]] = {}
    for each in pair.apart:
        found.setdefault(each.why, []).append(each.question)
    count = len(pair.apart) + len(pair.lines)
    told = sizes(each.question for each in pair.apart)
    return [(why, f"all {count} rows" if len(rows) == count else _rows_told(rows, told)) for why, rows in found.items()]


def _rows_told(rows: Sequence[Question], told: Mapping[float | None, str]) -> str:
    """Such as `clean; fgsm 0.1, 0.25 from maxout, knn`: sizes of one attack and source, then sources, together."""
    at: dict[tuple[str, str], set[float | None]] = {}
    for row in rows:
        # The place of the size is kept by a character that no name has.
        asked = called(replace(row, source=None), [replace(row, n=0)], {row.eps: "\0"})
        at.setdefault((asked, row.source or ""), set()).add(row.eps)
    sources: dict[str, list[str]] = {}
    for (asked, source), found in at.items():
        texts = [told[eps] for eps in sorted(found, key=lambda eps: eps or 0)]
        sources.setdefault(asked.replace("\0", ", ".join(texts)), []).append(source)
    return "; ".join(f"{asked} from {', '.join(names)}" if names[0] else asked for asked, names in sources.items())


# -- the text of cells ------------------------------------------------------------------------------------------------


def called(question: Question, among: Sequence[Question], told: Mapping[float | None, str] | None = None) -> str:
    """Such as `clean`, `worst 0.25`, `fgsm 0.1 from maxout`, `iterated-fgsm 0.25 (n=500)`.

    `told` are the texts of sizes, by default those that tell apart all that it is `among`.
    """
    told = sizes(among) if told is None else told
    if question.what in ("worst", "certified"):
        clip = "" if question.clip is not False else " unclipped"
        norm = "" if question.norm in (None, "linf") else f" {question.norm}"
        text = f"{question.what}{norm} {told[question.eps]}{clip}"
        whole = max((each.n for each in among), default=0)
        return f"{text} (n={question.n})" if 0 < question.n < whole else text
    text = label(question, told, max((each.n for each in among), default=0)).replace(JOINED, "all losses")
    return f"{text} from {question.source}" if question.source else text


def both(line: Line | None) -> str:
    """Such as `95.0 → 94.1`."""
    if line is None:
        return ""
    return _arrow(*(percent(_share(line.paired, count)) for count in (line.paired.baseline, line.paired.candidate)))


def _arrow(one: str, other: str) -> str:
    return f"{one} → {other}"


def signed(paired: Paired) -> str:
    """The difference in points, with its sign."""
    return points(paired.difference)


def interval(paired: Paired) -> str:
    """The 95% interval of the difference, in points."""
    low, high = paired.interval
    return f"{points(low)} to {points(high)}"


def points(share: float) -> str:
    """Percentage points with a sign: one decimal, two below a tenth."""
    value = 100 * share
    text = f"{value:+.1f}" if abs(value) >= 0.1 else f"{value:+.2f}"
    return "0.0" if float(text) == 0 else text


def p_value(p: float) -> str:
    """Two digits, or that it is tiny."""
    return "<0.001" if p < 0.001 else f"{p:.2g}" if p < 0.995 else "1"


def _share(paired: Paired, count: int) -> float | None:
    return count / paired.n if paired.n else None
