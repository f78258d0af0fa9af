"""What the command tests share: the command, called in a folder of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_help import MODELS, SUITE, Bench, Said

from bench.cli.app import main


@pytest.fixture
def bench(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    """The command in an empty folder with a suite, `tiny.yaml`, and models, `mine.py`.

    Models run in this process, which starts none and so is the faster; what happens in theirs has tests of its own.
    """
    (elsewhere / "tiny.yaml").write_text(SUITE)
    (elsewhere / "mine.py").write_text(MODELS)

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        if arguments[:1] in (("suite",), ("check",)) and not {"--isolate", "--help"} & set(arguments):
            arguments = (*arguments, "--no-isolate")
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture
def terminal(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The same where standard output is a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")

    def call(*arguments: object) -> Said:
        with monkeypatch.context() as patch:
            patch.setattr(sys.stdout, "isatty", lambda: True)
            return bench(*arguments)

    return call
