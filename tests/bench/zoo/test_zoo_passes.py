"""Where a network is trained, and passes that are compiled."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from killed import BUILD, SGD, Killed, Killer, same
from torch import Tensor

import bench.zoo as zoo
from bench import registry
from bench.errors import UsageError
from bench.training.checkpoint import Checkpoint
from bench.training.device import compiled
from bench.training.loop import fit
from bench.training.nets.linear import SoftmaxRegression
from bench.training.nets.maxout import Maxout
from bench.training.objectives import make_objective
from bench.training.spec import ObjectiveSpec, Training
from bench.training.validation import error


def test_an_unknown_device_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="device 'gpu': give auto, cpu or cuda"):
        zoo.train("digits", "maxout", out=tmp_path / "x", device="gpu")
    with pytest.raises(UsageError, match="no CUDA device here"):
        zoo.train("digits", "maxout", out=tmp_path / "x", device="cuda")
    assert zoo.train("digits", "softmax-regression", out=tmp_path / "x", epochs=1, device="auto").device == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_training_killed_on_cuda_ends_in_the_same_weights(
    digits_flat: tuple[Tensor, Tensor], tmp_path: Path, every_epoch: None
) -> None:
    data = [part.cuda() for part in digits_flat]
    expected = fit(BUILD, *data, SGD, 0)
    with pytest.raises(Killed):
        fit(BUILD, *data, SGD, 0, Killer(3).doing, Checkpoint(tmp_path / "c", {}))
    assert same(fit(BUILD, *data, SGD, 0, checkpoint=Checkpoint(tmp_path / "c", {})).net, expected.net)


def test_layers_can_have_a_share_of_the_rate(digits_flat: tuple[Tensor, Tensor]) -> None:
    """One step of one batch: the weights move by the share of what they else move by, and others by the same."""
    x, y = (part[:50] for part in digits_flat)
    step = Training(optimiser="sgd", rate=0.1, epochs=1, batch=50)
    start, whole, part = (
        dict(fit(partial(SoftmaxRegression, 64, 10), x, y, training, 0).net.named_parameters())
        for training in (
            step.model_copy(update={"rate": 1e-12}),
            step,
            step.model_copy(update={"shares": {"linear.weight": 0.25}}),
        )
    )
    for name, share in (("linear.weight", 0.25), ("linear.bias", 1.0)):
        torch.testing.assert_close(part[name] - start[name], share * (whole[name] - start[name]), atol=1e-7, rtol=1e-4)


def test_compiled_passes_are_those_of_the_network(
    digits_flat: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the compiler's front end alone, which needs no machine code."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    x, y = (part[:50] for part in digits_flat)
    net = Maxout(64, 10, units=[8], pieces=2, spread=0.1)
    state = torch.random.get_rng_state()
    fused = compiled(net, x, y)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert fused is not net
    assert all(parameter.grad is None for parameter in net.parameters())
    objective = make_objective(ObjectiveSpec(kind="adversarial", parameters=ADVERSARIAL))
    losses = [objective(passes, x, y) for passes in (net, fused)]
    torch.testing.assert_close(*losses)
    first, second = (torch.autograd.grad(loss.sum(), list(net.parameters())) for loss in losses)
    torch.testing.assert_close(first, second)


def test_a_network_that_cannot_be_compiled_is_trained_as_it_is(
    digits_flat: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = (part[:50] for part in digits_flat)
    net = BUILD()

    def broken(*given: object) -> None:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=broken))
    assert compiled(net, x, y) is net


ADVERSARIAL = {"alpha": 0.5, "eps": 0.25, "clip": None, "masks": 2}


@pytest.mark.parametrize("kind", registry.names("training objective"))
def test_objectives_that_compiled_passes_serve(kind: str) -> None:
    """The others look into the network, or differentiate a gradient."""
    served = {"plain", "adversarial", "sign-noise", "uniform-noise", "gaussian-rubbish"}
    assert registry.get("training objective", kind).once == (kind in served)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_on_cuda_learns_with_compiled_passes(digits_flat: tuple[Tensor, Tensor]) -> None:
    x, y = (part.cuda() for part in digits_flat)
    assert error(fit(BUILD, x, y, SGD, 0).net, x, y, None) < 0.2
