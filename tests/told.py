"""Somebody to tell who remembers."""

from __future__ import annotations

from bench.progress import Progress


class Told(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.doings: list[tuple[str, float]] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def starting(self, text: str) -> None:
        self.lines.append(text)

    def doing(self, text: str, share: float) -> None:
        self.doings.append((text, share))
