"""What was measured, piece by piece, in files: an interrupted comparison goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.files import replace_file

FOLDER = Path(".peers")
"""Pieces of the comparison. Take it away to measure anew."""


def piece(name: str, says: Mapping[str, Any], measure: Callable[[], dict[str, Any]] | None) -> dict[str, Any]:
    """What a piece came to: read where it is there and was asked the same, else measured and kept.

    Args:
        name: of its file.
        says: what it depends on.
        measure: runs it; None to read only, and have nothing where there is nothing.
    """
    path = FOLDER / f"{name}.json"
    asked = json.loads(json.dumps(dict(says)))
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["asked"] == asked:
            return dict(kept["found"])
    if measure is None:
        return {}
    began = time.process_time()
    found = measure() | {"seconds": time.process_time() - began}
    FOLDER.mkdir(exist_ok=True)
    replace_file(path, (json.dumps({"asked": asked, "found": found}) + "\n").encode())
    return found
