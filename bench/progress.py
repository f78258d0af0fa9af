"""Telling a person how the run goes: a bar on a terminal, plain lines elsewhere.

What takes long takes a `Progress`, by default `SILENT`; what has only a line to say, or only how far it is, takes a
`Say` or a `Doing`, by default `quiet`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.choices import Style
from bench.table import visible

EVERY = 15.0
"""Seconds between plain lines."""
SETTLED = 1.0
"""Seconds after which a pace tells something,"""
ENOUGH = 0.02
"""and the share."""

BAR = 10
"""Columns of the bar."""

Say = Callable[[str], None]
"""Told a line."""
Doing = Callable[[str, float], None]
"""Told what is being done, and which share (0 to 1) of all is done."""


def quiet(*told: object) -> None:
    """A `Say` and a `Doing` that tells nobody."""


class Progress:
    """Who is told how the run goes. This one says only what a person must see."""

    def say(self, line: str) -> None:
        """A line that a person must see."""
        sys.stderr.write(visible(line) + "\n")
        sys.stderr.flush()

    def starting(self, text: str) -> None:
        """The beginning of something that takes long and happens once, such as refitting a model."""

    def doing(self, text: str, share: float) -> None:
        """What is being done now, and which share (0 to 1) of all is done."""


SILENT = Progress()


class Pace:
    """The time to go, by what the shares told so far have taken."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """From here on, as something else begins."""
        self._start, self._last = self._clock(), 0.0

    def left(self, share: float) -> float | None:
        """Seconds to go where this share (0 to 1) of all is done; None where nothing tells yet."""
        if share <= 0 or share < self._last / 2:  # of something else than before
            self.begin()
        self._last = share
        elapsed = self._clock() - self._start
        return elapsed * (1 - share) / share if share >= ENOUGH and elapsed >= SETTLED else None


def to_go(seconds: float | None) -> str:
    """Such as `40 s to go`, `12 min to go`, `3.5 h to go`; empty where it is not known."""
    return "" if seconds is None else f"{lasting(seconds)} to go"


def lasting(seconds: float) -> str:
    """A time in the unit that suits it, no finer than an estimate is."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


class Plain(Progress):
    """A line now and then, for logs."""

    def __init__(self) -> None:
        self._last = time.monotonic() - EVERY
        self._pace = Pace()

    def starting(self, text: str) -> None:
        self._pace.begin()
        self.say(text)

    def doing(self, text: str, share: float) -> None:
        left, now = to_go(self._pace.left(share)), time.monotonic()
        if now - self._last >= EVERY:
            self._last = now
            self.say(f"[{share:4.0%}] {f'{left}, ' if left else ''}{text}")


class _Bar(Progress):
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as RichProgress
        from rich.table import Column

        left = TextColumn("{task.fields[left]}", markup=False)
        text = TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, overflow="fold"))
        columns = BarColumn(BAR), TaskProgressColumn(), left, text
        self.rich = RichProgress(*columns, console=Console(stderr=True), transient=True, expand=True)
        self._task = self.rich.add_task("planning", total=1.0, left="")
        self._pace = Pace()

    def say(self, line: str) -> None:
        self.rich.console.print(visible(line), markup=False, highlight=False)

    def starting(self, text: str) -> None:
        self._pace.begin()
        self.rich.update(self._task, description=self._fitting(text, ""), left="")

    def doing(self, text: str, share: float) -> None:
        left = to_go(self._pace.left(share))
        self.rich.update(self._task, completed=share, description=self._fitting(text, left), left=left)

    def _fitting(self, text: str, left: str) -> str:
        """Text as lines that end between words, beside the bar, the share and the time to go."""
        from bench.screen import NARROWEST, broken

        beside = BAR + len("100%") + len(left) + 3  # and the blanks between
        return broken(visible(text), max(self.rich.console.width - beside, NARROWEST))


@contextmanager
def progress(style: Style) -> Iterator[Progress]:
    """Someone to tell. `auto` is a bar where standard error is a terminal, lines elsewhere."""
    if style == "none":
        yield SILENT
    elif style == "plain" or not sys.stderr.isatty():
        yield Plain()
    else:
        bar = _Bar()
        with bar.rich:
            yield bar
