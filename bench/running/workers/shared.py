"""An object that is pickled once and read by many processes."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import secrets
import struct
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from multiprocessing.shared_memory import SharedMemory
from threading import RLock
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar, cast

from bench.running.workers.protocol import dumps, loads

try:
    from _posixshmem import shm_open  # what SharedMemory opens with, without the tracker that would unlink the block
except ImportError:  # pragma: no cover - Windows
    shm_open = None

T = TypeVar("T")
ALIGNMENT = 64
CACHED = 4 << 30
"""Bytes of shared objects that a process keeps unpickled, the newest in any case."""


class _Kept(NamedTuple):
    value: Any
    size: int


_kept: OrderedDict[str, _Kept] = OrderedDict()
_lock = RLock()


class Shared(Generic[T]):
    """A small handle of an object. The process that made it owns the block of memory, and removes it: on `close`, at
    the end of a `with` block, with the handle itself, or at exit.
    """

    def __init__(self, digest: str, size: int, block: str | None, inline: bytes | None) -> None:
        self.digest = digest
        """SHA-256 of the pickled bytes."""
        self.size = size
        self._block = block
        self._inline = inline
        self._release: weakref.finalize[..., Self] | None = None

    @classmethod
    def of(cls, value: T, *, inline: bool = False) -> Shared[T]:
        """Pickle an object.

        Args:
            value: what cloudpickle can take; arrays of NumPy are not copied when they are read.
            inline: carry the bytes in the handle, which then serves other machines too. So does a handle on a machine
                that has no room for a block.
        """
        chunks = _chunks(value)
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
        block = None if inline else _block(chunks, size)
        if block is None:
            return cls(digest.hexdigest(), size, None, b"".join(chunks))
        handle: Shared[T] = cls(digest.hexdigest(), size, block.name, None)
        handle._release = weakref.finalize(handle, _unlink, block, os.getpid())
        return handle

    def get(self) -> T:
        """The object; one for each process, which must not write into it. Arrays may be views of the block.

        Raises:
            FileNotFoundError: the block is closed, or another machine's.
        """
        with _lock:
            if self.digest not in _kept:
                data = self._bytes()
                if hashlib.sha256(data).hexdigest() != self.digest:
                    raise ValueError("a block of shared memory is not what its owner wrote")
                _kept[self.digest] = _Kept(_unpickled(data), self.size)
            _kept.move_to_end(self.digest)
            while len(_kept) > 1 and sum(kept.size for kept in _kept.values()) > CACHED:
                _kept.popitem(last=False)
            return cast(T, _kept[self.digest].value)

    def close(self) -> None:
        """Remove the block. Processes that have the object keep it."""
        if self._release is not None:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Shared[T]], tuple[str, int, str | None, bytes | None]]:
        return type(self), (self.digest, self.size, self._block, self._inline)

    def _bytes(self) -> memoryview:
        """The pickled bytes, writable by this process alone: some estimators refuse arrays that are read-only."""
        if self._inline is not None:
            return memoryview(bytearray(self._inline))
        try:
            descriptor = shm_open(f"/{self._block}", os.O_RDONLY, mode=0)
        except FileNotFoundError:
            raise FileNotFoundError(
                "the shared object is closed, or of another machine; Shared.of(..., inline=True) travels"
            ) from None
        try:
            return memoryview(mmap.mmap(descriptor, self.size, access=mmap.ACCESS_COPY))
        except OSError:  # macOS maps such memory only as shared
            with mmap.mmap(descriptor, self.size, access=mmap.ACCESS_READ) as whole:
                return memoryview(bytearray(whole))
        finally:
            os.close(descriptor)


def _chunks(value: Any) -> list[bytes | memoryview]:
    """Bytes to be put one after the other: an index of sizes, the pickle, its buffers, each on an even address."""
    buffers: list[Any] = []
    pickled = dumps(value, buffer_callback=buffers.append)
    parts: list[bytes | memoryview] = [pickled, *(buffer.raw() for buffer in buffers)]
    index = struct.pack(f"<Q{len(parts)}Q", len(parts), *map(len, parts))
    chunks: list[bytes | memoryview] = []
    for part in (index, *parts):
        chunks += [part, bytes(-len(part) % ALIGNMENT)]
    return chunks


def _unpickled(data: memoryview) -> Any:
    (count,) = struct.unpack_from("<Q", data)
    start, parts = 8 + 8 * count, []
    for size in struct.unpack_from(f"<{count}Q", data, 8):
        start += -start % ALIGNMENT
        parts.append(data[start : start + size])
        start += size
    return loads(parts[0], buffers=parts[1:])


def _block(chunks: Sequence[bytes | memoryview], size: int) -> SharedMemory | None:
    """A block that holds the chunks, or None where there is no room for it."""
    if shm_open is None:
        return None
    try:
        block = SharedMemory(f"potemkin-{os.getpid()}-{secrets.token_hex(4)}", create=True, size=size)
    except OSError:
        return None
    try:
        _allocate(block, size)
    except OSError:
        _unlink(block, os.getpid())
        return None
    start, memory = 0, cast(memoryview, block.buf)
    for chunk in chunks:
        memory[start : start + len(chunk)] = chunk
        start += len(chunk)
    memory.release()
    block.close()  # the mapping; the block stays
    return block


def _allocate(block: SharedMemory, size: int) -> None:
    """Take the memory now: where /dev/shm is small, as in containers, writing beyond its end kills the process."""
    descriptor = shm_open(f"/{block.name}", os.O_RDWR, mode=0)
    with contextlib.closing(os.fdopen(descriptor, "wb")):
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)


def _unlink(block: SharedMemory, owner: int) -> None:
    if os.getpid() == owner:  # not a fork of it
        block.close()
        with contextlib.suppress(FileNotFoundError):
            block.unlink()
