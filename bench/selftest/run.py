"""The self-test: every family's models, attacked, certified and judged, held to what is known of them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from math import ceil
from zlib import crc32

import numpy as np

from adapters.base import Adapter
from adapters.fitting import fit
from adapters.wrapping import wrap
from bench import registry
from bench.progress import Doing, quiet
from bench.selftest.base import Family, Known
from bench.selftest.hidden import Hidden
from bench.selftest.score import Score
from bench.selftest.trial import Trial
from bench.selftest.turns import attacks_of
from bench.table import Table

KIND = "self-test family"
MODELS, DEEP = 50, 10_000
"""Models of a family, and of `--deep` in all."""
MASKED = "linf"
"""The norm in which there are attacks by labels alone."""


def families(named: Collection[str] = ()) -> list[Family]:
    """The families of these names, or all.

    Raises:
        UsageError: there is none of a name.
    """
    return [registry.get(KIND, name)() for name in named or registry.names(KIND)]


def each_of(deep: bool, models: int | None, count: int) -> int:
    """Models of each of so many families."""
    return models or (ceil(DEEP / count) if deep else MODELS)


def selftest(chosen: Sequence[Family], models: int = MODELS, *, seed: int = 0, doing: Doing = quiet) -> Iterator[Score]:
    """The score of each family's models, and of masked copies of some of those that are attacked in L_inf.

    Args:
        chosen: families.
        models: of each.
        seed: of all that is drawn; each model depends on it, the family's name and its own number.
        doing: told how far it is.
    """
    for place, family in enumerate(chosen):
        plain = Score(family.name, family.reaches, family.decides)
        masked = Score(f"{family.name}, masked", family.hidden, 0.0)
        for number in range(models):
            doing(family.name, (place + number / models) / len(chosen))
            norm = family.norms[number % len(family.norms)]
            begun = time.perf_counter()
            known, adapter, sizes = _made(family, number, norm, seed)
            who = f"model {number} of seed {seed}, {norm}"
            attacks = attacks_of(number // len(family.norms), norm, adapter.gradient, sizes, leads=True)
            plain.add(who, known.truth, sizes, Trial(known, adapter, norm, sizes[1:]).run(attacks))
            plain.seconds += time.perf_counter() - begun
            begun = time.perf_counter()
            if norm == MASKED and (number % 2 == 0 or len(family.norms) > 1):  # a third of the models at least
                copy = Hidden(adapter, "exact" if adapter.gradient != "none" and masked.models % 2 else "none")
                attacks = attacks_of(masked.models, norm, copy.gradient, sizes, leads=False)
                masked.add(who, known.truth, sizes, Trial(known, copy, norm, sizes[1:]).run(attacks))
            masked.seconds += time.perf_counter() - begun
        yield from (plain, masked) if masked.models else (plain,)


def _made(family: Family, number: int, norm: str, seed: int) -> tuple[Known, Adapter, list[float]]:
    """A model, its adapter, and two sizes: one at which nothing is to be fooled, one at which half of it is."""
    rng = np.random.default_rng([seed, crc32(family.name.encode()), number])
    known = family.known(rng, family.examples, norm)
    shape, names = known.x.shape[1:], tuple(map(str, range(known.classes)))
    spread = known.truth.min() / 2, np.median(known.truth)
    return known, fit(wrap(known.model), shape, names), [float(f"{size:.4g}") for size in spread]


def table(scores: Sequence[Score]) -> Table:
    """One line a score, within 80 columns."""
    headers = ("family", "models", "n", "attack", "proof", "found", "decided", "s")
    rows = tuple(
        (
            "(masked)" if score.masked else score.name,
            str(score.models),
            str(score.examples),
            str(score.attacks),
            str(score.proofs) if score.certifies else "-",
            _share(score.found, score.due),
            _share(score.decided, score.pairs) if score.certifies else "-",
            f"{score.seconds:.0f}",
        )
        for score in scores
    )
    note = (
        "attack, proof: of n examples, how many were fooled nearer, or certified farther,\n"
        "than is known to be true; each is a fault of ours. found: of what can be fooled,\n"
        "% fooled by attacks alone. decided: of all examples and sizes, % attacked or\n"
        "certified; -: nothing certifies it. masked: copies that give labels alone, or a\n"
        "gradient of 0."
    )
    return Table("selftest", headers, rows, note)


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f}" if of else "-"
