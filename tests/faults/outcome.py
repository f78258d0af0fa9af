"""What a measurement came to: a row of the table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """How often each thing came out of the faults of one kind."""

    name: str
    right: tuple[str, ...]
    """What may come out; anything else is a failure."""
    found: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """What came out in place of it, in words, of the first few."""
    seconds: float = 0.0
    slowest: float = 0.0

    def add(self, came: str, seconds: float = 0.0, what: str = "") -> None:
        """One fault.

        Args:
            came: what came out of it.
            seconds: that it took.
            what: the fault itself, to be told where it came out wrong.
        """
        self.found[came] += 1
        self.seconds += seconds
        self.slowest = max(self.slowest, seconds)
        if came not in self.right:
            self.wrong.append(f"{self.name}: {came}: {what}")

    @property
    def faults(self) -> int:
        return self.found.total()

    @property
    def ok(self) -> bool:
        return bool(self.faults) and not self.wrong

    def row(self) -> tuple[str, ...]:
        """As in the table."""
        came = "; ".join(f"{times:,} {what}" for what, times in self.found.most_common())
        slowest = f"{self.slowest:.2g} s" if self.slowest else ""
        return self.name, f"{self.faults:,}", came, slowest, "yes" if self.ok else "NO"
