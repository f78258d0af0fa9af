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
    by_the_clock: float = 0.0
    """The slowest, where the other seconds are the processor's; 0 where they are the clock's themselves."""

    def add(self, came: str, seconds: float = 0.0, what: str = "", by_the_clock: float = 0.0) -> None:
        """One fault.

        Args:
            came: what came out of it.
            seconds: that it took.
            what: the fault itself, to be told where it came out wrong.
            by_the_clock: seconds that passed, where `seconds` are the processor's.
        """
        self.found[came] += 1
        self.seconds += seconds
        self.slowest = max(self.slowest, seconds)
        self.by_the_clock = max(self.by_the_clock, by_the_clock)
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
        if self.by_the_clock:
            slowest = f"{slowest} of the processor, {self.by_the_clock:.2g} s by the clock"
        return self.name, f"{self.faults:,}", came, slowest, "yes" if self.ok else "NO"
