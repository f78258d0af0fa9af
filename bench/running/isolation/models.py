"""The models of one run that have processes of their own. Loads torch only where one is asked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from adapters.registry import Registration
from bench.progress import Say
from bench.running.isolation.limits import Limits
from bench.running.isolation.origin import Origin
from bench.running.isolation.printing import Heard
from bench.running.isolation.process import ModelProcess

if TYPE_CHECKING:
    from adapters.remote import Remote
    from bench.running.isolation.channel import Place, ProcessChannel


class Isolated:
    """A process for each, started ahead of its use: importing torch takes it two seconds."""

    def __init__(self, limits: Limits, say: Say) -> None:
        """`say` is told what models print."""
        self.limits = limits
        self.origins: dict[str, Origin] = {}
        self._heard = Heard(say)
        self._blank: list[ModelProcess] = []
        """Started, and of nobody yet."""
        self._imported: dict[str, ModelProcess] = {}
        """Which have found out what a file has, and may hold one of its models; by what was asked for."""
        self._channels: dict[str, ProcessChannel] = {}
        self._afresh: list[ProcessChannel] = []

    def expect(self, count: int) -> None:
        """Start so many processes, no more at once than there are cores."""
        while len(self._blank) < min(count, os.cpu_count() or 1):
            self._blank.append(ModelProcess(self._heard))

    def offers(self, spec: str) -> list[Registration]:
        """The models of `FILE.py[:OBJECT]`, each with its `Origin` for an offer. The file is run, elsewhere.

        Raises:
            AdapterError: the file does not exist or import, or has no such models.
            Ended: its process ended, or took too long.
        """
        origin = Origin.file(spec)
        from bench.running.isolation.asking import persistently
        from bench.running.isolation.discovery import Found, discover

        def looked() -> list[Found]:
            self.expect(1)
            process = self._blank.pop()
            found = discover(origin.spec, self.limits, process)
            self._imported[origin.spec] = process
            return found

        found = persistently(looked)
        origin.verify()
        return [Registration(offer.name, origin, offer.dataset) for offer in found]

    def add(self, name: str, origin: Origin) -> None:
        """Make a model known."""
        self.origins[name] = origin

    def remote(self, name: str, place: Place) -> Remote:
        """The model itself, in its process.

        Raises:
            UsageError: it cannot be made.
            Ended: its process ended in the making, or took too long.
        """
        from adapters.remote import Remote

        channel = self._channel(name, place)
        others = [other for other in self.origins if other not in self._channels and other != name]
        for other in others[: max(1, (os.cpu_count() or 1) - 1)]:
            if self.origins[other].source != "object":  # whose pickle may be larger than a pipe is
                self._channel(other, place).begin()
        adapter = Remote(channel)
        return adapter.to(place.device)

    def another(self, name: str, place: Place) -> ProcessChannel:
        """To the same model, made once more in a process that nobody has asked anything; it is not waited for."""
        from bench.running.isolation.channel import ProcessChannel

        process = self._blank.pop() if self._blank else None
        channel = ProcessChannel(name, self.origins[name], place, self.limits, self._heard, process)
        self._afresh.append(channel)
        if self.origins[name].source != "object":  # whose pickle may be larger than a pipe is
            channel.begin()
        return channel

    def _channel(self, name: str, place: Place) -> ProcessChannel:
        from bench.running.isolation.channel import ProcessChannel

        if name not in self._channels:
            origin = self.origins[name]
            process = self._imported.pop(origin.spec, None) or (self._blank.pop() if self._blank else None)
            self._channels[name] = ProcessChannel(name, origin, place, self.limits, self._heard, process)
        return self._channels[name]

    def close(self) -> None:
        """End all processes. A model that is asked again is made again."""
        for process in self._blank:
            process.kill()
        used: list[ModelProcess | ProcessChannel] = [*self._imported.values(), *self._channels.values(), *self._afresh]
        for each in used:
            each.let_go()
        for each in used:
            each.close()
        self._blank, self._imported, self._channels, self._afresh = [], {}, {}, []
