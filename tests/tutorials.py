"""The pages of docs/tutorials, run as they say.

python -m tests.tutorials        run them anew and put what the commands print into the pages: `make tutorials`

A block `python file=NAME` or `yaml file=NAME` is a file; a line `$ COMMAND` of a block `console` is run beside it.
`exit=N` is the code that the last command of a block ends with. Of the tables that a command prints the page shows the
first `tables=N`, and of the last command's output the last `end=N` lines as well.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "tutorials"
BLOCK = re.compile(r"^```(\w+)((?: \w+=\S+)*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BENCH = [sys.executable, "-c", "from bench.cli.app import main; main()"]
TIME = re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s|seconds|min|minutes|h|hours)\b(?!\w)")
LONGEST = 600
"""Seconds that one command may take."""


class Broken(AssertionError):
    """A command of a page that ends otherwise than the page says."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    options: dict[str, str]
    text: str

    @property
    def commands(self) -> list[str]:
        """What is typed after a prompt."""
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]


def pages() -> list[Path]:
    """All tutorials."""
    return sorted(page for page in FOLDER.glob("*.md") if page.stem != "index")


def run_page(text: str, folder: Path) -> str:
    """The page with what its commands print now, run one after another in the folder.

    Raises Broken at the first that ends with another code than the page says.
    """

    def anew(found: re.Match[str]) -> str:
        block = _block(found)
        if "file" in block.options:
            path = folder / block.options["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        if block.language != "console":
            return found[0]
        return f"```console{found[2]}\n{_printed(block, folder)}```"

    return BLOCK.sub(anew, text)


def settled(text: str, folder: Path) -> str:
    """A page without what differs from run to run: times, and where it was run."""
    return TIME.sub("TIME", text.replace(str(folder.resolve()), "FOLDER").replace(str(folder), "FOLDER"))


def _block(found: re.Match[str]) -> Block:
    return Block(found[1], dict(option.split("=", 1) for option in found[2].split()), found[3])


def _printed(block: Block, folder: Path) -> str:
    shown = []
    for number, command in enumerate(block.commands, 1):
        last = number == len(block.commands)
        options = {name: int(block.options.get(name, 0)) for name in ("exit", "tables", "end")}
        printed = _run(command, folder, options["exit"] if last else 0)
        shown += [f"$ {command}", *_shortened(printed, options["tables"], options["end"] if last else 0)]
    return "\n".join(shown) + "\n"


def _run(command: str, folder: Path, expected: int) -> str:
    """What a command prints."""
    name, *arguments = shlex.split(command)
    program = {"bench": BENCH, "python": [sys.executable]}[name]
    environment = {**os.environ, "COLUMNS": "100", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST
    )
    if done.returncode != expected:
        raise Broken(f"{command}: exit code {done.returncode}, not {expected}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def _shortened(printed: str, tables: int, end: int) -> list[str]:
    """Its lines, of tables the first so many, all for 0, and then so many of the last lines."""
    heads = [found.start() for found in re.finditer(r"^### ", printed, re.MULTILINE)]
    if not tables or len(heads) <= tables:
        return printed.splitlines()
    rest = printed[heads[tables] :].splitlines()
    return [*printed[: heads[tables]].rstrip().splitlines(), "...", *(rest[-end:] if end else [])]


def main() -> None:
    """Run all pages, or those of the command line by name, and rewrite them."""
    for page in pages():
        if sys.argv[1:] and page.stem not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            page.write_text(run_page(page.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
        sys.stdout.write(f"written: {page.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
