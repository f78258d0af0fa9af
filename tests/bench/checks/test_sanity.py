"""The checks that every run makes: their flags, their cost to a run's other results, and that nothing is drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from faulty_models import Drawing, Forger, Fragile, Misleading, Pair, Saturated, Shy, Sociable, Sound
from known_models import MaskedGradient, Shattered, Squashed
from torch import Tensor, nn

import adapters
import bench
from adapters.aligned import align
from adapters.base import Adapter, Loss
from adapters.errors import Unsupported
from bench import zoo
from bench.checks import CHECKS
from bench.checks.sanity import inspect
from bench.datasets import Dataset, open_dataset
from bench.planning.suite import parse_suite
from bench.report.boards import DEFINITIONS

NAMES = [str(k) for k in range(10)]

FLAGGED: dict[str, Callable[[nn.Module], Any]] = {
    "randomised": Drawing,
    "batch-dependent": Sociable,
    "scores-disagree": Shy,
    "labels-differ": Forger,
    "too-few-classes": lambda net: align(adapters.wrap(Pair(net).eval(), classes=["0", "1"]), NAMES),
    "softmax-as-logits": lambda net: adapters.wrap(Squashed(net).eval(), outputs="logits"),
    "gradient-wrong": Misleading,
    "zero-gradient": Saturated,
    "8-bit-fragile": Fragile,
    "misleading-gradient": lambda net: adapters.wrap(Shattered(net).eval()),
    "unbounded-survives": lambda net: adapters.wrap(MaskedGradient(net).eval()),
}


@pytest.fixture
def pixels(digits_test: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """More than are looked at, on the grid of 8-bit images."""
    return (255 * digits_test[0][:150]).round() / 255, digits_test[1][:150]


def flags(model: Adapter, examples: tuple[Tensor, Tensor]) -> set[str]:
    return set(inspect(model, *examples, classes=10, clip=(0.0, 1.0)))


def test_every_flag_has_a_model_and_a_definition() -> None:
    assert {check.flag for check in CHECKS if check.flag} == FLAGGED.keys()
    for flag in [*FLAGGED, "train-mode", "no-version"]:
        assert f"`{flag}`" in DEFINITIONS


@pytest.mark.parametrize("flag", FLAGGED)
def test_a_fault_is_flagged(flag: str, digits_net: nn.Module, pixels: tuple[Tensor, Tensor]) -> None:
    model = FLAGGED[flag](digits_net)
    found = flags(model, pixels)
    assert flag in found
    if flag in ("randomised", "batch-dependent", "scores-disagree", "softmax-as-logits", "gradient-wrong"):
        # A wrong gradient may leave the model standing, too.
        assert found <= {flag, "unbounded-survives", "misleading-gradient"}


def test_sound_models_have_none(digits_net: nn.Module, digits_svc: Any, pixels: tuple[Tensor, Tensor]) -> None:
    for model in (Sound(digits_net), adapters.wrap(digits_net), adapters.wrap(digits_svc)):
        assert flags(model, pixels) == set()


@pytest.mark.parametrize("name", ["softmax-regression", "maxout", "rbf-network"])
def test_the_published_nets_have_none(name: str) -> None:
    """Their records say so: another finding would be a conflict."""
    mnist = open_dataset("mnist")
    x, y = torch.from_numpy(mnist.examples("test", slice(0, 100))), torch.tensor(mnist.labels("test")[:100])
    assert flags(zoo.load("mnist", name), (x, y)) == set()


def test_the_same_every_time_and_nothing_drawn(digits_net: nn.Module, pixels: tuple[Tensor, Tensor]) -> None:
    before = torch.get_rng_state()
    found = [flags(Misleading(digits_net), pixels) for _ in range(2)]
    assert found[0] == found[1] != set()
    assert torch.equal(before, torch.get_rng_state())


def test_a_check_that_raises_is_a_flag_of_its_own(digits_net: nn.Module, pixels: tuple[Tensor, Tensor]) -> None:
    """What it looks for may well be there; the clean pass stands."""

    class Raising(Sound):
        def input_gradient(self, x: Tensor, y: Tensor, loss: Loss = "training") -> Tensor:
            raise ValueError("no")

    assert flags(Raising(digits_net), pixels) == {"check-failed"}


def test_a_check_that_does_not_apply_is_none(digits_net: nn.Module, pixels: tuple[Tensor, Tensor]) -> None:
    class Unable(Sound):
        def input_gradient(self, x: Tensor, y: Tensor, loss: Loss = "training") -> Tensor:
            raise Unsupported("no such loss")

    assert flags(Unable(digits_net), pixels) == set()


def test_what_is_declared_to_draw_is_randomised(digits_net: nn.Module, pixels: tuple[Tensor, Tensor]) -> None:
    """Whether it was seen to or not."""
    model = Sound(digits_net)
    model.stochastic = True
    assert flags(model, pixels) == {"randomised"}


def test_a_model_that_raises_for_one_example_depends_on_the_batch(
    digits_net: nn.Module, pixels: tuple[Tensor, Tensor]
) -> None:
    class Squeezing(Sound):
        def _logits(self, x: Tensor) -> Tensor:
            return super()._logits(x).squeeze(0)

    assert "batch-dependent" in flags(Squeezing(digits_net), pixels)


def test_running_out_of_memory_is_told(digits_net: nn.Module, pixels: tuple[Tensor, Tensor]) -> None:
    class Hungry(Sound):
        def input_gradient(self, x: Tensor, y: Tensor, loss: Loss = "training") -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        flags(Hungry(digits_net), pixels)


def test_no_batch_is_larger_than_the_sample(digits_net: nn.Module, pixels: tuple[Tensor, Tensor]) -> None:
    """A sample that was cut to what fits in memory stays so in the checks."""
    sizes = []

    class Counting(Sound):
        def _logits(self, x: Tensor) -> Tensor:
            sizes.append(len(x))
            return super()._logits(x)

    flags(Counting(digits_net), (pixels[0][:3], pixels[1][:3]))
    assert max(sizes) == 3


def test_flags_stand_on_the_board(digits_net: nn.Module, digits: Dataset, tmp_path: Path) -> None:
    suite = parse_suite(
        "suite: tiny\ndataset: {name: digits}\nattacks: [{attack: fgsm, norm: linf, eps: 0.1}]", "tiny.yaml"
    )
    board = bench.run(suite, {"turned": Misleading(digits_net)}, out=tmp_path, device="cpu", limit=50)
    assert all("gradient-wrong" in row.flags for row in board.of("turned"))
    assert board.unranked == {}
    constant = adapters.black_box(lambda x: [3] * len(x), version="1")
    reasons = bench.run(suite, {"three": constant}, out=tmp_path, device="cpu", limit=100).unranked
    assert reasons == {"three": "one class: it gives one label for everything (all of its answers are class 3)"}
