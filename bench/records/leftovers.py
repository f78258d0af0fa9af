"""What runs that were killed leave in a folder of results: half-written files, and inputs that no record tells of."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections import defaultdict
from pathlib import Path

from bench.files import DAY, sweep
from bench.records import aside, examples, record, usable

_NAME = re.compile(r"(?P<id>[0-9a-f]{32})-(?P<mark>[0-9a-f]{16})\.npz")


def sweep_all(folder: Path) -> None:
    """Remove what dead runs left half written in a folder of results, in those inside it, and beside it.

    What they were about to set aside was somebody's record: `aside.resume` brings that to its end.
    """
    sweep(folder.parent)
    sweep(folder)
    with contextlib.suppress(OSError):
        for inside in sorted(folder.iterdir()):
            if inside.name != aside.FOLDER:
                sweep(inside)


def untold(folder: Path) -> dict[str, list[Path]]:
    """Kept inputs that no record tells of, by the id of their cell; those older than a day are removed.

    Their writer has yet to publish the record, or is dead: which, is not known of a younger one, and it is kept until
    its cell has a record. What a damaged record may have told of stays.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    with contextlib.suppress(OSError), os.scandir(folder / examples.FOLDER) as entries:
        for entry in entries:
            name = _NAME.fullmatch(entry.name)
            if name is None or _is_told(folder, name["id"], name["mark"]):
                continue
            with contextlib.suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > DAY:
                    os.unlink(entry.path)
                else:
                    found[name["id"]].append(Path(entry.path))
    return dict(found)


def _is_told(folder: Path, id: str, mark: str) -> bool:
    """Whether a cell's record tells of inputs with this mark, or cannot be used."""
    path = folder / "cells" / f"{id}.json"
    try:
        if mark.encode() in usable.content(path, record.LARGEST):  # most do, and need not be understood for it
            return True
        usable.record(path, folder)
    except usable.Missing:
        return False
    except usable.Unusable:
        return True
    return False
