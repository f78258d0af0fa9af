"""The pages of docs/tutorials, run as they say.

python -m tests.tutorials        run them anew and put what the commands print into the pages: `make tutorials`

A block `python file=NAME` or `yaml file=NAME` is a file; a line `$ COMMAND` of a block `console` is run beside it.
`exit=N` is the code that the last command of a block ends with. Of the tables that a command prints the page shows the
first `tables=N`, and of the last command's output the last `end=N` lines as well.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "tutorials"
BLOCK = re.compile(r"^```(\w+)((?: \w+=\S+)*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BENCH = [sys.executable, "-c", "from bench.cli.app import main; main()"]
TIME = re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s|seconds|min|minutes|h|hours)\b(?!\w)")
ROUNDING = re.compile(r"<!-- printed where rounding is ([0-9a-f]{16}) -->")
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


def without_numbers(text: str) -> list[str]:
    """The lines of a page that no number stands in, whatever the widths of its tables."""
    lines = (re.sub("[ :-]+", " ", line) for line in text.splitlines())
    return [line for line in lines if line.strip() and not re.search(r"\d", line)]


@cache
def rounding() -> str:
    """A digest of how this machine rounds, in a short training and a decomposition: the order in which it adds depends
    on its processor, and after hundreds of steps a network's percentages tell.
    """
    import numpy as np
    import torch
    from sklearn.datasets import load_digits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    data, labels = load_digits(return_X_y=True)
    images, classes = torch.tensor(data[:1198] / 16, dtype=torch.float32), torch.tensor(labels[:1198])
    draw = torch.Generator().manual_seed(0)
    weights = [torch.randn(*shape, generator=draw).mul(0.1).requires_grad_() for shape in ((64, 128), (128, 10))]
    optimiser = torch.optim.Adam(weights, lr=3e-3)
    for _ in range(30):
        optimiser.zero_grad()
        scores = (images @ weights[0]).relu() @ weights[1]
        torch.nn.functional.cross_entropy(scores, classes).backward()
        optimiser.step()
    torch.set_num_threads(threads)
    found = [each.detach().numpy() for each in weights] + [np.linalg.svd(data, full_matrices=False)[1]]
    return hashlib.sha256(b"".join(each.tobytes() for each in found)).hexdigest()[:16]


def printed_by(text: str) -> str | None:
    """The rounding of the machine that printed the pages, as their index tells."""
    found = ROUNDING.search(text)
    return found[1] if found else None


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
    if not sys.argv[1:]:
        index = FOLDER / "index.md"
        told = f"<!-- printed where rounding is {rounding()} -->"
        index.write_text(ROUNDING.sub(told, index.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
