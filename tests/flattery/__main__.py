"""`python -m tests.flattery`: what a board says of models that look more robust than they are.

Each model of `models.py` is run through `digits-fgsm` by the command itself, and docs/verdicts.md is written. `--keep
FILE` writes what came out there, in place of the document: `before.json` is such a file, of the release that it names.
`--only NAME`, once or more, runs those alone; the document's other rows stay.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tabulate import tabulate

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "verdicts.md"
HEAD = """\
# What flatters a model, and what the board makes of it

Written by `python -m tests.flattery`, which runs each of the models of `tests/flattery/models.py` through `digits-fgsm`
and puts down what the board says: the robust accuracy that a model is ranked by, at an epsilon of 0.25 with its 95%
interval, why it can have no rank, and its flags. Most of them hide one and the same net, `open`, which falls to the
gradient of its own loss. On the left what the board said before version 2 of the suite, in release {before}; of
{later} what it says with the option {options}, which turns off what finds it.

{table}

"""
WITHOUT = {"told-classes": ("--save-examples", "0")}
"""Options that turn off what finds a model: with them it is run for what it gave before. Of a model that no inputs are
kept of, none are shown again to a process that was told nothing."""
HEADS = ["model", "what it does", "robust then", "no rank then", "robust now", "no rank now", "flags now"]


def main() -> int:
    """Run all models and write; 1 where one of them could not be run."""
    parser = argparse.ArgumentParser(prog="python -m tests.flattery")
    parser.add_argument("--keep", type=Path, help="write what came out to this file, in place of the document")
    parser.add_argument("--only", action="append", metavar="NAME", choices=names(), help="run this model alone")
    asked = parser.parse_args()
    chosen = asked.only or names()
    with tempfile.TemporaryDirectory() as folder:
        found = {name: run(name, Path(folder) / name) for name in chosen}
        then = {
            name: run(name, Path(folder) / f"{name}-before", WITHOUT[name])
            for name in chosen
            if name in WITHOUT and asked.keep is None
        }
    if asked.keep is not None:
        asked.keep.write_text(json.dumps({"version": version("potemkin-bench"), "models": found}, indent=1) + "\n")
        return 0
    before = json.loads((HERE / "before.json").read_text())
    write(before["version"], rows(before["models"] | then, found))
    return 0


def write(before: str, made: dict[str, list[str]]) -> None:
    """The document: the rows that were made, and those that it had of other models."""
    lines = [re.split(r"\s*\|\s*", line)[1:-1] for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    all_rows = {line[0]: line for line in lines} | made
    later = ", ".join(f"`{name}`" for name in WITHOUT)
    options = ", ".join(f"`{' '.join(options)}`" for options in WITHOUT.values())
    table = tabulate([all_rows[name] for name in names()], HEADS, tablefmt="pipe", disable_numparse=True)
    DOCUMENT.write_text(HEAD.format(before=before, later=later, options=options, table=table), encoding="utf-8")


def names() -> list[str]:
    """The names that `models.py` registers, in its order; read rather than imported, as the command is to do it."""
    return re.findall(r'register\("([^"]+)"', (HERE / "models.py").read_text())


def run(name: str, out: Path, options: Sequence[str] = ()) -> dict[str, Any]:
    """What the board says of one model, and the exit code of the command that ran it."""
    command = [sys.executable, "-c", "from bench.cli.app import main; main()"]
    place = ["digits-fgsm", "--out", str(out)]
    done = subprocess.run(
        [*command, "suite", *place, "--model", f"{HERE / 'models.py'}:{name}", "--progress", "none", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=out.parent,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{name}: {done.stderr}")
    told = subprocess.run(
        [*command, "leaderboard", *place, "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=out.parent,
    )
    rows = [row for row in json.loads(told.stdout) if row["model"] == name]
    ranked = next((row for row in rows if row["attack"] == "worst-of-all"), {})
    sys.stderr.write(f"{name}: exit {done.returncode}, robust {ranked.get('robust_accuracy')}\n")
    return {
        "clean": next((row["clean_accuracy"] for row in rows), None),
        "robust": ranked.get("robust_accuracy"),
        "interval": [ranked.get("ci_low"), ranked.get("ci_high")],
        "n": ranked.get("n"),
        "unranked": ranked.get("unranked"),
        "flags": next((row["flags"] for row in rows), []),
        "exit": done.returncode,
    }


def rows(before: dict[str, Any], now: dict[str, Any]) -> dict[str, list[str]]:
    """A row a model: what it does, and what was and is said of it."""
    text = (HERE / "models.py").read_text()
    does = dict(re.findall(r'register\("([^"]+)".*?"""(.*?)"""', text, flags=re.DOTALL))
    return {
        name: [name, does[name], *verdict(before.get(name, {})), *verdict(found), ", ".join(found["flags"])]
        for name, found in now.items()
    }


def verdict(found: dict[str, Any]) -> tuple[str, str]:
    """Robust accuracy with its interval, and why there is no rank."""
    if found.get("robust") is None:
        robust = "-"
    else:
        low, high = (f"{100 * side:.1f}" for side in found["interval"])
        robust = f"{100 * found['robust']:.1f} [{low}, {high}]"
    return robust, str(found.get("unranked") or "-")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
