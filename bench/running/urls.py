"""Folders of results behind URLs that fsspec opens: the files that a result has, fetched as data within limits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from adapters.errors import told
from bench.errors import UsageError
from bench.files import size_text
from bench.progress import Say
from bench.records import asked, examples, listing, part, ran, record, starts

KINDS = {
    "cells": (r"[0-9a-f]{32}\.json", record.LARGEST),
    "failures": (r"[0-9a-f]{32}\.json", record.LARGEST),
    "parts": (r"[0-9a-zA-Z][0-9a-zA-Z_-]{0,120}\.json", part.LARGEST),
    examples.FOLDER: (r"[0-9a-f]{32}-[0-9a-f]{16}\.npz", examples.LARGEST),
    asked.FOLDER: (r"[0-9a-f]{32}\.json", asked.CAP),
    ran.FOLDER: (r"[0-9a-f]{32}\.json", ran.CAP),
    starts.FOLDER: (r"[0-9a-f]{32}\.json", starts.CAP),
}
"""Names of the files of each folder of a result, and the bytes that one may have: those of a folder on this machine."""
AT_ONCE = 16
"""Files fetched at the same time: most are small, and waiting is what they cost."""
CHUNK = 2**20


def is_url(text: str) -> bool:
    """Whether it names something by a scheme, not a folder."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*(::.*)?://", text) is not None


def shown(url: str) -> str:
    """A URL without the user and password that it may hold."""
    return re.sub(r"://[^/]*@", "://", url)


def fetch(url: str, folder: Path, warn: Say) -> None:
    """Copy the `results` behind a URL into a new folder. Nothing behind the URL is changed.

    Args:
        url: of a folder that holds `results`, such as `s3://bucket/path`.
        folder: where `results` is made.
        warn: told in a line of a file that is left out, as more than a file of its kind may have.

    Raises:
        UsageError: the URL cannot be opened or read, or there are no results.
    """
    system, path = opened(url)
    root = f"{path.rstrip('/')}/results"
    try:
        system.invalidate_cache()
        found = list(listed(system, root))
        if not found:
            raise UsageError(f"no results in {shown(url)}; give the folder that has the folder 'results' in it")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for line in pool.map(partial(copied, system, folder / "results"), found):
                if line is not None:
                    warn(f"left out {shown(url)}: {line}")
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 - each file system raises its own
        raise UsageError(f"cannot read {shown(url)}: {told(error)}; check the URL and the right to read it") from None


def opened(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it.

    Raises:
        UsageError: it cannot be opened.
    """
    if "::" in url:
        raise UsageError(f"{shown(url)} is a chain of URLs; give the URL of one folder, such as s3://bucket/path")
    extra = "pip install 'potemkin-bench[remote]'"
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(url)
        return system, str(path)
    except ImportError as error:
        raise UsageError(f"cannot open {shown(url)}: {told(error)}; {extra} brings what s3:// needs") from None
    except Exception as error:  # noqa: BLE001 - each file system raises its own
        raise UsageError(f"cannot open {shown(url)}: {told(error)}; check the URL") from None


def listed(
    system: Any, root: str, kinds: Mapping[str, tuple[str, int]] = KINDS
) -> Iterator[tuple[str, str, int, int | None]]:
    """Path, name inside `results`, cap and told size of every file that a result has; others are not looked at."""
    for kind, (pattern, cap) in kinds.items():
        try:
            entries = system.ls(f"{root}/{kind}", detail=True)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            name = str(entry["name"]).rstrip("/").rsplit("/", 1)[-1]
            if entry.get("type") == "file" and re.fullmatch(pattern, name):
                yield f"{root}/{kind}/{name}", f"{kind}/{name}", cap, entry.get("size")
    if system.isfile(f"{root}/{listing.NAME}"):
        yield f"{root}/{listing.NAME}", listing.NAME, listing.LARGEST, None


def copied(system: Any, folder: Path, listed: tuple[str, str, int, int | None]) -> str | None:
    """Copy one file, and no more than its cap, whatever size it is told to have; why not, in a line."""
    path, name, cap, size = listed
    into = folder / name
    into.parent.mkdir(parents=True, exist_ok=True)
    left = cap
    if size is None or size <= cap:
        with system.open(path, "rb") as source, into.open("xb") as file:
            while left >= 0 and (chunk := source.read(min(CHUNK, left + 1))):
                left -= len(chunk)
                if left >= 0:
                    file.write(chunk)
        if left >= 0:
            return None
        into.unlink()
    return f"results/{name} has more than {size_text(cap)}"
