"""The channel to a model in a process of its own: starts it, starts it again after a crash, and at last gives it up."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any

import torch
from torch import Tensor

from adapters.errors import AdapterError, Ended, Raised, told
from adapters.identified import NO_VERSION
from adapters.remote import Reply, Told
from bench.errors import BrokenModel
from bench.running.isolation.asking import asked, awaited, persistently
from bench.running.isolation.limits import Limits, setup
from bench.running.isolation.origin import Origin
from bench.running.isolation.printing import Heard
from bench.running.isolation.process import ModelProcess
from bench.running.isolation.wire import Message, packed

STRIKES = 3
"""Questions that came to nothing in all their attempts, after which a model is not started any more."""
HALVINGS = 12
"""The same of questions that memory was too short for: each is asked again of half as many examples."""


@dataclass(frozen=True)
class Place:
    """What a model is fitted to, and where."""

    input_shape: tuple[int, ...]
    classes: Sequence[str]
    dataset: str
    device: str


class ProcessChannel:
    """A `Channel` to the process of one model, whichever process that is by now."""

    def __init__(
        self, name: str, origin: Origin, place: Place, limits: Limits, heard: Heard, process: ModelProcess | None = None
    ) -> None:
        """
        Args:
            name: on the board.
            origin: where the model comes from.
            place: what it is fitted to.
            limits: of its process.
            heard: told what it prints.
            process: one that has been set up, for the first start; None to start one.
        """
        self._name, self._origin, self._place, self._limits, self._heard = name, origin, place, limits, heard
        self._spare = process
        self._begun = False
        """Whether the spare one is making the model already."""
        self._process: ModelProcess | None = None
        self._info: Reply | None = None
        self._told: Told | None = None
        self._strikes = 0.0
        self._last = Ended("crash", "")
        self._lock = RLock()

    def ask(self, question: str, tensors: Mapping[str, Tensor], options: Mapping[str, Any]) -> Reply:
        """The model's reply, by the same model in another process where the first ended.

        Raises:
            Ended: there is none to be had.
        """
        with self._lock:
            if question == "info" and not options and self._info is None:
                return persistently(self._start)
            if self._strikes > 0.99:
                raise self._last
            try:
                return persistently(lambda: self._asked(question, tensors, options))
            except Ended as error:
                self._last = error
                self._count(error)
                raise self._last from error.__cause__

    def begin(self) -> None:
        """Have the model made, without waiting for it: what comes of that shows when it is asked."""
        if self._spare is None:
            self._spare = ModelProcess(self._heard)
        self._spare.belongs_to(self._name)
        with contextlib.suppress(Ended):
            self._spare.send(packed(self._making()), self._limits.start_timeout)
            self._begun = True

    def let_go(self) -> None:
        """Ask nothing more for now."""
        for process in (self._spare, self._process):
            if process is not None:
                process.let_go()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            for process in (self._spare, self._process):
                if process is not None:
                    process.close()
            self._spare = self._process = None

    # -- inside -------------------------------------------------------------------------------------------------------

    def _count(self, error: Ended) -> None:
        """Give the model up after too many ends.

        Raises:
            MemoryError: it ended for want of memory; fewer examples at once may do.
        """
        short = error.kind == "oom"
        self._strikes += 1 / HALVINGS if short else 1 / STRIKES
        if self._strikes > 0.99:
            self._last = Ended(error.kind, f"{error}; it is not started again in this run")
        elif short:
            raise MemoryError(str(error))

    def _asked(self, question: str, tensors: Mapping[str, Tensor], options: Mapping[str, Any]) -> Reply:
        if self._process is None or not self._process.alive:
            self._start()
        assert self._process is not None
        return asked(self._process, Message(question, dict(options), dict(tensors)), self._limits.timeout)

    def _start(self) -> Reply:
        """Make the model in a new process: the one that was planned, or none.

        Raises:
            BrokenModel: the first time, where the model cannot be made.
            Ended: where its process ends; and where another model comes of a later start.
        """
        self._origin.verify()
        (process, self._spare), (begun, self._begun) = (self._spare, None), (self._begun, False)
        if process is None or not (begun or process.alive):
            process, begun = ModelProcess(self._heard), False
        process.belongs_to(self._name)
        limit = self._limits.start_timeout
        try:
            found = awaited(process, limit) if begun else asked(process, self._making(), limit)
            self._origin.verify()  # what was imported is what was there before and after
            now = Told.of(found)
        except BaseException as error:  # noqa: BLE001 - what it means is told
            process.kill()
            raise self._refusal(error) from error.__cause__
        before, self._process = self._told, process
        if before is not None and NO_VERSION not in before.notes and now.fingerprint != before.fingerprint:
            process.kill()
            raise Ended("changed", "started again it is another model; make it the same way each time, seeds included")
        self._info, self._told = found, before or now
        return found

    def _refusal(self, error: BaseException) -> BaseException:
        """What an exception in the making means."""
        if isinstance(error, Ended) or not isinstance(error, Exception):
            return error
        if isinstance(error, MemoryError):
            return Ended("oom", f"out of memory where it is made: {error}")
        if isinstance(error, AdapterError) and not isinstance(error, Raised):
            text = f"model {self._name}: {error} (dataset {self._place.dataset})"
        else:
            text = f"model {self._name} cannot be made: {told(error)}"
        return BrokenModel(text) if self._told is None else Ended("exception", f"when it was started again, {text}")

    def _making(self) -> Message:
        dtype = str(torch.get_default_dtype()).removeprefix("torch.")
        values = {
            "setup": setup(self._limits),
            "source": self._origin.source,
            "spec": self._origin.spec,
            "name": self._name,
            "input_shape": list(self._place.input_shape),
            "classes": list(self._place.classes),
            "device": self._place.device,
            "threads": torch.get_num_threads(),
            "precision": torch.get_float32_matmul_precision(),
            "dtype": dtype,
        }
        return Message("make", values, {}, self._origin.bytes())
