"""A whole result as a folder to hand on: records, kept inputs, board, a card for each model, and checksums."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import zoo
from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.files import replace_file
from bench.progress import Say
from bench.records.cell import DatasetId
from bench.records.record import Record
from bench.records.store import Store
from bench.report.page.given import slug
from bench.running import pictures
from bench.running.merging import merge
from bench.running.shelf import Shelf, write_leaderboard
from bench.table import markdown_safe

Opened = Callable[[DatasetId], Dataset | str]
"""A dataset by its id, or why it is not at hand."""
SUMS = "SHA256SUMS"
"""Of all other files, as `sha256sum -c` reads it."""


def export(source: Store, dest: Path, warn: Say, *, submission: bool = False, png: Opened | None = None) -> list[Path]:
    """Write a whole result into a new folder.

    Args:
        source: the records.
        dest: a folder that is not there, or is empty.
        warn: told in a line of what cannot be used.
        submission: whether to add what a pull request asks for.
        png: opens the datasets of kept images that are written as PNG files too; None for none of them.

    Returns: the files written, but for their checksums.

    Raises:
        UsageError: there are no records, or something is in the folder.
        DiskError: a file cannot be written.
    """
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise UsageError(f"{dest} is there already; name a new folder, whose files are then one result")
    records = list(source.records(warn).values())
    if not records:
        raise UsageError(f"no records in {source.folder}; make some with bench suite, or name their folder by --out")
    into = Store(dest / "results")
    into.prepare()
    merge(into, [source], warn)
    for folder in ("failures", "parts"):
        if not any((into.folder / folder).iterdir()):
            (into.folder / folder).rmdir()
    write_leaderboard(Shelf(dest, with_published=False))
    for name, card in cards(records):
        replace_file(dest / "cards" / f"{name}.json", (json.dumps(card, indent=1, sort_keys=True) + "\n").encode())
    if png is not None:
        pictures.write(source, records, png, dest / pictures.FOLDER, warn)
    if submission:
        replace_file(dest / "SUBMISSION.md", submitted(records).encode())
    files = sorted(path for path in dest.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(dest).as_posix()}" for path in files]
    replace_file(dest / SUMS, ("\n".join(lines) + "\n").encode())
    return files


def cards(records: Sequence[Record]) -> Iterator[tuple[str, dict[str, Any]]]:
    """File name and card of each model that was judged: what it is, how it was run, and its clean errors."""
    by_model: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        target = record.cell.target
        by_model.setdefault((target.name, target.fingerprint), []).append(record)
    for (name, fingerprint), theirs in sorted(by_model.items()):
        clean = [r for r in theirs if r.cell.craft.attack.name == "clean" and r.result.status == "ok"]
        newest = max(theirs, key=lambda record: record.run.finished).run
        yield (
            slug(name, fingerprint),
            {
                **theirs[0].cell.target.model_dump(mode="json", exclude_none=True),
                "clean": [
                    {"dataset": r.cell.craft.dataset.name, "n": r.result.n, "errors": r.result.errors} for r in clean
                ],
                "attacks": dict(Counter(r.cell.craft.attack.name for r in theirs)),
                "adversarial_inputs": sum(r.run.examples is not None for r in theirs),
                "files": newest.files or {},
                "versions": newest.versions,
                "device": newest.device,
                "finished": newest.finished,
            },
        )


def submitted(records: Sequence[Record]) -> str:
    """What a pull request with results asks for, as far as records tell; the rest is for its author to fill in.

    Of the submitter's own models; reference models that were met beside them are named, no more, unless there are none
    but these.
    """
    beside = {record.cell.target.name for record in records if _is_reference(record)}
    found = [card for _, card in cards(records)]
    own = [card for card in found if card["name"] not in beside] or found
    lines = ["# Results to be published", "", "## Models", ""]
    for card in own:
        lines += _lines_of(card)
    others = sorted(beside - {card["name"] for card in own})
    if others:
        names = ", ".join(markdown_safe(name) for name in others)
        lines += ["", f"Beside reference models, whose records are here, too: {names}."]
    versions = sorted({f"{name} {number}" for record in records for name, number in record.run.versions.items()})
    theirs = [record for record in records if record.cell.target.name in {card["name"] for card in own}]
    attacks = [record for record in theirs if record.cell.craft.attack.name != "clean"]
    kept = sum(record.run.examples is not None for record in attacks)
    inputs = (
        f"- [{'x' if kept else ' '}] Adversarial inputs were kept (`--save-examples 16` or more), and their files are "
        f"part of this request: those of {kept} of {len(attacks)} attacks."
    )
    return "\n".join([*lines, "", "## Made with", "", markdown_safe(", ".join(versions)), "", TO_FILL_IN + inputs, ""])


def _is_reference(record: Record) -> bool:
    return record.cell.target.name in zoo.names(record.cell.craft.dataset.name)


def _lines_of(card: dict[str, Any]) -> list[str]:
    """A model in Markdown; names and digests come from records, which others may have written."""
    files = [f"{markdown_safe(name)} {_digest(digest)}" for name, digest in sorted(card["files"].items())]
    clean = ", ".join(f"{each['dataset']} {each['errors']} errors of {each['n']}" for each in card["clean"])
    return [
        f"- **{markdown_safe(card['name'])}** ({markdown_safe(card['family'])}, gradient {card['gradient']})",
        f"  - fingerprint: {_digest(card['fingerprint'])}",
        f"  - clean: {markdown_safe(clean) or 'none'}",
        f"  - {sum(card['attacks'].values())} records, {card['adversarial_inputs']} of them with adversarial inputs",
        f"  - SHA-256 of its file: {', '.join(files) or 'it has none'}",
    ]


def _digest(text: str) -> str:
    return f"`{text}`" if re.fullmatch("[0-9a-f]{64}", text) else markdown_safe(text)


TO_FILL_IN = """\
## To fill in

- Command that made them:
- Where the models come from (weights, recipe, paper, licence):
- How the models are made anew, so that others can verify them:
- [ ] `bench verify FOLDER --model ...` says of no record that it is wrong.
- [ ] The models were not fitted on the test split, nor chosen by it.
- [ ] The results may be published under the licence of this repository.
"""
