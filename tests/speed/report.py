"""`docs/performance.md`, from the file in which pytest-benchmark keeps what it measured. No number is typed by hand."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from tabulate import tabulate

LIBRARIES = (
    "potemkin-bench",
    "torch",
    "numpy",
    "scikit-learn",
    "foolbox",
    "torchattacks",
    "cleverhans",
    "adversarial-robustness-toolbox",
    "pytest-benchmark",
)
SWEEP_GOALS: dict[str, tuple[str, float | None]] = {
    "bare loop": ("at most 1.3x the time", 1.3),
    "foolbox": ("2x faster", 1 / 2),
    "torchattacks": ("2x faster", 1 / 2),
    "cleverhans": ("", None),
    "ART": ("", None),
}
"""Beside whom, what is aimed at, and which share of their time that is."""
PROBLEMS = ("digits", "MNIST")


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

    def note(self, name: str, group: str, **notes: Any) -> list[Any]:
        """What the tests noted under a name, turn by turn."""
        return [item["extra_info"][name] for item in self.find(group, **notes)]


def sweep(measured: Measured) -> list[Line]:
    """Our judged sweep beside a bare loop and the other libraries."""
    ours = measured.seconds("sweep", contestant="Potemkin")
    lines = []
    for contestant, (goal, at_most) in SWEEP_GOALS.items():
        theirs = measured.seconds("sweep", contestant=contestant)
        ratio = min(ours) / min(theirs)
        turns = [a / b for a, b in zip(ours, theirs, strict=True)]
        if ratio > 1:
            shown = f"{ratio:.2f}x the time ({min(turns):.2f} to {max(turns):.2f})"
        else:
            shown = f"{1 / ratio:.2f}x faster ({1 / max(turns):.2f} to {1 / min(turns):.2f})"
        met = None if at_most is None else ratio <= at_most
        lines.append(Line(contestant, _seconds(min(ours)), _seconds(min(theirs)), shown, goal, met))
    return lines


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


def memory(measured: Measured) -> list[Line]:
    """Peak memory, by number of examples."""
    few, many = (
        statistics.median(measured.note("peak", "memory", examples=examples)) for examples in (10_000, 100_000)
    )
    growth = many / few - 1
    return [Line("", _mebibytes(many), _mebibytes(few), f"{growth:+.1%}", "at most +10%", growth <= 0.1)]


def missed(report: dict[str, Any]) -> list[Line]:
    """The comparisons that fall short of their goal."""
    measured = Measured(report)
    return [
        line for section in (sweep, svc, cosines, command, memory) for line in section(measured) if line.met is False
    ]


def render(report: dict[str, Any]) -> str:
    """The document.

    Args:
        report: what pytest-benchmark wrote with `--benchmark-json`.
    """
    measured = Measured(report)
    machine = report["machine_info"]
    system = f"{machine['system']} {machine['machine']}"
    return f"""# Performance

Written by `make speed`, which builds an environment of its own with the libraries compared, runs `tests/speed` with
pytest-benchmark, and puts the measured numbers here. To measure again, run it on a machine that does nothing else.

- Date: {report["datetime"][:10]}
- Machine: {_processor(machine)}, {os.cpu_count()} cores, {_memory()} of memory, {system}
- Threads of torch: {_threads()}
- Python {machine["python_version"]}
{_versions()}

## The judged sweep

FGSM at eight epsilons, clipped L_inf, on the reference maxout net and the 10,000 MNIST test images, in batches of 500.
Ours is the whole job: gradient, candidates, the judge's checks of each of them in float64, labels, counts, and eight
records on disk. The bare loop is one forward, one backward and eight forwards a batch, without any check. The other
libraries attack once for each epsilon, as they are made to, and then count errors. All count the same errors, and all
get the net with gradients of its weights switched off. Each contestant runs once a turn and the fastest turn counts;
the ratios of single turns are in brackets.

{_table(("beside", "ours", "theirs", "ours is", "goal", "met"), sweep(measured))}

Our candidates equal those of foolbox, torchattacks and cleverhans to the last bit, for all images and epsilons: a test
of the same run. It uses batches of 512, since the latter two climb the mean of a batch's losses, and dividing by 500
rounds.

## FGSM on a support vector machine

SVC with an RBF kernel, ten classes, fitted on scikit-learn's 8x8 digits and on 2,000 images of MNIST; time for one
example. Ours includes the judge's checks and the labels of the candidates, ART's is its attack alone.

{_table(("fitted on", "ours", "ART", "ours is", "goal", "met"), svc(measured))}

And is the gradient right? The lowest cosine over ten test images between the gradient and central differences of
scikit-learn's own decision values. ART stops with an error on an SVC of scikit-learn 1.9, whose `probability` says
"deprecated" where it used to say False; so that it runs at all, the SVC that it is given says False.

{_table(("cosine", "ours", "ART", "goal", "met"), cosines(measured), skip=3)}

## The command

Median of ten runs, of one for the first run of a suite. The first two import no torch, which the tests check.

{_table(("command", "takes", "goal", "met"), command(measured), skip=(2, 3))}

## Memory

Peak resident memory of the judged sweep in a process of its own, MNIST's test images once and ten times over; median.

{_table(("100,000 examples", "10,000 examples", "growth", "goal", "met"), memory(measured), skip=0)}

## The environment

`tests/speed/requirements.txt` lists the libraries compared. torchattacks asks for torchvision, whose builds on the
package index are made for CUDA and cannot be imported beside a CPU build of torch. The one that matches is installed,
and nothing imports it: torchattacks' own code does not.
"""


def _table(headers: Iterable[str], lines: Iterable[Line], skip: int | tuple[int, ...] = ()) -> str:
    skipped = (skip,) if isinstance(skip, int) else skip
    rows = [[cell for number, cell in enumerate(line.cells()) if number not in skipped] for line in lines]
    return tabulate(rows, list(headers), tablefmt="pipe", disable_numparse=True)


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} µs"


def _cosine(value: float) -> str:
    return f"{value:.3f}" if value < 0.999 else f"1 - {1 - value:.0e}"


def _mebibytes(value: float) -> str:
    return f"{value / 2**20:.0f} MiB"


def _versions() -> str:
    return "\n".join(f"- {name} {version(name)}" for name in LIBRARIES)


def _processor(machine: dict[str, Any]) -> str:
    return str(machine.get("cpu", {}).get("brand_raw") or machine["processor"] or "unknown processor")


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _threads() -> int:
    import torch

    return torch.get_num_threads()
