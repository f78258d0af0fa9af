"""The process of one model, seen from the process that judges it: asked with a deadline, trusted with nothing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from adapters.errors import Ended
from bench.running.isolation.printing import Heard, Printed
from bench.running.workers.protocol import LENGTHS, Frame

GRACE = 1.0
"""Seconds from asking a process to end until it has to."""
TICK = 0.25
"""Seconds between two looks whether a process lives that says nothing: its children may keep the pipe open."""
HEADER = 4 << 20
"""Bytes of a reply's header, at most."""
BLOB = 256 << 20
"""Bytes of a reply's tensors, at most, beside those of four times the question's."""
OF_MEMORY = ("MemoryError", "bad_alloc", "annot allocate memory", "ut of memory")
"""What a process says that ends for want of memory."""


class ModelProcess:
    """A `python -m bench.worker` that holds one model, and the pipes to it. Nothing it sends is ever unpickled."""

    def __init__(self, heard: Heard) -> None:
        """Start it, without waiting for it. `heard` is told the lines that it prints.

        Raises:
            Ended: no process can be started.
        """
        self._killings = _killings()
        theirs, mine = _pipes()
        here = str(Path(__file__).parents[3])  # an uninstalled tree must find itself
        path = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
        requests, replies, life, printed = theirs
        try:
            self._process = subprocess.Popen(
                # -P: no file in the working directory is taken for a library
                [sys.executable, "-P", "-m", "bench.worker", "model", *map(str, (requests, replies, life))],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                pass_fds=(requests, replies, life),
                start_new_session=True,  # Ctrl-C is for the judge; and its children can be ended with it
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            )
        except OSError as error:
            for descriptor in mine:
                os.close(descriptor)
            raise Ended("crash", f"no process can be started for it: {error.strerror}") from None
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self._requests, self._replies = FileIO(mine[0], "wb"), FileIO(mine[1], "rb")
        self._life = FileIO(mine[2], "wb")  # when it closes, as by the end of this process, that one is killed
        self._printed = Printed(FileIO(mine[3], "rb"), heard)

    def belongs_to(self, owner: str) -> None:
        """Say whose it is, for what it prints."""
        self._printed.owner = owner

    @property
    def alive(self) -> bool:
        return self._process.poll() is None and not self._requests.closed

    def ask(self, frame: Frame, seconds: float) -> Frame:
        """Send a frame and wait for the reply.

        Raises:
            Ended: there is none within so many seconds. The process is gone by then.
        """
        deadline = time.monotonic() + seconds
        self.send(frame, seconds, deadline)
        return self.receive(seconds, 4 * len(frame.blob), deadline)

    def send(self, frame: Frame, seconds: float, deadline: float | None = None) -> None:
        """Send a frame, whose reply somebody will wait for."""
        header = json.dumps(frame.header).encode()
        with self._answerable(seconds, deadline) as deadline:
            self._write(LENGTHS.pack(len(header), len(frame.blob)) + header, deadline)
            self._write(frame.blob, deadline)

    def receive(self, seconds: float, more: int = 0, deadline: float | None = None) -> Frame:
        """Wait for the reply to the frame sent, of `BLOB` bytes and so many `more` at most."""
        with self._answerable(seconds, deadline) as deadline:
            header_size, blob_size = LENGTHS.unpack(self._read(LENGTHS.size, deadline))
            if header_size > HEADER or blob_size > BLOB + more:
                raise ValueError("more bytes than a reply has")
            return Frame(json.loads(self._read(header_size, deadline)), self._read(blob_size, deadline))

    @contextlib.contextmanager
    def _answerable(self, seconds: float, deadline: float | None) -> Iterator[float]:
        """Within, until the deadline (by default so many seconds on), a process that fails is ended, and that is told.

        Raises:
            Ended: it does not.
        """
        try:
            yield time.monotonic() + seconds if deadline is None else deadline
        except TimeoutError:
            self.kill()
            raise Ended("timeout", f"no answer within {seconds:g} s") from None
        except (EOFError, OSError):
            raise self._death() from None
        except (ValueError, RecursionError):  # of JSON, too
            self.kill()
            raise Ended("invalid-output", "its process answers with something that is no reply") from None
        except BaseException:  # Ctrl-C in the middle of a reply: the rest of it would be the next one
            self.kill()
            raise

    def kill(self) -> None:
        """End it and its children, with force where they do not go by themselves."""
        self._finish(signal.SIGTERM, GRACE)

    def let_go(self) -> None:
        """Ask nothing more of it: it ends by itself, while others are let go."""
        self._requests.close()

    def close(self) -> None:
        """Let it end by itself, in a moment."""
        self._finish(None, 2 * GRACE)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _finish(self, first: signal.Signals | None, seconds: float) -> None:
        if self._life.closed:  # by now its number may be another's
            return
        self._requests.close()
        if first is not None:
            self._signal(first)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self._signal(signal.SIGKILL)  # children too, of one that has gone as well
        self._process.wait()
        self._replies.close()
        self._life.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _write(self, data: bytes | bytearray, deadline: float) -> None:
        rest = memoryview(data)
        while rest:
            self._wait(self._requests, select.POLLOUT, deadline)
            rest = rest[self._requests.write(rest) or 0 :]

    def _read(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            self._wait(self._replies, select.POLLIN, deadline)
            count = self._replies.readinto(rest)
            if count == 0:
                raise EOFError
            rest = rest[count or 0 :]
        return data

    def _wait(self, stream: FileIO, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(stream, event)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if poll.poll(1000 * min(left, TICK)):
                return
            if not self.alive and not poll.poll(0):
                raise EOFError

    def _death(self) -> Ended:
        """Why it ended by itself; one that only closed its pipes is ended now."""
        try:
            code: int | None = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            code = None
        self.kill()
        self._printed.settle(0.5)
        short = any(word in line for line in self._printed.last for word in OF_MEMORY)
        if code == -signal.SIGKILL and _killings() > self._killings:
            return Ended("oom", "its process was ended by the system, which was short of memory")
        if code is None:
            return Ended("crash", "its process closed the pipes to it")
        how = f"ended with exit code {code}" if code >= 0 else f"was ended by {_name(-code)}"
        return Ended("oom" if short and code else "crash", f"its process {how}{' for want of memory' * short}")


def _pipes() -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Its ends and ours of the pipes for requests, replies, its life, and what it prints. Ours never block."""
    asked, request = os.pipe()
    reply, said = os.pipe()
    living, life = os.pipe()
    heard, printed = os.pipe()
    for descriptor in (request, reply):
        os.set_blocking(descriptor, False)
        with contextlib.suppress(AttributeError, OSError):  # of Linux; a batch goes in two pieces in place of thirty
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 1 << 20)
    return (asked, said, living, printed), (request, reply, life, heard)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _killings() -> int:
    """How often this system has ended a process for want of memory; 0 where it does not tell."""
    total = 0
    for place in ("/proc/vmstat", "/sys/fs/cgroup/memory.events"):
        with contextlib.suppress(OSError, ValueError):
            lines = [line.split() for line in Path(place).read_text().splitlines()]
            total += sum(int(words[1]) for words in lines if words[0] == "oom_kill")
    return total
