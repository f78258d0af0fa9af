"""Trainings that are killed and go on, that stop early, and where they keep what they know."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from killed import BUILD, SCHEDULES, SGD, STOPPING, Killed, Killer, same
from told import Told
from torch import Tensor

import bench.zoo as zoo
from bench.training import loop
from bench.training.checkpoint import Checkpoint
from bench.training.loop import HeldOut, Trained, fit
from bench.training.nets.base import Net
from bench.training.nets.linear import SoftmaxRegression
from bench.training.spec import EarlyStopping, OwnFGSM, Training
from bench.training.validation import best_epoch, error, exhausted, held_out


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
