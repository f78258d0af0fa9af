"""What the checks of one model came to, for people and for tests."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from bench.table import Table

Status = Literal["pass", "warn", "fail", "skipped"]


class Finding(NamedTuple):
    """What one check came to."""

    status: Status
    seen: str
    """What was seen; the reason where the check does not apply."""

    @property
    def flagged(self) -> bool:
        return self.status in ("warn", "fail")


passed, failed, skipped = (partial(Finding, status) for status in ("pass", "fail", "skipped"))
warned = partial(Finding, "warn")
"""For what is true of the model and no fault of its adapter, but makes numbers look better than they are."""


def share(count: int, of: int) -> str:
    """Such as `3 of 100 examples`."""
    return f"{count} of {of} example{'s' if of != 1 else ''}"


@dataclass(frozen=True)
class Verdict:
    """A check and what it came to."""

    check: str
    status: Status
    seen: str
    remedy: str = ""
    """What to do; empty where there is nothing to do."""


@dataclass(frozen=True, repr=False)
class Report:
    """Verdicts on one model. True where none is a failure; its text is the table."""

    about: str
    """The model: its family, gradient and confidence."""
    verdicts: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; warnings do not count."""
        return not self.failures

    @property
    def failures(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.status == "fail")

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        """One line that names what failed: what `pytest` shows of a failed `assert`."""
        wrong = "; ".join(f"{verdict.check}: {verdict.seen}" for verdict in self.failures)
        return f"<{self.summary()}{wrong and f': {wrong}'}>"

    def __str__(self) -> str:
        return self.table().markdown()

    def raise_if_failed(self) -> None:
        """Raise AssertionError, whose message is the table, if something failed."""
        if not self.ok:
            raise AssertionError(f"{self.summary()}\n{self}")

    def summary(self) -> str:
        """Such as `1 failed, 2 warnings, 14 passed, 3 skipped`."""
        count = Counter(verdict.status for verdict in self.verdicts)
        words = {"fail": "failed", "warn": "warning" if count["warn"] == 1 else "warnings"}
        words |= {"pass": "passed", "skipped": "skipped"}
        return ", ".join(f"{count[status]} {word}" for status, word in words.items() if count[status])  # type: ignore[index]

    def table(self, name: str = "") -> Table:
        """One line a check, and below what to do about those that did not pass. A name heads it, if given."""
        rows = tuple((found.check, found.status, found.seen) for found in self.verdicts)
        remedies = [f"- {found.check}: {found.remedy}" for found in self.verdicts if found.remedy]
        note = "\n".join([self.summary(), *([""] if remedies else []), *remedies])
        title = f"{name}: {self.about}" if name else self.about
        return Table(title, ("check", "verdict", "seen"), rows, note)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"about": self.about, "ok": self.ok, "checks": [asdict(verdict) for verdict in self.verdicts]}
