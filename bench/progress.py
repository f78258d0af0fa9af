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


class Plain(Progress):
    """A line now and then, for logs."""

    def __init__(self) -> None:
        self._last = time.monotonic() - EVERY

    def starting(self, text: str) -> None:
        self.say(text)

    def doing(self, text: str, share: float) -> None:
        now = time.monotonic()
        if now - self._last >= EVERY:
            self._last = now
            self.say(f"[{share:4.0%}] {text}")


class _Bar(Progress):
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        text = TextColumn("{task.description}", markup=False)
        columns = BarColumn(24), TaskProgressColumn(), TimeElapsedColumn(), text
        self.rich = RichProgress(*columns, console=Console(stderr=True), transient=True)
        self._task = self.rich.add_task("planning", total=1.0)

    def say(self, line: str) -> None:
        self.rich.console.print(visible(line), markup=False, highlight=False)

    def starting(self, text: str) -> None:
        self.rich.update(self._task, description=visible(text))

    def doing(self, text: str, share: float) -> None:
        self.rich.update(self._task, completed=share, description=visible(text))


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
