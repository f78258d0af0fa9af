"""What it costs that a user's models run in processes of their own: README's, through suites; and to start one."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.running.isolation.channel import Place
from bench.running.isolation.limits import Limits
from bench.running.isolation.models import Isolated

MODELS = """
import adapters, torch
from bench.datasets import open_dataset
from sklearn.svm import SVC

DATA = open_dataset("DATASET")
LABELS = DATA.labels("train")[:5000]
IMAGES = DATA.examples("train", slice(5000)).reshape(len(LABELS), -1)


@adapters.register("my-svm", dataset="DATASET")
def my_svm():
    return SVC(gamma=0.02).fit(IMAGES, LABELS)


@adapters.register("my-net", dataset="DATASET")
def my_net():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(IMAGES.shape[1], 10))
    steps = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(200):
        loss = torch.nn.functional.cross_entropy(net(torch.as_tensor(IMAGES)), torch.as_tensor(LABELS))
        steps.zero_grad()
        loss.backward()
        steps.step()
    return adapters.wrap(net.eval())
"""
HOW = ("--no-isolate", "--isolate")
ROUNDS = {"mnist-fgsm": 2, "digits-fgsm": 5}


@pytest.mark.slow
@pytest.mark.benchmark(group="isolation")
@pytest.mark.parametrize("suite", ROUNDS)
def test_isolation(benchmark, tmp_path, suite):
    """By turns, so that what else the machine does falls on both."""
    (tmp_path / "mine.py").write_text(MODELS.replace("DATASET", suite.partition("-")[0]))
    command = Path(sys.executable).with_name("bench")
    seconds = {how: [] for how in HOW}

    def turn():
        for how in HOW:
            out = tmp_path / f"out{how}{len(seconds[how])}"
            asked = (command, "suite", suite, "--model", "mine.py", how, "--out", out, "--device", "cpu")
            started = time.perf_counter()
            said = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True)
            seconds[how].append(time.perf_counter() - started)
            assert "Ran " in said.stdout, said.stderr

    benchmark.pedantic(turn, rounds=ROUNDS[suite])
    benchmark.extra_info.update(suite=suite, shared=seconds["--no-isolate"], own=seconds["--isolate"])


@pytest.mark.slow
@pytest.mark.benchmark(group="model-process")
def test_a_model_answers_in_a_process_of_its_own(benchmark, tmp_path, monkeypatch):
    """From nothing: the process is started, imports the file, makes a small network and tells what it is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(
        "import adapters, torch\n"
        "adapters.register('net')(lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)).eval())\n"
    )
    place = Place((1, 28, 28), tuple("0123456789"), "mnist", "cpu")

    def start():
        isolated = Isolated(Limits(), lambda line: None)
        (offer,) = isolated.offers("net.py")
        isolated.add(offer.name, offer.offer)
        assert len(isolated.remote(offer.name, place).told.fingerprint) == 64
        isolated.close()

    benchmark.pedantic(start, rounds=5)
