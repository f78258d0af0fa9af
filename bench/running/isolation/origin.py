"""Where a model comes from that a process of its own makes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from adapters.errors import Ended, told
from adapters.registry import located
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.running.workers import Shared


@dataclass(frozen=True)
class Origin:
    """Small enough to travel with every task; equal where the model is."""

    source: Literal["file", "name", "object"]
    """A user's file; what an installed package registers; an object handed over from Python."""
    spec: str
    """`/path/FILE.py` or `/path/FILE.py:OBJECT`; the registered name; the SHA-256 of the object's pickle."""
    sha256: str | None = None
    """Of the file's bytes when the run was planned."""
    pickled: Shared[Any] | None = field(default=None, compare=False)
    """The object's pickle, which the judge passes on as it is."""

    @classmethod
    def file(cls, spec: str) -> Origin:
        """Of `FILE.py[:OBJECT]`, from whatever folder, with the file as it is now.

        Raises:
            NotRegistrable: there is no such file.
        """
        path, attribute = located(spec)
        return cls("file", f"{path}:{attribute}" if attribute else str(path), _sha256(path))

    @classmethod
    def object(cls, name: str, model: Any, inline: bool) -> Origin:
        """Of an object that was handed over under a name; it goes by cloudpickle.

        `inline` is for processes on other machines.

        Raises:
            UsageError: it cannot go.
        """
        from bench.running.workers import Shared
        from bench.running.workers.protocol import dumps

        try:
            data = dumps(model)
        except Exception as error:
            raise UsageError(
                f"model {name!r} cannot go to a process of its own ({told(error)}); "
                "name it as FILE.py:OBJECT, or leave out isolate"
            ) from error
        return cls("object", hashlib.sha256(data).hexdigest(), None, Shared.of(data, inline=inline))

    def verify(self) -> None:
        """Whether the file is still what it was.

        Raises:
            Ended: it is not; of the kind `changed`.
        """
        if self.sha256 is None:
            return
        path = Path(f"{self.spec.partition('.py:')[0].removesuffix('.py')}.py")
        if _sha256(path) != self.sha256:
            raise Ended("changed", f"{path.name} has changed since it was planned; run the same command again")

    def bytes(self) -> bytes:
        """What the model's process has to be sent of it."""
        return self.pickled.get() if self.pickled is not None else b""


def _sha256(path: Path) -> str:
    """Of a file's bytes; no digest where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"none: {error.strerror}"


def files_of(origins: Mapping[str, Origin]) -> dict[str, str]:
    """SHA-256 of model files, by the models' names."""
    return {name: origin.sha256 for name, origin in origins.items() if origin.sha256 is not None}
