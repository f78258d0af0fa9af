"""What README tells people to type works: its Python runs, and its commands and options are the program's."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import typer.main

import adapters
from bench.cli.app import COMMANDS, app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MINE, NET, RUN = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TYPED = re.compile(r"^(?:\$ |    )bench ([a-z].*)$", re.MULTILINE)
TINY = """\
suite: tiny
dataset: {name: mnist}
attacks: [{attack: fgsm, norm: linf, eps: [0.1, 0.2], n: 50}]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of a user, whose models are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(adapters.registry, "_registered", {})
    for name in ("mine", "net"):  # another test's may be there
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield tmp_path
    for name in ("mine", "net"):
        sys.modules.pop(name, None)


def test_its_models_are_models_and_its_run_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of fewer examples, and on a small suite."""
    (here / "mine.py").write_text(MINE.replace("5000", "200"))
    (here / "net.py").write_text(NET)
    (here / "tiny.yaml").write_text(TINY)
    torch.save({"1.weight": torch.zeros(10, 784), "1.bias": torch.zeros(10)}, here / "net.pt")
    net = adapters.wrap(importlib.import_module("net").my_net())
    assert net.predict(torch.zeros(2, 1, 28, 28)).shape == (2,)
    assert '"mnist-fgsm"' in RUN
    exec(RUN.replace('"mnist-fgsm"', '"tiny.yaml", isolate=False'), {})
    printed = capsys.readouterr().out
    assert "### tiny v1" in printed
    assert re.search(r"^fgsm 0\.2 my-svm 0\.\d+ \[", printed, re.MULTILINE)


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_is_shown_is_one_of_the_program_with_these_options(text: Path) -> None:
    known = typer.main.get_command(app)
    context = typer.Context(known)
    for line in TYPED.findall(text.read_text(encoding="utf-8")):
        name, *given = shlex.split(re.sub(r"\s#.*| {2,}.*", "", line))
        assert name in COMMANDS, line
        command = known.get_command(context, name)  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for option in (word.partition("=")[0] for word in given if word.startswith("--")):
            assert option in {*options, "--help", "--debug"}, line
