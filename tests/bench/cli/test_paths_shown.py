"""Names of files that are no text, or that act on a terminal: every command shows them, and a shell takes them back."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path

import pytest
from cli_help import MODELS, SUITE, Bench, Said

from bench.cli.hints import shell
from bench.table import visible

ROOT = Path(__file__).parents[3]
NAME = os.fsdecode(b"a\xff \x1b[31m\n\xe2\x80\xaeb'$(c)")
"""Bytes that are no UTF-8, a blank, a colour, a new line, a turn of direction, and what a shell acts on."""
SHOWN = r"""$'a\xff \x1b[31m\x0a\xe2\x80\xaeb\'$(c)"""
PROVED = SUITE.replace("suite: tiny", "suite: proved").replace(
    "attacks:", "attacks:\n  - {attack: worst-case, norm: linf}"
)


@pytest.fixture
def folder(bench: Bench) -> Path:
    """One of that name, with a suite, models and results."""
    folder = Path(NAME)
    folder.mkdir()
    (folder / "m.py").write_text(MODELS)
    (folder / "s.yaml").write_text(PROVED)
    (folder / "wrong.yaml").write_text("suite: 1")
    return folder


def clean(said: Said) -> str:
    """All that was said, in which no character acts on anything."""
    text = said.out + said.err
    assert all(line == visible(line) for line in text.split("\n")), ascii(text)
    return text


def test_every_command_shows_them(bench: Bench, folder: Path) -> None:
    out = folder / "out"
    here = f"{SHOWN}/out"
    ran = clean(bench("suite", folder / "s.yaml", "--model", folder / "m.py", "--out", out))
    assert f"Results in {here}/results', board in {here}/leaderboard.md'." in ran
    assert f"bench leaderboard {SHOWN}/s.yaml' --out {here}'" in ran
    told = {
        ("leaderboard", "--format", "html", "--out", out): f"files in {here}/site'; open {here}/site/index.html'",
        ("draw", "proved", "--out", out): f"{here}/figures/proved/net.png'",
        ("draw", "proved", "--out", out, "--together", folder / "t.png"): f"{SHOWN}/t.png'",
        ("compare", f"{out}:net", f"{out}:three", "--figure", folder / "f.png"): f"drawn: {SHOWN}/f.png'",
        ("compare", f"{out}:net", out / "none"): r"no results in a\xff \x1b[31m \u202eb'$(c)/out/none; give a folder",
        ("verify", out): "0 records wrong",
        ("export", folder / "new", "--submission", "--out", out): f"then check it all with: bench verify {SHOWN}/new'",
        ("merge", folder / "into", out): f"Results in {SHOWN}/into/results'",
    }
    for call, expected in told.items():
        said = bench(*call)
        assert expected in clean(said), call
        assert said.code in (0, 2), said.err


def test_every_error_shows_them(bench: Bench, folder: Path) -> None:
    """In one line, with the name."""
    for call in (
        ("suite", folder / "none.yaml"),
        ("suite", folder / "wrong.yaml", "--debug"),
        ("suite", NAME),
        ("suite", "tiny.yaml", "--model", folder / "none.py"),
        ("suite", "tiny.yaml", "--model", folder / "m.py:none"),
        ("suite", "tiny.yaml", "--model", NAME),
        ("suite", "tiny.yaml", "--model", "mine.py:net", "--data", folder),
        ("suite", "tiny.yaml", "--model", "mine.py:net", "--out", folder / "s.yaml"),
        ("check", folder / "none.py"),
        ("leaderboard", "--out", folder / "none"),
        ("draw", "digits-worst-case", "--out", folder / "none"),
        ("compare", folder / "none", "net"),
        ("verify", folder / "none"),
        ("export", folder, "--out", folder / "none"),
        ("merge", folder / "into", folder / "none"),
        ("show", NAME),
        ("list", NAME),
    ):
        said = bench(*call)
        assert said.code == 2, call
        assert clean(said)
        assert "--debug" in call or said.err.count("\n") == 1, said.err


@pytest.mark.parametrize("name", [NAME, "plain.png", "with blank", "\\x41", "it's"])
def test_a_shell_takes_them_back(name: str) -> None:
    found = subprocess.run(["bash", "-c", f"printf %s {shell(name)}"], capture_output=True, check=True, timeout=60)
    assert found.stdout == os.fsencode(name)


def test_bytes_that_are_no_text_are_shown_as_bytes() -> None:
    assert visible(os.fsdecode(b"a\xff\xc3\xa9")) == "a\\xff\u00e9"
    assert visible("\ud800") == "\\ud800"


def test_commands_print_in_one_place_alone() -> None:
    """What says that nothing acts on the terminal is `bench.cli.output`."""
    printing = {
        path.name
        for path in (ROOT / "bench/cli").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "typer.echo", "sys.stdout.write")
    }
    assert printing == {"output.py", "app.py"}  # the latter tells its version
