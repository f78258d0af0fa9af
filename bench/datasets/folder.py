"""What the datasets that live in a user's folder share."""

from __future__ import annotations

import os
from pathlib import Path

from bench.errors import UsageError


def existing(path: str | Path) -> Path:
    """The folder at a path that a user gave, `~` expanded. Raises UsageError where there is none."""
    if not isinstance(path, str | Path) or not str(path):
        raise UsageError(f"path must name a folder, not {path!r}")
    folder = Path(path).expanduser()
    if not os.path.lexists(folder):
        raise UsageError(f"no folder {folder}; give the path of an existing one")
    if not os.path.isdir(folder):  # unlike Path.is_dir, no exception where a parent is closed to us
        raise UsageError(f"{folder} is not a folder; give the folder that holds the data")
    return folder
