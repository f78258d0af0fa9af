"""Ctrl-C: once to stop after what is under way, twice to stop at once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from bench.progress import Progress


@contextlib.contextmanager
def graceful(progress: Progress) -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C only asks to stop after the part at hand; the second one interrupts."""
    asked = False

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        progress.say("finishing the records at hand; press Ctrl-C again to stop at once")

    try:
        before = signal.signal(signal.SIGINT, ask_to_stop)
    except ValueError:  # not in the main thread, where signals cannot be had
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
