"""`docs/performance.md`, from the file in which pytest-benchmark keeps what it measured. No number is typed by hand."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from tabulate import tabulate

from tests.speed.lines import (
    Line,
    Measured,
    board,
    certificates,
    command,
    cosines,
    hummingbird,
    isolation,
    linear,
    linear_cosines,
    memory,
    predict,
    svc,
    svc_predict,
    sweep,
    wrong_labels,
)

LIBRARIES = (
    "potemkin-bench",
    "torch",
    "numpy",
    "scikit-learn",
    "foolbox",
    "torchattacks",
    "cleverhans",
    "adversarial-robustness-toolbox",
    "hummingbird-ml",
    "pytest-benchmark",
)


def missed(report: dict[str, Any]) -> list[Line]:
    """The comparisons that fall short of their goal."""
    measured = Measured(report)
    return [line for section in SECTIONS for line in section(measured) if line.met is False]


SECTIONS = (
    sweep,
    svc,
    cosines,
    linear,
    linear_cosines,
    certificates,
    svc_predict,
    predict,
    hummingbird,
    wrong_labels,
    command,
    isolation,
    board,
    memory,
)


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
get the net with gradients of its weights switched off. Here and below the contestants take turns and the fastest turn
counts; the ratios of single turns are in brackets.

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

## FGSM on linear models

Fitted on 2,000 images of MNIST; time for one of 1,000 examples, the attack alone on both sides.

{_table(("model", "ours", "ART", "ours is", "goal", "met"), linear(measured))}

The lowest cosine over twenty test images with the exact gradient, of the cross entropy for LogisticRegression and of
the margin, the true class's score below the best rival's, for LinearSVC, where ART leaves the rival out.

{_table(("cosine", "ours", "ART", "goal", "met"), linear_cosines(measured), skip=3)}

## Exact worst cases

The nearest mislabelled input in L_inf within the range, for one example: `worst-case`, beside the linear programmes
that define it, a rival class or a rival's stored point each, by SciPy's HiGHS. Of a linear model on MNIST, ten classes,
and of a nearest neighbour among 200 points of scikit-learn's 8x8 digits. As the same run checks, the answers agree, but
for what ours take off for rounding: of weights in float32 up to .2%.

{_table(("model", "ours", "HiGHS", "ours is", "goal", "met"), certificates(measured))}

## Labels of scikit-learn models

Of every family one estimator, fitted on 2,000 images of MNIST, on the CPU: the time for labels, scores and
probabilities of the 10,000 test images, beside scikit-learn's own `predict`, which gives labels alone. All labels are
equal, as the same run checks. Where scikit-learn's own code is the faster, ours asks it.

{_table(("estimator", "ours", "scikit-learn", "ours is", "goal", "met"), predict(measured))}

An SVC with an RBF kernel of {_vectors(measured)} support vectors, 2,000 images. In float32 rows too close to call are
computed again in float64.

{_table(("inputs", "ours", "scikit-learn", "ours is", "goal", "met"), svc_predict(measured))}

## Beside hummingbird

The same labels by hummingbird-ml, which compiles scikit-learn models to torch for prediction.

{_table(("estimator", "ours", "hummingbird", "ours is", "goal", "met"), hummingbird(measured))}

And how many labels differ from scikit-learn's: of the 10,000 test images, and of 2,000 with a pixel put on a threshold
of the trees or one ulp beside it.

{_table(("estimator", "ours", "hummingbird", "goal", "met"), wrong_labels(measured), skip=3)}

## The command

Median of ten runs, of one for the first run of a suite. The first two import no torch, which the tests check.

{_table(("command", "takes", "goal", "met"), command(measured), skip=(2, 3))}

## Models in processes of their own

`bench suite SUITE --model FILE.py` on a support vector machine and a network, by turns with `--no-isolate`; the fastest
of two and of five turns. And how long a small network takes from the start of its process until it is there.

{_table(("what", "isolated", "in one process", "more", "goal", "met"), isolation(measured))}

## Boards of many models

Rows and tables of a board of eight references and so many guests, each with 23 records made by hand and unpacked
beforehand: processor time for one record, the fastest of three rounds.

{_table(("900 guests", "60 guests", "growth", "goal", "met"), board(measured), skip=0)}

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


def _vectors(measured: Measured) -> int:
    return int(measured.note("vectors", "svc-predict")[0])


def _versions() -> str:
    return "\n".join(f"- {name} {version(name)}" for name in LIBRARIES)


def _processor(machine: dict[str, Any]) -> str:
    return str(machine.get("cpu", {}).get("brand_raw") or machine["processor"] or "unknown processor")


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _threads() -> int:
    import torch

    return torch.get_num_threads()
