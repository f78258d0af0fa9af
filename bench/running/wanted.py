"""What `bench compare A B` names, and the records that it is looked up in.

NAME                  a model, in the records of the out folder and the published ones
NAME@PREFIX           a version of it, by the first characters of its fingerprint
FOLDER                all models of a folder of results, as --out names it
FOLDER:NAME[@PREFIX]  a model in these records alone
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UsageError
from bench.running.shelf import Shelf


@dataclass(frozen=True)
class Wanted:
    """Models to be compared, and the records that they are looked up in."""

    text: str
    """As it was named, for people."""
    shelf: Shelf
    models: Mapping[str, str] | None = None
    """Beginnings of fingerprints by the models' names, empty for whatever the board shows; None for all models."""
    of_board: bool = False
    """Whether the text names no model, though these are some."""

    def called(self, name: str) -> str:
        """What people call a model of it."""
        return f"{self.text}:{name}" if self.models is None or self.of_board else self.text


def wanted(text: str, out: Path) -> Wanted:
    """What an argument names.

    Raises:
        UsageError: a folder without results.
    """
    folder, colon, name = text.rpartition(":")
    if colon and name:
        return Wanted(text, _folder(folder), dict([_version(name)]))
    if (Path(text) / "results").is_dir():
        return Wanted(text, _folder(text))
    if "/" in text or colon or text in (".", "..") or Path(text).is_dir():
        raise UsageError(f"no results in {text}; give a folder that --out of bench suite named, or a model's name")
    return Wanted(text, Shelf(out), dict([_version(text)]))


def _folder(text: str) -> Shelf:
    if not (Path(text) / "results").is_dir():
        raise UsageError(f"no results in {text}; give FOLDER:NAME with a folder that --out of bench suite named")
    return Shelf(Path(text), with_published=False)


def _version(name: str) -> tuple[str, str]:
    model, _, prefix = name.partition("@")
    return model, prefix
