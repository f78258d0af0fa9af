"""Trainings that are killed and go on, that stop early, and where they keep what they know."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from told import Told
from torch import Tensor

import bench.zoo as zoo
from bench import registry
from bench.errors import UsageError
from bench.training import checkpoint as checkpoints
from bench.training import loop
from bench.training.checkpoint import Checkpoint
from bench.training.device import compiled
from bench.training.loop import HeldOut, Trained, fit
from bench.training.nets.base import Net
from bench.training.nets.linear import SoftmaxRegression
from bench.training.nets.maxout import Maxout
from bench.training.objectives import make_objective
from bench.training.spec import EarlyStopping, ObjectiveSpec, OwnFGSM, Training
from bench.training.validation import best_epoch, error, exhausted, held_out

SGD = Training(optimiser="sgd", rate=0.1, decay=1.001, momentum=(0.5, 0.7), epochs=6, batch=50)
STOPPING = EarlyStopping(held_out=200, eps=0.1, patience=2)
NOISY = ObjectiveSpec(kind="uniform-noise", parameters={"eps": 0.1})
BUILD = partial(Maxout, 64, 10, units=[16], pieces=2, spread=0.1, input_dropout=0.1, hidden_dropout=0.3)


class Killed(Exception):
    """In place of the signal."""


@pytest.fixture(scope="module")
def digits_flat(digits_train: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor]:
    x, y = digits_train
    return torch.tensor(x), torch.tensor(y)


@pytest.fixture
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every epoch, however short."""
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)


class Killer(Told):
    """Listens to so many epochs, then kills."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def doing(self, text: str, share: float) -> None:
        super().doing(text, share)
        if len(self.doings) == self.after:
            raise Killed


def same(a: Net, b: Net) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


SCHEDULES = {
    "sgd": SGD,
    "noise": SGD.model_copy(update={"objective": NOISY}),
    "adam": Training(optimiser="adam", rate=0.01, epochs=6, batch=50),
    "stopping": SGD.model_copy(update={"early_stopping": STOPPING}),
}


@pytest.mark.parametrize("after", [1, 4, 5])
@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_a_killed_training_ends_in_the_same_weights(
    schedule: Training, after: int, digits_flat: tuple[Tensor, Tensor], tmp_path: Path, every_epoch: None
) -> None:
    whole, first, second = Told(), Killer(after), Told()
    expected = fit(BUILD, *digits_flat, schedule, 0, whole.doing)
    with pytest.raises(Killed):
        fit(BUILD, *digits_flat, schedule, 0, first.doing, Checkpoint(tmp_path / "c", {"recipe": "1"}))
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    resumed = Checkpoint(tmp_path / "c", {"recipe": "1"})
    found = fit(BUILD, *digits_flat, schedule, 0, second.doing, resumed)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert same(found.net, expected.net)
    assert found.epochs == expected.epochs
    assert first.doings + second.doings == whole.doings, "and no epoch is trained twice"


def test_a_training_killed_while_it_trains_anew_on_everything_goes_on_there(
    digits_flat: tuple[Tensor, Tensor], tmp_path: Path, every_epoch: None
) -> None:
    schedule = SCHEDULES["stopping"]
    whole = Told()
    expected = fit(BUILD, *digits_flat, schedule, 0, whole.doing)
    first = Killer(len(whole.doings) - 1)
    with pytest.raises(Killed):
        fit(BUILD, *digits_flat, schedule, 0, first.doing, Checkpoint(tmp_path / "c", {}))
    assert "validation" not in first.doings[-1][0]
    second = Told()
    found = fit(BUILD, *digits_flat, schedule, 0, second.doing, Checkpoint(tmp_path / "c", {}))
    assert second.doings == whole.doings[-1:]
    assert same(found.net, expected.net)


def test_a_checkpoint_of_another_training_or_a_torn_one_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "c"
    Checkpoint(path, {"recipe": "1"}).save({"w": torch.arange(3)}, {"epoch": 2, "rate": 0.1 + 0.2})
    saved = Checkpoint(path, {"recipe": "1"}).load()
    assert saved is not None
    assert torch.equal(saved.tensors["w"], torch.arange(3))
    assert saved.state == {"epoch": 2, "rate": 0.1 + 0.2}
    assert Checkpoint(path, {"recipe": "2"}).load() is None
    assert [file.name for file in path.parent.iterdir()] == ["c"], "nothing half written stays behind"
    path.write_bytes(path.read_bytes()[:-1])
    assert Checkpoint(path, {"recipe": "1"}).load() is None
    Checkpoint(path, {}).remove()
    assert Checkpoint(path, {}).load() is None


def test_a_folder_that_cannot_be_written_costs_the_checkpoint_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    checkpoint = Checkpoint(tmp_path / "file" / "c", {})
    checkpoint.save({"w": torch.zeros(1)}, {})
    assert checkpoint.load() is None
    checkpoint.remove()


def test_short_trainings_leave_no_checkpoint(digits_flat: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    with pytest.raises(Killed):
        fit(BUILD, *digits_flat, SGD, 0, Killer(2).doing, Checkpoint(tmp_path / "c", {}))
    assert not (tmp_path / "c").exists()


def test_train_goes_on_from_its_checkpoint_in_the_cache_and_removes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every_epoch: None
) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "elsewhere"))
    expected = zoo.train("digits", "maxout", epochs=4)
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    with pytest.raises(Killed):
        zoo.train("digits", "maxout", epochs=4, progress=Killer(3))
    (kept,) = (tmp_path / "checkpoints" / "digits").iterdir()
    assert kept.name == f"maxout-{expected.recipe_hash[:16]}.safetensors"
    told = Told()
    found = zoo.train("digits", "maxout", epochs=4, progress=told)
    assert [share for _, share in told.doings] == [1.0]
    assert found.fingerprint == expected.fingerprint
    assert (found.epochs, found.device) == (4, "cpu")
    assert not kept.exists()


def test_early_stopping_takes_the_epoch_of_least_adversarial_error_and_trains_anew_on_everything(
    digits_flat: tuple[Tensor, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every_epoch: None
) -> None:
    x, y = digits_flat
    errors = [0.9, 0.5, 0.6, 0.5, 0.55, 0.1]
    measured: list[Tensor] = []

    def scripted(net: Net, held_x: Tensor, held_y: Tensor, stopping: EarlyStopping) -> float:
        measured.append(held_x)
        return errors[len(measured) - 1]

    monkeypatch.setattr(loop, "error", scripted)
    schedule = SGD.model_copy(update={"early_stopping": EarlyStopping(held_out=200, eps=0.1, patience=3)})
    found = fit(BUILD, x, y, schedule, 0)
    assert len(measured) == 5, "three epochs without a new least error end it; an equal one is none"
    assert {len(held) for held in measured} == {200}
    assert found.epochs == 2
    cut_short = Checkpoint(tmp_path / "c", {})
    with pytest.raises(Killed):
        fit(BUILD, x, y, SGD, 0, Killer(2).doing, cut_short)
    saved = cut_short.load()
    assert saved is not None
    assert all(torch.equal(saved.tensors[f"net.{name}"], weights) for name, weights in found.net.named_parameters())


def test_held_out_examples_are_drawn_once_and_never_learnt_from() -> None:
    kept, out = held_out(100, 30, 5, torch.device("cpu"))
    assert sorted([*kept.tolist(), *out.tolist()]) == list(range(100))
    assert len(out) == 30
    assert torch.equal(out, held_out(100, 30, 5, torch.device("cpu"))[1])
    assert not torch.equal(out, held_out(100, 30, 6, torch.device("cpu"))[1])
    with pytest.raises(ValueError, match="holds out 100 of 100"):
        held_out(100, 100, 0, torch.device("cpu"))


def test_patience() -> None:
    assert best_epoch([0.3, 0.2, 0.2, 0.4]) == 2
    assert not exhausted([], 1)
    assert not exhausted([0.3, 0.2, 0.3], 2)
    assert exhausted([0.3, 0.2, 0.3, 0.2], 2)


def test_validation_error_is_that_of_fgsm_without_dropout() -> None:
    net = SoftmaxRegression(2, 2).train()
    net.linear.weight.data = torch.tensor([[0.0, 0.0], [1.0, -1.0]])
    x, y = torch.tensor([[0.5, 0.2], [0.9, 0.1], [0.2, 0.5]]), torch.tensor([1, 1, 0])
    # Margins 0.3, 0.8 and 0.3; a step of eps takes 2 eps away from each.
    assert [error(net, x, y, STOPPING.model_copy(update={"eps": eps})) for eps in (0.1, 0.2, 0.5)] == [
        0.0,
        pytest.approx(2 / 3),
        1.0,
    ]
    clipped = STOPPING.model_copy(update={"eps": 0.5, "clip": (0.3, 1.0)})
    assert error(net, x, y, clipped) == pytest.approx(1.0)
    assert net.training
    dropping = BUILD().train()
    before = torch.random.get_rng_state()
    error(dropping, torch.rand(10, 64, generator=torch.Generator().manual_seed(0)), torch.arange(10), STOPPING)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_early_stopping_really_measures(digits_flat: tuple[Tensor, Tensor]) -> None:
    told = Told()
    found: Trained = fit(BUILD, *digits_flat, SCHEDULES["stopping"], 0, told.doing)
    searched = [float(text.split()[-1].rstrip("%")) for text, _ in told.doings if "validation" in text]
    assert found.epochs == 1 + searched.index(min(searched))
    shares = [share for _, share in told.doings[len(searched) :]]
    assert shares == [epoch / found.epochs for epoch in range(1, found.epochs + 1)]


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


def test_a_learning_curve_changes_nothing_and_survives_an_interruption(
    digits_flat: tuple[Tensor, Tensor], tmp_path: Path, every_epoch: None
) -> None:
    x, y = digits_flat
    test = HeldOut(x[:300], y[:300], OwnFGSM(eps=0.1))
    plain, watched = fit(BUILD, x, y, SGD, 0), fit(BUILD, x, y, SGD, 0, test=test)
    assert plain.curve == []
    assert len(watched.curve) == SGD.epochs
    assert all(torch.equal(a, b) for a, b in zip(plain.net.parameters(), watched.net.parameters(), strict=True))
    last = [error(watched.net, *test[:2], attack) for attack in (None, test.attack)]
    assert watched.curve[-1] == last
    assert all(clean <= attacked for clean, attacked in watched.curve)
    cut_short = Checkpoint(tmp_path / "c", {})
    with pytest.raises(Killed):
        fit(BUILD, x, y, SGD, 0, Killer(3).doing, cut_short, test)
    assert fit(BUILD, x, y, SGD, 0, checkpoint=cut_short, test=test).curve == watched.curve


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
