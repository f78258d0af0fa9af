"""The command `bench check`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cli_help import Bench, refused

from bench.checks import CHECKS

MODELS = """\
import adapters, numpy, torch
from bench.datasets import open_dataset

digits = open_dataset("digits")
x = torch.tensor(digits.examples("train", slice(None))).flatten(1)
means = torch.stack([x[torch.tensor(digits.labels("train") == k)].mean(0) for k in range(10)])


def linear():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    with torch.no_grad():
        net[1].weight.copy_(2 * means)
        net[1].bias.copy_(-(means**2).sum(1))
    return net


@adapters.register("sound", dataset="digits")
def sound():
    return linear().eval()


@adapters.register("squashed", dataset="digits")
def squashed():
    return adapters.wrap(torch.nn.Sequential(linear(), torch.nn.Softmax(1)).eval(), outputs="logits")


crash = adapters.black_box(lambda x: 1 / 0, version="1")
"""


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """The command where `mine.py` has models of another kind: sound ones and ones at fault."""
    Path("mine.py").write_text(MODELS)
    return bench


def test_a_sound_model(bench: Bench) -> None:
    """On the dataset that it is registered for."""
    said = bench("check", "mine.py:sound", "--n", 50)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(
        "### sound on digits: family network, gradient exact, confidence softmax, n=50\n\n| check"
    )
    assert all(f"| {check.name} " in said.out for check in CHECKS)
    assert "fail" not in said.out


def test_a_failure_exits_with_1_and_tells_the_remedy(bench: Bench) -> None:
    said = bench("check", "mine.py:squashed")
    assert said.code == 1
    assert "n=200" in said.out
    assert "1 failed, " in said.out
    assert "- logits: say what the outputs are: wrap(net, outputs='probabilities')" in said.out


@pytest.mark.slow
def test_a_file_that_ends_its_process_is_a_model_that_did_not_start(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("import os\nos._exit(3)\n")
    said = bench("check", "ends.py", "--isolate")
    assert (said.code, said.err) == (1, "")
    assert said.out.startswith("### ends.py on mnist: not started\n")
    assert "crash: its process ended with exit code 3, 3 times" in said.out


def test_a_model_that_raises(bench: Bench) -> None:
    said = bench("check", "mine.py:crash", "--dataset", "digits")
    assert said.code == 1
    assert "ZeroDivisionError: division by zero" in said.out
    assert "'outputs' failed" in said.out


def test_a_file_of_several_for_programs(bench: Bench) -> None:
    said = bench("check", "mine.py", "--n", 40, "--json")
    assert said.code == 1
    sound, squashed = json.loads(said.out)
    assert (sound["model"], sound["dataset"], sound["ok"]) == ("sound", "digits", True)
    assert (squashed["model"], squashed["ok"]) == ("squashed", False)
    assert [entry["check"] for entry in sound["checks"]] == [check.name for check in CHECKS]
    assert [entry["check"] for entry in squashed["checks"] if entry["status"] == "fail"] == ["logits"]


def test_a_reference_model_on_mnist(bench: Bench) -> None:
    said = bench("check", "softmax-regression", "--n", 40)
    assert said.code == 0
    assert "softmax-regression on mnist: family softmax regression" in said.out


@pytest.mark.parametrize(
    ("arguments", "pieces"),
    [
        ([], ["Missing argument"]),
        (["maxuot"], ["unknown model 'maxuot'", "maxout"]),
        (["maxout", "--dataset", "mnits"], ["unknown dataset 'mnits'; did you mean mnist"]),
        (["maxout", "--n", "0"], ["--n"]),
        (["none.py"], ["no file", "none.py"]),
        (["mine.py:nothing"], ["mine.py has no object 'nothing'"]),
        (["mine.py:sound", "--dataset", "mnist"], ["has no model for dataset mnist; it has sound (for digits)"]),
        (["mine.py:means"], ["model means: cannot wrap Tensor"]),
        (["mine.py:digits"], ["model digits: cannot wrap Dataset"]),
    ],
)
def test_bad_use_is_one_line(arguments: list[str], pieces: list[str], bench: Bench) -> None:
    refused(bench("check", *arguments), *pieces)


def test_a_model_that_does_not_fit_the_dataset(bench: Bench) -> None:
    Path("wide.py").write_text("import torch\nwide = torch.nn.Linear(5, 10).eval()\n")
    said = bench("check", "wide.py:wide", "--dataset", "digits")
    assert said.code == 2
    assert "model wide: it takes inputs neither of the dataset's shape (1, 8, 8) nor flat" in said.err


@pytest.mark.parametrize("width", [80, pytest.param(120, marks=pytest.mark.thorough)])
def test_on_a_terminal_no_line_is_wider(width: int, bench: Bench, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    code = "import sys; from bench.cli.app import main; main(sys.argv[1:])"
    environment = {**os.environ, "COLUMNS": str(width), "TERM": "dumb"}
    command = [sys.executable, "-c", code, "check", "mine.py:squashed", "--n", "40"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=slave, stderr=subprocess.DEVNULL, env=environment)
    os.close(slave)
    said = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
    assert running.wait(60) == 1
    lines = said.decode().splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.split()[:2] == ["logits", "fail"] for line in lines)
    assert any(line.startswith("- logits: say what the outputs are") for line in lines)
