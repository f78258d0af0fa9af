"""`docs/peers.md`, from what was measured. No number is typed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version

from tabulate import tabulate

from tests.peers.bounds import Bounded
from tests.peers.compare import Row
from tests.peers.duels import DUELS, NETS, Bout
from tests.peers.provers import PROVERS
from tests.peers.rivals import RIVALS
from tests.peers.subjects import CASES

LIBRARIES = ("potemkin-bench", "torch", "numpy", "scikit-learn", "torchattacks", "foolbox", "dtai-veritas")
ART = "adversarial-robustness-toolbox"


def of_rows(rows: Sequence[Row]) -> str:
    """Model, size, and how many each fools."""
    return _table(
        ("model", "eps", "n", "ours", "peers", "best peer", "theirs only", "ours only", "met"),
        [
            [
                row.model,
                f"{row.eps:g}",
                len(row.index),
                int(row.ours.sum()),
                ", ".join(f"{_titled(key)} {int(mask.sum())}" for key, mask in row.peers.items()),
                row.best,
                len(row.missed),
                row.only_ours,
                "yes" if row.met else "**no**",
            ]
            for row in rows
        ],
    )


def of_costs(rows: Sequence[Row]) -> str:
    """What the peers asked for, over the sizes."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in rows:
        for key, cost in row.costs.items():
            found.setdefault((row.model, key), []).append(cost)
    body = []
    for (model, key), costs in found.items():
        queries, gradients = ([cost[place] for cost in costs] for place in (0, 1))
        body.append([model, _titled(key), _range(queries), _range(gradients)])
    return _table(("model", "peer", "queries an example", "gradients an example"), body)


def of_bouts(bouts: Sequence[Bout]) -> str:
    """Attack against attack."""
    return _table(
        ("net", "attack", "beside", "n", "ours", "theirs", "nearer", "farther", "gradients", "queries", "met"),
        [
            [
                bout.net,
                bout.key,
                DUELS[bout.key].library,
                bout.n,
                bout.ours,
                bout.theirs,
                bout.nearer,
                bout.farther,
                f"{bout.gradients[0]:.0f} / {bout.gradients[1]:.0f}",
                f"{bout.queries[0]:.0f} / {bout.queries[1]:.0f}",
                "yes" if bout.better and bout.cheaper else "**no**",
            ]
            for bout in bouts
        ],
    )


def of_bounds(lines: Sequence[Bounded]) -> str:
    """Certificate against certificate."""
    return _table(
        ("model", "eps", "n", "ours", "beside", "theirs", "ours only", "theirs only", "contrary", "s an example"),
        [
            [
                line.model,
                f"{line.eps:g}",
                line.n,
                _decided(line.n, *line.ours),
                f"{PROVERS[line.prover].library}, {PROVERS[line.prover].title}",
                _decided(line.n, *line.theirs),
                line.only_ours,
                line.only_theirs,
                line.against,
                f"{line.seconds[0]:.2g} / {line.seconds[1]:.2g}",
            ]
            for line in lines
        ],
    )


def _decided(n: int, proved: int, fooled: int) -> str:
    return f"{proved} / {fooled} / {n - proved - fooled}"


def of_missed(rows: Sequence[Row]) -> str:
    """Which examples a peer fools and we don't."""
    lines = []
    for row in rows:
        for place in row.missed.tolist():
            by = [_titled(key) for key, mask in row.peers.items() if mask[row.index == place].any()]
            lines.append(f"- {row.model} at {row.eps:g}: test image {place}, by {' and '.join(by)}")
    return "\n".join(lines) or "None."


def document(rows: Sequence[Row], bouts: Sequence[Bout], bounds: Sequence[Bounded] = ()) -> str:
    """The whole page."""
    versions = "\n".join(f"- {name} {_version(name)}" for name in (*LIBRARIES, ART))
    return f"""# Beside other libraries' attacks

Written by `make peers`, which builds an environment of its own with the libraries, attacks the reference models with
them, and puts what they came to here. An interrupted run goes on where it was.

{versions}

## What they fool and what ours do

*Ours* is the published records of the suite `mnist-worst-case` (of the two nets of others, `mnist-anchors`): examples
mislabelled as they are or under any of its attacks, witnesses of certificates included. The examples are drawn from
those that all attacks of the suite cover: {_counts()}. Peers are given the model through a plain
wrapper, and whatever they hand back is judged as our own candidates are: finite, within [0, 1], within the ball in
float64, and mislabelled by the model itself. Of a peer that looks for the nearest point, its candidate projected onto
the ball counts as well. The goal is no example fewer fooled by ours than by the best peer, but one.

{of_rows(rows)}

AutoAttack is torchattacks' four attacks, with the paper's 100 steps and 5,000 queries (its own class takes 10 steps).
HopSkipJump's 16 rounds come to 5,000 queries at most. ZOO's gradient of a forest is zero nearly everywhere: its
differences are taken over .2. Records of maxout are of version 2 of the suite: version 1 had PGD up the margin there,
and AutoAttack's targeted parts found more.

### Examples that a peer fools and ours do not

{of_missed(rows)}

### What the peers asked for

{of_costs(rows)}

Least to most over the sizes. A forward pass is a query here.

## Attack against attack

On the same net and examples, those right as they are. Of APGD and Square successes at .1, on average over four seeds,
of the others the median distance; *nearer*: examples on which ours succeeds more often or is nearer by more than 2%,
*farther* the other way round. Gradients and queries (forward passes included) of an example, ours / theirs. Met is no
fewer successes, or no median larger by a thousandth, for no more gradients and no more queries.

Theirs has 100 steps of APGD and FMN, 1,000 queries of Square and 1,000 steps a run of Carlini-Wagner. Our APGD lets an
example go as soon as it is fooled. On cross-entropy it takes its 100 steps as two runs, one from the example and one
from a random point: on a few examples the start decides, and one run from the example fooled 68 of maxout's 96 by every
seed, theirs from random points 69 by three seeds and 68 by one. Our FMN has 91 steps, so that the labels that it asks
for at the start and the end come to no more passes; `fmn-l0-from-one` is `first: one`, which begins with one feature,
as foolbox does.

{of_bouts(bouts)}
{_certified(bounds)}{_short(rows, bouts, bounds)}"""


def _certified(bounds: Sequence[Bounded]) -> str:
    """Of nothing, where it was not compared."""
    if not bounds:
        return ""
    return f"""
## Certificate against certificate

Of examples that are right as they are: proved right within the size / fooled by a witness / open. Ours is `worst-case`,
with a second an example. *Ours only*, *theirs only*: decided by one alone; *contrary*: proved by one and fooled by the
other. Seconds of the processor, one thread, without what it takes to hand a model over.

auto_LiRPA is 0.7.1, the newest of its repository (a050a3d); its releases on the package index take no torch of today.
Its linear bounds propose no witness, are in float32 and allow for no rounding; ours are in float64 and allow for the
model's own. CROWN-Optimized chooses the slopes of all layers within, ours those of the last bound alone. Veritas
searches for each rival with the settings of its own robustness search, a second an example in all.

{of_bounds(bounds)}
"""


def _counts() -> str:
    few = [f"{case.n} of {name}" for name, case in CASES.items() if case.n != 200]
    return ", ".join([*few, "200 of all others"])


def _short(rows: Sequence[Row], bouts: Sequence[Bout], bounds: Sequence[Bounded]) -> str:
    """What was not run, so that nobody takes this page for more than it is."""
    run = {(row.model, row.eps): len(row.index) for row in rows}
    lines = []
    for name, case in CASES.items():
        few = [
            f"{eps:g} ({run.get((name, eps), 0)} of {case.n})" for eps in case.sizes if run.get((name, eps)) != case.n
        ]
        if few:
            lines.append(
                f"- {name}" + (f" at {', '.join(few)}" if any((name, eps) in run for eps in case.sizes) else "")
            )
    fought = {(bout.net, bout.key) for bout in bouts}
    for net in NETS:
        missing = [key for key in DUELS if (net, key) not in fought]
        if missing:
            lines.append(f"- attack against attack on {net}: {', '.join(missing)}")
    proved = {(line.model, line.prover) for line in bounds}
    for key, prover in PROVERS.items():
        missing = [name for name in prover.models if (name, key) not in proved]
        if missing:
            lines.append(f"- {prover.library}, {prover.title}, on {', '.join(missing)}")
    listed = "\n".join(lines)
    return f"\n## Not run yet\n\n{listed}\n" if lines else ""


def _titled(key: str) -> str:
    rival = RIVALS[key]
    owner = "ART's" if rival.library == ART else f"{rival.library}'{'' if rival.library.endswith('s') else 's'}"
    return f"{owner} {rival.title}"


def _range(values: Sequence[float]) -> str:
    low, high = (f"{value:,.0f}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _table(heads: Sequence[str], body: Iterable[Sequence[object]]) -> str:
    rows = [[str(cell) for cell in row] for row in body]
    return tabulate(rows, heads, tablefmt="pipe", disable_numparse=True)
