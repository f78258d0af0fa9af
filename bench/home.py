"""Where downloads and refitted models are kept, outside any tree."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The user's cache folder; `BENCH_HOME` overrides it."""
    override = os.environ.get("BENCH_HOME")
    if override:
        return Path(override).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("potemkin-bench"))
