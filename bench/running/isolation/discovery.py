"""Which models a user's file has: asked of a process that imports it, which the judge's never does."""

from __future__ import annotations

from contextlib import ExitStack
from typing import NamedTuple

from adapters.errors import Ended, InvalidOutput
from adapters.registry import checked_name
from bench.running.isolation.asking import asked
from bench.running.isolation.limits import Limits, setup
from bench.running.isolation.process import ModelProcess
from bench.running.isolation.wire import Message


class Found(NamedTuple):
    """A model that a file offers."""

    name: str
    dataset: str | None
    """The one that it is for; None for any."""


def discover(spec: str, limits: Limits, process: ModelProcess) -> list[Found]:
    """The models of `FILE.py[:OBJECT]`, imported by a process that has nothing to do yet.

    Raises:
        AdapterError: the file does not import, or has no such models.
        Ended: its process ended, or took too long.
    """
    owner = spec.rpartition("/")[2]
    process.belongs_to(owner)
    question = Message("discover", {"setup": setup(limits), "spec": spec}, {})
    with ExitStack() as undone:
        undone.callback(process.kill)
        try:
            found = asked(process, question, limits.start_timeout).values.get("models")
        except MemoryError as error:
            raise Ended("oom", f"out of memory where it is imported: {error}") from None
        if not isinstance(found, list) or not found or not all(_is_offer(entry) for entry in found):
            raise InvalidOutput(f"the process of {owner} names no models")
        offers = [Found(checked_name(name), dataset) for name, dataset in found]
        undone.pop_all()
    return offers


def _is_offer(entry: object) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[0], str)
        and isinstance(entry[1], (str, type(None)))
    )
