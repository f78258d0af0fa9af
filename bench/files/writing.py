"""Files that appear whole or not at all, whatever ends the program meanwhile."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bench.errors import DiskError
from bench.files.temporary import sweep, temporary

_LINKLESS = {
    getattr(errno, name)
    for name in ("EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV", "EINVAL")
    if hasattr(errno, name)
}
"""How file systems say that they have no hard links (vfat, exfat, some network and user-space ones) or no more."""
_NO_FLUSH = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EISDIR}
"""How file systems say that a folder cannot be flushed."""


@contextmanager
def whole_file(path: Path, *, new: bool = False) -> Iterator[BinaryIO]:
    """A file to write into that takes the name `path` at the block's end; nothing is left of it where that fails.

    The folder is made. With `new`, a name that is taken stays, and FileExistsError is raised.

    Raises:
        DiskError: it cannot be written.
    """
    half = temporary(path)
    with _told(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent)) from error
        file = half.open("wb")
    try:
        try:
            with _told(path, body=True):
                yield file
            with _told(path):
                file.flush()
                os.fsync(file.fileno())
        finally:
            with contextlib.suppress(OSError):  # what could not be written cannot be written at the close either
                file.close()
        with _told(path):
            if new:
                move_new(half, path)
            else:
                os.replace(half, path)
    finally:
        with _told(path):
            half.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place of any that is there, in one step.

    Raises:
        DiskError: it cannot be written.
    """
    with whole_file(path) as file:
        file.write(content)


def create_file(path: Path, content: bytes) -> bool:
    """Write a file unless its name is taken, which says the result; once true, the name outlives a power cut.

    Raises:
        DiskError: it cannot be written.
    """
    try:
        with whole_file(path, new=True) as file:
            file.write(content)
    except FileExistsError:
        return False
    with _told(path):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        except OSError as error:
            if error.errno not in _NO_FLUSH:
                raise
        finally:
            os.close(folder)
    return True


def move_new(half: Path, path: Path) -> None:
    """Give a file a name that is free, in one step that never overwrites; its old name may stay.

    By a hard link where there are any, else by a renaming that the system refuses where the name is taken, else by one
    under a lock, which goes with whoever holds it.

    Raises:
        FileExistsError: the name is taken.
        OSError: there is no such way on this file system, or it fails.
    """
    try:
        os.link(half, path)
        return
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _LINKLESS:
            raise
    if not _renamed(half, path):
        _renamed_under_lock(half, path)


def _renamed(half: Path, path: Path) -> bool:
    """Rename unless the name is taken; False where the system or the file system cannot."""
    if os.name == "nt":
        os.rename(half, path)  # never overwrites there
        return True
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(half), os.fsencode(path)
    if sys.platform == "darwin":
        call = getattr(libc, "renamex_np", None)
        given: tuple[object, ...] = (*names, ctypes.c_uint(4))  # RENAME_EXCL
    else:
        call = getattr(libc, "renameat2", None)
        here = ctypes.c_int(-100)  # AT_FDCWD
        given = here, names[0], here, names[1], ctypes.c_uint(1)  # RENAME_NOREPLACE
    if call is None:
        return False
    if call(*given) == 0:
        return True
    number = ctypes.get_errno()
    if number in _LINKLESS:
        return False
    raise OSError(number, os.strerror(number), str(path))


def _renamed_under_lock(half: Path, path: Path) -> None:
    try:
        import fcntl

        lock = os.open(path.parent / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    except ImportError:
        raise OSError(errno.ENOTSUP, "no way to name a file without overwriting", str(path)) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            why = f"neither hard links nor locks on this file system ({error.strerror})"
            raise OSError(errno.ENOTSUP, why, str(path)) from None
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        os.rename(half, path)
    finally:
        os.close(lock)


@contextmanager
def _told(path: Path, *, body: bool = False) -> Iterator[None]:
    """Make an error of the disk one that names the file. Of what the caller does, those that name none."""
    try:
        yield
    except (FileExistsError, DiskError):
        raise
    except OSError as error:
        if error.errno is None or (body and error.filename is not None):
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            sweep(path.parent)  # which may be what the room is taken by
        raise DiskError(error.errno, error.strerror, str(path)) from error
