"""One worker process, seen from the process that started it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import cast

from bench.running.workers.protocol import Frame, greeted, receive, send

GRACE = 5.0
"""Seconds that a worker has to end by itself."""


class WorkerCrashed(Exception):
    """A worker process ended in the middle of a task. The text tells its exit code or signal."""


class RemoteError(Exception):
    """A task's exception that cannot be pickled, by its text."""


class Worker:
    """A `python -m bench.worker` and the pipes to it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start the process, without waiting for it.

        Args:
            environment: variables beside those of this process.

        Raises:
            OSError: no process can be started.
        """
        here = str(Path(__file__).parents[3])  # an uninstalled tree must find itself
        path = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the worker can ignore it
        try:
            self.process = subprocess.Popen(
                # -P: no file in the working directory is taken for a library
                [sys.executable, "-P", "-m", "bench.worker", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if _is_open(2) else subprocess.DEVNULL,
                bufsize=0,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path), **environment},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._greeted = False
        self._requests = cast(FileIO, self.process.stdin)
        self._replies = cast(FileIO, self.process.stdout)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def ask(self, frame: Frame) -> Frame:
        """Send a frame and wait for the reply.

        Raises:
            WorkerCrashed: there is none.
        """
        try:
            send(self._requests, frame)
            self._wait()
            if not self._greeted:
                greeted(self._replies)
                self._greeted = True
            return receive(self._replies)
        except (EOFError, OSError):
            raise WorkerCrashed(f"worker {self.process.pid} {self._end()}") from None

    def stop(self) -> None:
        """Let the process end, or end it where it does not within the grace."""
        self._requests.close()
        self._reap()
        self._replies.close()

    def _wait(self) -> None:
        """Until there is something to read. A process that forked may be dead while its child still holds the pipe."""
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        while not poll.poll(1000):
            if not self.alive and not poll.poll(0):
                raise EOFError

    def _end(self) -> str:
        self.stop()
        code = self.process.returncode
        if code >= 0:
            return f"ended with exit code {code} in the middle of a task"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"was ended by {name} in the middle of a task"

    def _reap(self) -> None:
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
