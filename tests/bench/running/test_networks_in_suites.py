"""Networks of every kind of output in a run: the rows that their logits have, or the reason in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import adapters
import bench
from bench.errors import UsageError
from bench.planning.suite import Suite, parse_suite


class Around(nn.Module):
    """A network, asked within something."""

    def __init__(self, net: nn.Module, around: Any) -> None:
        super().__init__()
        self.net, self.around = net, around

    def forward(self, x: Tensor) -> Tensor:
        with self.around():
            logits: Tensor = self.net(x)
        return logits


def suite() -> Suite:
    return parse_suite(
        "suite: tiny\ndataset: {name: digits}\nattacks:\n"
        "  - {attack: fgsm, norm: linf, eps: 0.1}\n  - {attack: gaussian-rubbish, n: 200}\n",
        "tiny.yaml",
    )


def board(models: dict[str, Any], out: Path) -> bench.api.Board:
    return bench.run(suite(), models, out=out, device="cpu")


@pytest.fixture(scope="module")
def rows(digits_net: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> bench.api.Board:
    statistics = nn.Sequential(digits_net, nn.BatchNorm1d(10, track_running_stats=False)).eval()
    dropping = nn.Sequential(nn.Dropout(0.3), digits_net).eval()
    dropping[0].train()
    models = {
        "logits": digits_net,
        "sigmoids": nn.Sequential(digits_net, nn.Sigmoid()).eval(),
        "softmax": nn.Sequential(digits_net, nn.Softmax(1)).eval(),
        "bfloat16": Around(digits_net, lambda: torch.autocast("cpu", dtype=torch.bfloat16)).eval(),
        "scripted": torch.jit.script(digits_net),
        "no-grad": Around(digits_net, torch.no_grad).eval(),
        "statistics": statistics,
        "dropping": dropping,
    }
    return board(models, tmp_path_factory.mktemp("rows"))


def row(rows: bench.api.Board, model: str, attack: str) -> Any:
    (found,) = [each for each in rows.of(model) if each.attack == attack]
    return found


@pytest.mark.parametrize("model", ["sigmoids", "softmax", "bfloat16", "scripted"])
def test_the_rows_are_those_of_the_logits(rows: bench.api.Board, model: str) -> None:
    own, theirs = (row(rows, name, "fgsm") for name in ("logits", model))
    assert theirs.robust_accuracy == pytest.approx(own.robust_accuracy, abs=0.005)
    assert row(rows, model, "clean").flags == []


def test_rubbish_is_held_to_the_sigmoids_themselves(rows: bench.api.Board, digits_net: nn.Module) -> None:
    """Softmax of probabilities is near one in ten for all, and nothing would ever count as confident."""
    assert row(rows, "sigmoids", "gaussian-rubbish").confidence_kind == "sigmoid"
    assert row(rows, "sigmoids", "gaussian-rubbish").error > 0.5


def test_a_network_without_a_gradient_tells_why(rows: bench.api.Board) -> None:
    found = row(rows, "no-grad", "fgsm")
    assert found.status == "unsupported"
    assert "its forward runs under torch.no_grad() or inference_mode(); take that out of forward" in found.reason
    assert row(rows, "no-grad", "clean").error == row(rows, "logits", "clean").error


def test_batch_statistics_and_dropout_that_was_left_on_are_flagged(rows: bench.api.Board) -> None:
    assert "batch-dependent" in row(rows, "statistics", "clean").flags
    assert {"randomised", "stochastic"} <= set(row(rows, "dropping", "clean").flags)


def test_an_example_that_cannot_be_asked_alone_depends_on_its_batch(digits_net: nn.Module, tmp_path: Path) -> None:
    """Unlike a module, a function leaves no trace of itself."""

    class Normalised(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.batch_norm(digits_net(x), None, None, training=True)

    found = board({"normalised": Normalised().eval()}, tmp_path)
    assert "batch-dependent" in row(found, "normalised", "clean").flags


def test_what_must_be_said_is_asked_before_any_work(digits_net: nn.Module, tmp_path: Path) -> None:
    class Rounded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 1.0 * digits_net(x).sigmoid()

    with pytest.raises(UsageError, match=r"model rounded: .*wrap\(net, outputs='sigmoids'\)"):
        board({"rounded": Rounded().eval()}, tmp_path)
    assert not list(tmp_path.rglob("*.json"))
    said = adapters.wrap(Rounded().eval(), outputs="sigmoids")
    assert row(board({"rounded": said}, tmp_path), "rounded", "fgsm").status == "ok"
