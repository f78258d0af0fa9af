"""A question to a model's process and what comes of it: a reply, or the model's exception, raised here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from adapters.errors import (
    AdapterError,
    Ended,
    InvalidOutput,
    NotImportable,
    NotRegistrable,
    NotWrappable,
    Raised,
    ShapeMismatch,
    Unsupported,
)
from adapters.remote import Reply
from bench.running.isolation.printing import shown
from bench.running.isolation.process import ModelProcess
from bench.running.isolation.wire import Garbled, Message, packed, unpacked
from bench.running.workers.protocol import Frame

T = TypeVar("T")
ATTEMPTS = 3
"""Of a question during which the process ended: a crash may be an accident. One that hung is not asked again."""
KNOWN: dict[str, type[AdapterError]] = {
    "Unsupported": Unsupported,
    "InvalidOutput": InvalidOutput,
    "ShapeMismatch": ShapeMismatch,
    "NotWrappable": NotWrappable,
    "NotImportable": NotImportable,
    "NotRegistrable": NotRegistrable,
    "AdapterError": AdapterError,
}
"""What the judge meets as it was raised; of all others it meets the text, as `Raised`."""


def asked(process: ModelProcess, message: Message, seconds: float) -> Reply:
    """The reply to a message.

    Raises:
        Exception: the model's.
        Ended: there is none within so many seconds, or none that makes sense. The process is gone by then.
    """
    return _reply(process, process.ask(packed(message), seconds))


def awaited(process: ModelProcess, seconds: float) -> Reply:
    """The reply to a message that was sent before; raises as `asked`."""
    return _reply(process, process.receive(seconds))


def persistently(ask: Callable[[], T]) -> T:
    """What `ask` returns, called again where the process that it starts or asks crashed.

    Raises:
        Ended: it crashed each time, or ended otherwise.
    """
    for _ in range(ATTEMPTS):
        try:
            return ask()
        except Ended as error:
            if error.kind != "crash":
                raise
            last = error
    raise Ended("crash", f"{last}, {ATTEMPTS} times")


def _reply(process: ModelProcess, frame: Frame) -> Reply:
    try:
        answer = unpacked(frame)
        if answer.kind not in ("answer", "error"):
            raise Garbled("something that is no reply")
    except Garbled as error:
        process.kill()
        raise Ended("invalid-output", f"its process answers with {error}") from None
    if answer.kind == "answer":
        return Reply(answer.tensors, answer.values)
    raise _told(answer.values) from Raised(f"in the model's process\n\n{_lines(answer.values.get('trace'))}")


def _told(values: Mapping[str, Any]) -> Exception:
    """The exception that a reply tells."""
    text = shown(str(values.get("text")), 1000)
    if values.get("short") is True:
        return MemoryError(text)
    known = KNOWN.get(str(values.get("type")))
    return Raised(text) if known is None else known(text)


def _lines(trace: object) -> str:
    """A traceback for whoever asks for it, with `--debug`."""
    return "\n".join(map(shown, str(trace).splitlines()))
