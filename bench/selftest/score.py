"""What a family's models came to: whatever is beyond the truth, and how much of the truth is reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.selftest.base import Array
from bench.selftest.trial import Found

CLOSER, NEARER = 1e-4, 2e-6
"""What an attack may come nearer by than the truth, as a share and beside: models compute in float32."""
FARTHER, MORE = 1e-6, 1e-7
"""What a radius may be larger by: the truth is computed, too."""
APART = 0.01
"""Share of the truth within which a size is neither below it nor above: there nothing has to be found."""
ENOUGH = 50
"""Examples and sizes below which a share says nothing."""


@dataclass
class Score:
    """Counts of one family's models, or of their masked copies."""

    name: str
    reaches: float
    """Share of what is to be fooled that attacks have to fool."""
    decides: float
    """Share of examples and sizes that has to be decided; 0 for none."""
    models: int = 0
    examples: int = 0
    attacks: int = 0
    """Examples fooled nearer than the truth."""
    proofs: int = 0
    """Examples certified farther than the truth."""
    certifies: bool = False
    pairs: int = 0
    """Examples and sizes, but for sizes close to the truth."""
    decided: int = 0
    due: int = 0
    """Pairs of a size beyond the truth,"""
    found: int = 0
    """and those of them that an attack fools without the certificate's help."""
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    @property
    def masked(self) -> bool:
        """Whether these are the masked copies."""
        return self.name.endswith(", masked")

    def add(self, who: str, truth: Array, sizes: Sequence[float], found: Found) -> None:
        """Count one model's `N` examples; `truth` is `(N,)`, `who` names the model in complaints."""
        self.models += 1
        self.examples += len(truth)
        self.failures += [f"{self.name}, {who}: {line}" for line in found.broken]
        wrong = np.zeros(len(truth), dtype=bool)
        witnessed = {} if found.witnessed is None else {"a witness of worst-case": found.witnessed}
        for name, nearest in {**found.attacked, **witnessed}.items():
            beyond = nearest < truth * (1 - CLOSER) - NEARER
            wrong |= beyond
            self._tell(who, beyond, f"{name} fools example {{}} at {{:.6g}}", nearest, truth)
        self.attacks += int(wrong.sum())
        none = np.full(len(truth), np.inf)
        fooled = np.min([none, *found.attacked.values()], axis=0)
        seen = np.minimum(fooled, none if found.witnessed is None else found.witnessed)
        radius = np.zeros(len(truth)) if found.proved is None else found.proved
        if found.proved is not None:
            self.certifies = True
            over = radius > truth * (1 + FARTHER) + MORE
            self.proofs += int(over.sum())
            self._tell(who, over, "example {} is certified to {:.6g}", radius, truth)
        for size in sizes:
            counts = np.abs(size - truth) > APART * np.minimum(truth, size)
            self.pairs += int(counts.sum())
            self.decided += int((counts & np.where(size < truth, radius >= size, seen <= size)).sum())
            due = counts & (size > truth)
            self.due += int(due.sum())
            self.found += int((due & (fooled <= size)).sum())

    def _tell(self, who: str, where: Array, told: str, value: Array, truth: Array) -> None:
        for place in np.flatnonzero(where):
            line = told.format(place, value[place])
            self.failures.append(f"{self.name}, {who}: {line}; the nearest mislabelled input is at {truth[place]:.6g}")

    def complaints(self) -> Iterator[str]:
        """All that is wrong, a line each."""
        yield from self.failures
        for what, count, of, least in (
            ("fooled by attacks, of what can be", self.found, self.due, self.reaches),
            ("decided", self.decided, self.pairs, self.decides),
        ):
            if of >= ENOUGH and count < least * of:
                yield f"{self.name}: {100 * count / of:.1f}% {what}; it has to be {100 * least:.0f}%"
