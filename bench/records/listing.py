"""Checksums of records of the first schema, which have none of their own: a list that lies beside them.

Its format is that of `sha256sum`. Records of later schemas carry their own, and need no line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from bench.files import Refused, read_file

NAME = "sha256sums.txt"
"""Of the list, in a folder of results."""
LARGEST = 50_000_000
"""Bytes of a list that is read."""


def listed(folder: Path) -> Mapping[str, str]:
    """SHA-256, in hex, of records by their id, as far as the list can be read; empty where there is none."""
    return _found(folder)[0]


def problem(folder: Path) -> str | None:
    """What is wrong with the list, in a line; None where nothing is, or there is none."""
    return _found(folder)[1]


def bears_out(lines: Mapping[str, str], id: str, content: bytes) -> bool:
    """Whether a file is the one listed, or none is."""
    return lines.get(id) in (None, hashlib.sha256(content).hexdigest())


def _found(folder: Path) -> tuple[Mapping[str, str], str | None]:
    path = folder / NAME
    try:
        state = path.stat()
        return _read(path, state.st_ino, state.st_size, state.st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return {}, None
    except (OSError, Refused) as error:
        return {}, f"ignored {path}: {getattr(error, 'strerror', None) or error}"


@lru_cache(maxsize=8)
def _read(path: Path, *state: int) -> tuple[Mapping[str, str], str | None]:
    """The list as it was in that state of the file: it is looked up for each record."""
    found, bad = {}, []
    for number, line in enumerate(read_file(path, LARGEST).split(b"\n")[:-1], 1):
        match = re.fullmatch(rb"([0-9a-f]{64}) [ *]cells/([0-9a-f]{32})\.json", line)
        if match is None:
            bad.append(str(number))
        else:
            found[match[2].decode()] = match[1].decode()
    return found, f"{path}: no checksum of a record in line {', '.join(bad[:5])}" if bad else None
