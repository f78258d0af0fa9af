"""Records of others on every command: what they say is shown, and neither acts on the terminal nor ends anything."""

from __future__ import annotations

import errno
import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from cli_help import Bench, cells, refused

from bench.records.cell import Cell
from bench.records.identity import checksum
from bench.records.record import digest

EVIL = "\x1b]0;owned\x07\u202egpj\u200b\x9b31m\r\nrank | [x](y)"
RESULTS = Path("bench-out/results")


def foreign(plain: dict[str, Any]) -> str:
    """The text of a record or failure by somebody who knows how ids and checksums are made."""
    plain["id"] = Cell.model_validate(plain["cell"]).id
    if "result" in plain:
        plain |= {"sha256": digest(plain), "run_sha256": checksum(plain["run"])}
    return json.dumps(plain)


@pytest.fixture
def evil(bench: Bench) -> list[str]:
    """A model of that name, its records and a failure, beside those of a model of our own; the ids of its cells."""
    assert bench("suite", "tiny.yaml", "--model", "mine.py:net").code == 0
    ids = []
    for number, name in enumerate(sorted(cells())):
        plain = json.loads((RESULTS / "cells" / name).read_text())
        model = {"name": EVIL, "fingerprint": EVIL, "family": EVIL, "notes": [EVIL]}
        plain["cell"]["target"] |= model
        if "source" in plain["cell"]["craft"]:
            plain["cell"]["craft"]["source"] |= model
        plain["run"] |= {"host": EVIL, "device": EVIL, "versions": {EVIL: EVIL}}
        if plain["cell"]["craft"]["attack"]["name"] == "clean":
            plain["result"]["flags"] = [EVIL]
        kind = "cells"
        if number == 0:
            kind = "failures"
            plain |= {"kind": "exception", "message": EVIL}
            del plain["result"], plain["sha256"], plain["run_sha256"]
        text = foreign(plain)
        (RESULTS / kind / f"{plain['id']}.json").write_text(text)
        ids.append(plain["id"])
    return ids


def harmless(text: str) -> None:
    """It holds no character that acts on a terminal, but for the ends of its own lines."""
    acting = {character for character in text if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")}
    assert acting <= {"\n"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("leaderboard",),
        ("leaderboard", "tiny.yaml"),
        ("leaderboard", "tiny.yaml", "--format", "csv"),
        ("leaderboard", "tiny.yaml", "--format", "json"),
        ("suite", "tiny.yaml", "--model", "mine.py:net"),
        ("merge", "united", "bench-out"),
    ],
    ids=" ".join,
)
def test_names_of_others_are_shown_escaped(arguments: tuple[str, ...], evil: list[str], bench: Bench) -> None:
    said = bench(*arguments)
    assert said.code in (0, 1)
    assert "Traceback" not in said.err
    harmless(said.out)
    harmless(said.err)
    if arguments[0] != "merge":
        assert "owned" in said.out
    if "csv" in arguments:
        assert len({line.count('"') % 2 for line in said.out.splitlines()}) == 1


def test_a_record_of_others_is_shown_escaped(evil: list[str], bench: Bench) -> None:
    for id in evil:
        said = bench("show", id)
        assert said.code == 0
        harmless(said.out)
        assert r"\x1b]0;owned\x07\u202egpj" in said.out


def test_a_bad_record_is_told_of_once_and_the_rest_is_shown(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    os.mkfifo(RESULTS / "cells" / f"{'0' * 32}.json")
    said = bench("leaderboard")
    assert said.code == 0
    assert "| net" in said.out
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"ignored {Path.cwd() / RESULTS / 'cells'}/{'0' * 32}.json: is a pipe")


def test_a_damaged_record_of_ones_own_is_made_again(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    name = min(cells())
    good = json.loads((RESULTS / "cells" / name).read_text())
    torn = (RESULTS / "cells" / name).read_text()[:1000]
    (RESULTS / "cells" / name).write_text(torn)
    said = bench("suite", "tiny.yaml", "--model", "mine.py:net", "--progress", "plain")
    assert said.code == 0
    assert "ignored" in said.err
    assert "set aside" in said.err
    made = json.loads((RESULTS / "cells" / name).read_text())
    assert [made[key] for key in ("cell", "result")] == [good[key] for key in ("cell", "result")]
    assert (RESULTS / "set-aside" / f"{name}.0").read_text() == torn
    assert bench("suite", "tiny.yaml", "--model", "mine.py:net").out.startswith("### tiny")


def test_a_damaged_published_record_is_made_again_beside_it(bench: Bench) -> None:
    """What others publish is never written to."""
    bench("suite", "tiny.yaml", "--model", "mine.py:net", "--out", ".")
    (path, *_) = sorted(Path("results/cells").glob("*.json"))
    path.write_text(path.read_text().replace('"n": 599', '"n": 598'))
    before = {file: file.read_bytes() for file in Path("results").rglob("*") if file.is_file()}
    assert bench("suite", "tiny.yaml", "--model", "mine.py:net", "--out", "own").code == 0
    assert {file: file.read_bytes() for file in Path("results").rglob("*") if file.is_file()} == before
    assert [made.name for made in Path("own/results/cells").glob("*.json")] == [path.name]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "make room there"), (errno.EDQUOT, "make room"), (errno.EIO, "check the disk")],
)
def test_a_full_disk_is_a_line_and_the_same_command_goes_on(
    number: int, remedy: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 6:  # the first records are published by then
            raise OSError(number, os.strerror(number))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        refused(
            bench("suite", "tiny.yaml", "--model", "mine.py:net", "--progress", "none"),
            f"cannot write {Path.cwd() / RESULTS}/",
            os.strerror(number),
            remedy,
            "--out",
        )
    first = cells()
    assert bench("suite", "tiny.yaml", "--model", "mine.py:net").code == 0
    assert first.items() <= cells().items()
    assert len(cells()) == 4
    assert [path.name for path in Path("bench-out").rglob(".*")] == []


def test_a_file_system_without_links_keeps_everything(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*given: object, **more: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)
    assert bench("suite", "tiny.yaml", "--model", "mine.py:net").code == 0
    assert len(cells()) == 4


def test_no_way_to_publish_is_told_before_any_work(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*given: object, **more: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)
    monkeypatch.setattr("bench.files.writing._renamed", lambda half, path: False)
    monkeypatch.setattr("fcntl.flock", unsupported)
    refused(
        bench("suite", "tiny.yaml", "--model", "mine.py:net"),
        f"cannot write into {Path.cwd() / RESULTS}",
        "neither hard links nor locks",
        "--out",
    )
    assert cells() == {}
