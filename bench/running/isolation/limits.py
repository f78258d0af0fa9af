"""What a model in a process of its own is allowed."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from typing import Any

from bench.errors import UsageError

TIMEOUT = 600.0
START_TIMEOUT = 1800.0


@dataclass(frozen=True)
class Limits:
    """Generous ones, for a model that hangs to be told from one that is slow."""

    timeout: float = TIMEOUT
    """Seconds for one question: outputs, or a gradient, of one batch."""
    start_timeout: float = START_TIMEOUT
    """Seconds for importing the file, making the model (which may fit it) and trying an input shape."""
    memory: float | None = None
    """Gigabytes (10^9 bytes) of data that the process may hold; None for as much as there is."""

    def __post_init__(self) -> None:
        """
        Raises:
            UsageError: a limit that is not positive and finite.
        """
        names = {"timeout": self.timeout, "start-timeout": self.start_timeout, "memory-limit": self.memory}
        for name, value in names.items():
            if value is not None and not (isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
                raise UsageError(f"{name} {value!r}: give a positive number of {'GB' if 'mem' in name else 'seconds'}")


def setup(limits: Limits) -> dict[str, Any]:
    """What a new process is told before anything else: where to import from, its folder, and bytes of memory."""
    memory = None if limits.memory is None else int(limits.memory * 1e9)
    return {"path": list(map(str, sys.path)), "folder": os.getcwd(), "memory": memory}
