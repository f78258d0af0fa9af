"""What a model prints: shown on standard error with its name, and no more of it than a person reads."""

from __future__ import annotations

from collections import Counter, deque
from io import FileIO
from threading import Thread

from bench.progress import Say

LINES = 20
"""Shown of one model."""
WIDTH = 400
"""Characters of a line that are shown."""
LAST = 8
"""Lines kept for whoever asks why the process ended."""


class Heard:
    """What the models of a run have printed so far, in however many processes each."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._lines: Counter[str] = Counter()

    def line(self, owner: str, line: str) -> None:
        """Tell of a line, if it is not one too many."""
        self._lines[owner] += 1
        if self._lines[owner] <= LINES:
            self._say(f"{owner} prints: {line}")
        elif self._lines[owner] == LINES + 1:
            self._say(f"{owner} prints more, which is not shown")


class Printed:
    """A process's output, read to its end by a thread of its own, so that nothing waits for a full pipe."""

    def __init__(self, stream: FileIO, heard: Heard) -> None:
        """`stream` is what it prints into; `heard` is told each line."""
        self._stream, self._heard = stream, heard
        self.owner = "a model"
        """Whose it is, for people."""
        self.last: deque[str] = deque(maxlen=LAST)
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def settle(self, seconds: float) -> None:
        """Wait for the end of it, which a child of the process may keep from coming."""
        self._thread.join(seconds)

    def _read(self) -> None:
        rest = b""
        with self._stream:
            while data := self._stream.read(1 << 16):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._take(line)
                if len(rest) > 1 << 16:  # one line without end
                    self._take(rest)
                    rest = b""
            self._take(rest)

    def _take(self, raw: bytes) -> None:
        line = shown(raw.decode(errors="replace")).strip()
        if line:
            self.last.append(line)
            self._heard.line(self.owner, line)


def shown(text: str, most: int = WIDTH) -> str:
    """A stranger's text for a terminal: in a line of so many characters at most, without control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:most])
