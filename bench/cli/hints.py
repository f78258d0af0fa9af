"""Commands that others are pointed to: with all the options that they need, and as a shell takes them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bench.cli.options import DEFAULT_OUT

if TYPE_CHECKING:
    from bench.planning.suite import DatasetChoice


def shell(word: object) -> str:
    """A word as a shell takes it, on one line and of characters that show, whatever is in it."""
    text = str(word)
    if text.isprintable():
        return shlex.quote(text)
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(each if each.isprintable() else _bytes(each) for each in quoted) + "'"


def _bytes(character: str) -> str:
    """The bytes of a character in the name of a file, which need be no text."""
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def command(*words: object, **options: object) -> str:
    """Such as `bench suite tiny.yaml --limit 50`: an option of None or False is left out, a list is repeated."""
    told = ["bench", *map(shell, words)]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        for each in value if isinstance(value, (list, tuple)) else [value]:
            told += [] if each is None or each is False else [option] if each is True else [option, shell(each)]
    return " ".join(told)


def place(out: Path, data: Path | None) -> dict[str, object]:
    """The options that say where records and data are, as far as they are not where they are looked for anyway."""
    return {"data": data, "out": None if out == DEFAULT_OUT else out}


def meanings(suite: str | None, out: Path, data: Path | None) -> list[str]:
    """How to have explained what stands on a board."""
    words = [] if suite is None else [suite]
    return ["What columns and flags mean:", f"  {command('leaderboard', *words, explain=True, **place(out, data))}"]


@dataclass(frozen=True)
class Call:
    """A call of `bench suite`, and the commands that follow on from it."""

    suite: str
    options: Mapping[str, object]
    """Those that are not at their defaults."""
    out: Path
    data: Path | None

    @classmethod
    def of(
        cls,
        suite: str,
        models: Sequence[str] | None,
        told: Mapping[str, tuple[object, object]],
        out: Path,
        data: Path | None,
    ) -> Self:
        """Of a suite and models; `told` has the value and the default of the other options."""
        options = {option: value for option, (value, default) in told.items() if value != default}
        return cls(suite, {"model": models, **options, **place(out, data)}, out, data)

    def again(self, **changes: object) -> str:
        """The same call, but for some options."""
        return command("suite", self.suite, **{**self.options, **changes})

    def board(self) -> str:
        """The command that shows its board."""
        return command("leaderboard", self.suite, **place(self.out, self.data))

    def check(self, spec: str, dataset: DatasetChoice) -> str:
        """The command that checks a model on the data of a suite."""
        return command("check", spec, dataset=dataset.name, data=dataset.options.get("path"))

    def meanings(self) -> list[str]:
        """How to have explained what stands on the board."""
        return meanings(self.suite, self.out, self.data)
