"""What goes over the pipe: frames of a JSON header and a blob, each after its length; and pickles, for blobs."""

from __future__ import annotations

import json
import struct
import sys
from io import FileIO
from typing import Any, NamedTuple

import cloudpickle

GREETING = b"\0potemkin worker 1\n"
"""A worker's first bytes. What comes before them was printed while Python started, and is nobody's frame."""
LENGTHS = struct.Struct("!IQ")


class Frame(NamedTuple):
    header: dict[str, Any]
    blob: bytes | bytearray


def send(stream: FileIO, frame: Frame) -> None:
    """Write a frame to an unbuffered stream.

    Raises:
        OSError: nobody reads.
    """
    header = json.dumps(frame.header).encode()
    write(stream, LENGTHS.pack(len(header), len(frame.blob)) + header)
    write(stream, frame.blob)


def receive(stream: FileIO) -> Frame:
    """Read a frame from an unbuffered stream.

    Raises:
        EOFError: the other side has closed the stream, or died.
    """
    header, blob = LENGTHS.unpack(_read(stream, LENGTHS.size))
    return Frame(json.loads(_read(stream, header)), _read(stream, blob))


def greeted(stream: FileIO) -> None:
    """Read on until the greeting is through.

    Raises:
        EOFError: the stream ends before.
    """
    seen = bytearray()
    while not seen.endswith(GREETING):
        seen += _read(stream, 1)


def write(stream: FileIO, data: bytes | bytearray) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def _read(stream: FileIO, size: int) -> bytearray:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        count = stream.readinto(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return data


def dumps(value: Any, **options: Any) -> bytes:
    """Pickle. What `__main__` or a FILE.py of models defines goes by value, since no other process can import it."""
    for name, module in list(sys.modules.items()):
        if name.startswith("_potemkin_user_"):
            cloudpickle.register_pickle_by_value(module)
    data: bytes = cloudpickle.dumps(value, protocol=5, **options)
    return data


loads = cloudpickle.loads
