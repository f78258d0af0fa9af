"""Reading what others left in a folder: regular files of a bounded size and nothing else."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)
_CHUNK = 1 << 20


class Refused(ValueError):
    """What stands under a name is not read: no file, or one above the cap. The message goes on after the name."""


def read_file(path: Path, cap: int) -> bytes:
    """The bytes of a regular file, links followed. Nothing that stands in its place can hang or fill the memory.

    Args:
        path: of the file.
        cap: bytes that are read, at most.

    Raises:
        Refused: it is a pipe, a socket, a device or a folder, or has more bytes.
        OSError: it is not there, or cannot be read.
    """
    _check(os.stat(path), cap)  # before it is opened: opening a device may do something, and a pipe waits
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise Refused("is a pipe or a socket, no file") from None
        raise
    try:
        _check(os.fstat(descriptor), cap)  # what was opened may be another by now
        content = bytearray()
        while chunk := os.read(descriptor, min(_CHUNK, cap + 1 - len(content))):
            content += chunk
            if len(content) > cap:
                raise Refused(f"grows beyond {size_text(cap)}, the most that is read")
        return bytes(content)
    finally:
        os.close(descriptor)


def size_text(size: int) -> str:
    """Such as `256 kB` or `2.1 GB`."""
    if size >= 10**15:
        return "more than 1000 TB"
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}" if size < 1000 * unit else f"{size // unit} {name}"
    return f"{size} bytes"


def _check(found: os.stat_result, cap: int) -> None:
    for is_kind, kind in _KINDS:
        if is_kind(found.st_mode):
            raise Refused(f"is {kind}, no file")
    if found.st_size > cap:
        raise Refused(f"has {size_text(found.st_size)}, and {size_text(cap)} are the most that is read")
