"""The commands of docs/cli.md: `python -m tests.cli_reference` writes them anew, as the program's help says them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "cli.md"
BEGIN = "<!-- commands: written by python -m tests.cli_reference -->\n"


def commands() -> str:
    """The part of the page that is made of the program."""
    sys.path.insert(0, str(DOCS))
    try:
        return str(importlib.import_module("generated").commands())
    finally:
        sys.path.remove(str(DOCS))


def page(text: str) -> str:
    """The page with its commands as they are now; what stands above them stays."""
    head, begin, _ = text.partition(BEGIN)
    return f"{head}{begin}\n{commands()}\n"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
