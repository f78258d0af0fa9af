"""What the speed comparisons came to, line by line, from what pytest-benchmark measured."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

SWEEP_GOALS: dict[str, tuple[str, float | None]] = {
    "bare loop": ("at most 1.3x the time", 1.3),
    "foolbox": ("2x faster", 1 / 2),
    "torchattacks": ("2x faster", 1 / 2),
    "cleverhans": ("", None),
    "ART": ("", None),
}
"""Beside whom, what is aimed at, and which share of their time that is."""
PROBLEMS = ("digits", "MNIST")
LINEAR = ("LogisticRegression", "LinearSVC")
CERTIFICATES = {"linear": 100, "1-NN": 10}
"""Families, and how many times faster than linear programmes their exact answers should be."""


@dataclass(frozen=True)
class Line:
    """One comparison: two figures, their ratio, and what was aimed at."""

    what: str
    ours: str
    other: str
    ratio: str
    goal: str = ""
    met: bool | None = None

    def cells(self) -> list[str]:
        verdict = {None: "", True: "yes", False: "**no**"}[self.met]
        return [self.what, self.ours, self.other, self.ratio, self.goal, verdict]


class Measured:
    """The benchmarks of one run, found by their group and the notes that the tests left with them."""

    def __init__(self, report: dict[str, Any]) -> None:
        self._benchmarks = report["benchmarks"]

    def find(self, group: str, **notes: Any) -> list[dict[str, Any]]:
        """All turns of one contestant, in order."""
        return [
            item
            for item in self._benchmarks
            if item["group"] == group and all(item["extra_info"].get(key) == value for key, value in notes.items())
        ]

    def seconds(self, group: str, **notes: Any) -> list[float]:
        """The fastest round of each turn."""
        return [item["stats"]["min"] for item in self.find(group, **notes)]

    def families(self, group: str) -> list[str]:
        """The estimators compared, in the order that they were measured in."""
        return list(dict.fromkeys(item["extra_info"]["family"] for item in self.find(group)))

    def note(self, name: str, group: str, **notes: Any) -> list[Any]:
        """What the tests noted under a name, turn by turn."""
        return [item["extra_info"][name] for item in self.find(group, **notes)]


def sweep(measured: Measured) -> list[Line]:
    """Our judged sweep beside a bare loop and the other libraries."""
    return [
        _by_turns(contestant, measured, "sweep", contestant, goal, at_most)
        for contestant, (goal, at_most) in SWEEP_GOALS.items()
    ]


def svc(measured: Measured) -> list[Line]:
    """FGSM on a fitted SVC, for each example."""
    lines = []
    for problem in PROBLEMS:
        ours, theirs = (
            min(measured.seconds("svc", contestant=contestant, problem=problem))
            / measured.note("examples", "svc", contestant=contestant, problem=problem)[0]
            for contestant in ("Potemkin", "ART")
        )
        shown, met = f"{theirs / ours:.0f}x faster", theirs >= 100 * ours
        lines.append(Line(problem, _seconds(ours), _seconds(theirs), shown, "100x faster", met))
    return lines


def cosines(measured: Measured) -> list[Line]:
    """How the gradients agree with central differences."""
    lines = []
    for problem in PROBLEMS:
        theirs = measured.note("cosine_same_loss", "svc", contestant="ART", problem=problem)[0]
        for note, which in (("cosine", "the loss that each climbs"), ("cosine_same_loss", "ART's loss for both")):
            ours = measured.note(note, "svc", contestant="Potemkin", problem=problem)[0]
            what = f"{problem}, {which}"
            lines.append(Line(what, _cosine(ours), _cosine(theirs), "", "ours more than 0.999", ours > 0.999))
    return lines


def linear(measured: Measured) -> list[Line]:
    """FGSM on linear models, the attack alone, with how right each gradient is."""
    lines = []
    for family in LINEAR:
        examples = measured.note("examples", "linear", family=family)[0]
        lines.append(_by_turns(family, measured, "linear", "ART", "no slower", 1, examples=examples, family=family))
    return lines


def linear_cosines(measured: Measured) -> list[Line]:
    """The lowest cosine with the exact gradient."""
    lines = []
    for family in LINEAR:
        ours, theirs = (measured.note(note, "linear-right", family=family)[0] for note in ("ours", "theirs"))
        lines.append(Line(family, _cosine(ours), _cosine(theirs), "", "ours more than 0.999", ours > 0.999))
    return lines


def certificates(measured: Measured) -> list[Line]:
    """Exact answers beside a general solver, for each example."""
    lines = []
    for family, times in CERTIFICATES.items():
        ours, theirs = (
            min(measured.seconds("certificates", contestant=contestant, family=family))
            / measured.note("examples", "certificates", contestant=contestant, family=family)[0]
            for contestant in ("Potemkin", "HiGHS")
        )
        shown = f"{theirs / ours:,.0f}x faster"
        lines.append(Line(family, _seconds(ours), _seconds(theirs), shown, f"{times}x faster", theirs >= times * ours))
    return lines


def svc_predict(measured: Measured) -> list[Line]:
    """Labels of an RBF SVC in both precisions."""
    lines = []
    for precision, times in (("float64", 3), ("float32", 15)):
        goal = f"{times}x faster"
        lines.append(
            _by_turns(precision, measured, "svc-predict", "scikit-learn", goal, 1 / times, precision=precision)
        )
    return lines


def predict(measured: Measured) -> list[Line]:
    """Labels, scores and probabilities beside scikit-learn's labels, family by family."""
    return [
        _by_turns(family, measured, "predict", "scikit-learn", "at most 1.2x", 1.2, family=family)
        for family in measured.families("predict")
    ]


def hummingbird(measured: Measured) -> list[Line]:
    """Labels beside hummingbird's."""
    return [
        _by_turns(family, measured, "hummingbird", "hummingbird", "no slower", 1, family=family)
        for family in measured.families("hummingbird")
    ]


def wrong_labels(measured: Measured) -> list[Line]:
    """Labels other than scikit-learn's: of the test images, and of those with a pixel on or beside a threshold."""
    lines = []
    for family in measured.families("hummingbird"):
        counts = [
            measured.note(note, "hummingbird", contestant=contestant, family=family)[0]
            for contestant in ("Potemkin", "hummingbird")
            for note in ("wrong", "wrong_beside")
        ]
        ours, theirs = (f"{a} and {b}" for a, b in (counts[:2], counts[2:]))
        lines.append(Line(family, ours, theirs, "", "ours none", not any(counts[:2])))
    return lines


def _by_turns(
    what: str,
    measured: Measured,
    group: str,
    rival: str,
    goal: str,
    at_most: float | None,
    examples: int = 1,
    **notes: Any,
) -> Line:
    """A line of the fastest turn of each, for one example, and their ratio, with the range of single turns'.

    Args:
        what: what the line is called.
        measured: the benchmarks.
        group: where to find them.
        rival: the contestant beside us.
        goal: what is aimed at, in words.
        at_most: which share of the rival's time that is; None where nothing is aimed at.
        examples: that a round takes.
        notes: that tell the line's benchmarks from the rest of the group.
    """
    ours, theirs = (measured.seconds(group, contestant=name, **notes) for name in ("Potemkin", rival))
    ratio = min(ours) / min(theirs)
    turns = [a / b for a, b in zip(ours, theirs, strict=True)]
    if ratio > 1:
        shown = f"{ratio:.2f}x the time ({min(turns):.2f} to {max(turns):.2f})"
    else:
        shown = f"{1 / ratio:.2f}x faster ({1 / max(turns):.2f} to {1 / min(turns):.2f})"
    met = None if at_most is None else ratio <= at_most
    return Line(what, _seconds(min(ours) / examples), _seconds(min(theirs) / examples), shown, goal, met)


def command(measured: Measured) -> list[Line]:
    """What a person waits for at the terminal."""
    texts = {
        "--help": ("`bench --help`", 0.4),
        "done": ("`bench suite mnist-fgsm`, everything done already", 2.0),
        "first": ("`bench suite mnist-fgsm`, models ready, no results", 240.0),
    }
    lines = []
    for note, (what, limit) in texts.items():
        for item in measured.find("command", command=note):
            median = item["stats"]["median"]
            lines.append(Line(what, _seconds(median), "", "", f"at most {limit:g} s", median <= limit))
    return lines


def isolation(measured: Measured) -> list[Line]:
    """Suites on models in processes of their own, beside the same in the command's; and the start of a process."""
    lines = []
    for suite in ("mnist-fgsm", "digits-fgsm"):
        own, shared = (min(measured.note(name, "isolation", suite=suite)[0]) for name in ("own", "shared"))
        more, whole = own - shared, suite == "mnist-fgsm"
        goal, met = ("at most +10%", more <= 0.1 * shared) if whole else ("at most +4 s", more <= 4)
        lines.append(
            Line(f"`{suite}`", _seconds(own), _seconds(shared), f"{more / shared:+.1%}, {more:+.1f} s", goal, met)
        )
    (start,) = measured.seconds("model-process")
    return [*lines, Line("a network that is there", _seconds(start), "", "", "at most 4 s", start <= 4)]


def memory(measured: Measured) -> list[Line]:
    """Peak memory, by number of examples."""
    few, many = (
        statistics.median(measured.note("peak", "memory", examples=examples)) for examples in (10_000, 100_000)
    )
    growth = many / few - 1
    return [Line("", _mebibytes(many), _mebibytes(few), f"{growth:+.1%}", "at most +10%", growth <= 0.1)]


def board(measured: Measured) -> list[Line]:
    """Laying out a board, by number of guests: the time for one record."""
    few, many = (
        min(measured.seconds("board", guests=guests)) / measured.note("records", "board", guests=guests)[0]
        for guests in (60, 900)
    )
    ratio = many / few
    return [Line("", _seconds(many), _seconds(few), f"{ratio:.2f}x the time", "less than 2x", ratio < 2)]


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} µs"


def _cosine(value: float) -> str:
    return f"{value:.3f}" if value < 0.999 else f"1 - {1 - value:.0e}"


def _mebibytes(value: float) -> str:
    return f"{value / 2**20:.0f} MiB"
