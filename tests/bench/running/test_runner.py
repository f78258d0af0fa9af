"""Running jobs on models whose answers are known."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from carried import NOISE, OWN, TRANSFER, Ran, carry_out
from known_models import Answering, MaskedGradient, Squashed, constant, nearest_mean
from torch import Tensor, nn

import adapters
from adapters.base import Outputs
from bench.datasets import Dataset


def test_a_sound_network(sound: Ran) -> None:
    """The measuring stick of the others: right when clean, wrong under attack, ranked."""
    assert sound.statuses("net") == {"ok"}
    assert sound.row("net", "clean").error == pytest.approx(0.05, abs=0.05)
    assert sound.row("net", "fgsm", 0.2).error > 0.8
    assert sound.row("net", "worst-of-all").rank == 1
    assert sound.row("net", "clean").flags == []
    assert (sound.summary.done, sound.summary.failed, sound.summary.interrupted) == (4, [], False)


def test_a_constant_model(digits: Dataset, tmp_path: Path) -> None:
    """It is right on its class alone, whatever is added; its own gradient attack is unsupported, and it has no rank."""
    share = float((digits.labels("test") == 7).mean())
    ran = carry_out({"seven": adapters.black_box(constant(7), version="1")}, digits, tmp_path)
    for attack in ("clean", "sign-noise"):
        assert ran.row("seven", attack).error == pytest.approx(1 - share)
        assert ran.row("seven", attack).robust_accuracy == pytest.approx(share)
    assert ran.row("seven", "sign-noise").attack_success == 0
    assert ran.row("seven", "clean").confidence_on_mistakes is None
    own = ran.row("seven", "fgsm", 0.1)
    assert (own.status, own.robust_accuracy, own.rank) == ("unsupported", None, None)
    assert "needs a gradient" in str(own.reason)
    assert str(own.unranked).startswith("one class")
    assert (ran.summary.unsupported, ran.failures) == (2, {})


def test_a_labels_only_model_is_a_target_of_transfer(digits: Dataset, digits_net: nn.Module, tmp_path: Path) -> None:
    x, y = digits.examples("train", slice(None)).reshape(-1, 64), digits.labels("train")
    mute = adapters.black_box(nearest_mean(x, y), version="1")
    ran = carry_out({"net": digits_net, "mute": mute}, digits, tmp_path)
    row = ran.row("mute", "fgsm", 0.2, source="net")
    assert row.status == "ok"
    assert row.error > ran.row("mute", "clean").error
    assert row.transfer is not None
    assert row.transfer.given_source_fooled is not None
    assert not [item for item in ran.rows if item.source == "mute" and item.model == "net"]


@pytest.mark.parametrize("kind", ["labels", "scores"])
def test_a_random_model_is_flagged_and_not_ranked(kind: str, digits: Dataset, tmp_path: Path) -> None:
    """Randomness looks like robustness to a single pass."""
    generator = torch.Generator().manual_seed(0)

    def answer(x: Tensor) -> Any:
        if kind == "labels":
            return torch.randint(10, (len(x),), generator=generator)
        scores = torch.randn(len(x), 10, generator=generator) * 1e-3
        scores[:, 3] += 1.0  # the label stays: only the scores move
        return Outputs(scores.argmax(1), scores, None)

    ran = carry_out({"dice": Answering(answer)}, digits, tmp_path, NOISE)
    assert {row.rank for row in ran.rows} == {None}
    assert all({"at-chance", "labels-only", "randomised"} <= set(row.flags) for row in ran.rows)


def test_what_asking_again_finds_stands_in_the_run_and_on_the_board(digits: Dataset, tmp_path: Path) -> None:
    """And in no result: the next run asks others. What is said to draw is not asked again, and has no rank anyway."""
    x, y = digits.examples("train", slice(None)).reshape(-1, 64), digits.labels("train")
    honest = nearest_mean(x, y)

    def by_parity(batch: np.ndarray) -> np.ndarray:
        found = honest(batch)
        return found if len(batch) % 2 else np.where(batch.reshape(len(batch), -1).sum(1) > 20, 3, found)

    models = {"sound": honest, "unsteady": by_parity}
    given: dict[str, Any] = {name: adapters.black_box(answer, version="1") for name, answer in models.items()}
    given["drawn"] = adapters.black_box(honest, version="2", stochastic=True)
    ran = carry_out(given, digits, tmp_path, NOISE)
    found = {(record.cell.target.name, record.run.findings) for record in ran.records.values()}
    assert found - {("unsteady", None)} == {("sound", None), ("unsteady", ("order-dependent",)), ("drawn", None)}
    asked = {record.cell.target.name: record.run.asked_again for record in ran.records.values()}
    assert asked["sound"]
    assert asked["drawn"] is None
    assert "order-dependent" not in "".join(record.result.model_dump_json() for record in ran.records.values())
    reasons = {row.model: str(row.unranked).split(":")[0] for row in ran.rows}
    assert reasons == {"sound": "None", "unsteady": "order-dependent", "drawn": "randomised"}
    assert {(row.model, row.rank) for row in ran.rows} == {("sound", 1), ("unsteady", None), ("drawn", None)}


def test_masked_gradients_are_flagged(digits: Dataset, digits_net: nn.Module, sound: Ran, tmp_path: Path) -> None:
    """Steep scores leave float32 no gradient: FGSM hardly hurts, and noise, transfer and another loss tell why."""
    margin = "  - {attack: fgsm, norm: linf, eps: 0.2, loss: margin}"
    noise = "  - {attack: sign-noise, norm: linf, eps: 0.3}\n  - {attack: fgsm, norm: linf, eps: 0.3}"
    models = {"net": digits_net, "masked": MaskedGradient(digits_net)}
    ran = carry_out(models, digits, tmp_path, "\n".join([OWN, TRANSFER, noise]))
    masked = ran.row("masked", "fgsm", 0.2)
    assert masked.error < 0.2 < 0.8 < ran.row("net", "fgsm", 0.2).error
    assert set(masked.flags) >= {"zero-gradient", "weaker-than-noise", "weaker-than-transfer"}
    assert ran.row("net", "fgsm", 0.2).flags == []
    unmasked = carry_out({"masked": MaskedGradient(digits_net)}, digits, tmp_path / "margin", margin)
    assert unmasked.row("masked", "fgsm", 0.2).error > 0.8


def test_probabilities_where_logits_are_due_are_flagged(digits: Dataset, digits_net: nn.Module, tmp_path: Path) -> None:
    right = adapters.wrap(Squashed(digits_net).eval(), outputs="probabilities")
    ran = carry_out(
        {"wrong": adapters.wrap(Squashed(digits_net).eval(), outputs="logits"), "right": right}, digits, tmp_path, NOISE
    )
    assert ran.row("wrong", "clean").flags == ["softmax-as-logits"]
    assert ran.row("right", "clean").flags == []


def test_train_mode_is_flagged_and_judged_in_evaluation_mode(
    digits: Dataset, digits_net: nn.Module, tmp_path: Path
) -> None:
    net = nn.Sequential(nn.Dropout(0.5), copy.deepcopy(digits_net)).train()
    ran = carry_out({"training": net}, digits, tmp_path, NOISE)
    assert ran.row("training", "clean").flags == ["train-mode"]
    assert net.training


def test_abstention_is_a_mistake_when_clean_and_when_attacked(digits: Dataset, tmp_path: Path) -> None:
    x, y = digits.examples("train", slice(None)).reshape(-1, 64), digits.labels("train")
    predict = nearest_mean(x, y, abstain_above=4.0)
    ran = carry_out({"shy": adapters.black_box(predict, version="1")}, digits, tmp_path, NOISE)
    clean, true = predict(digits.examples("test", slice(None))), digits.labels("test")
    assert 0 < (clean < 0).sum() < len(clean)
    row = ran.row("shy", "clean")
    assert row.error == pytest.approx((clean != true).mean())
    assert row.clean_accuracy == pytest.approx((clean == true).mean())
    assert row.abstention == pytest.approx((clean < 0).mean())
    noisy, labels = ran.row("shy", "sign-noise"), np.asarray(ran.labels("shy", "sign-noise", 0.2))
    assert noisy.abstention == pytest.approx((labels < 0).mean())
    assert noisy.error == pytest.approx((labels != true).mean())
    assert noisy.robust_accuracy == pytest.approx(((clean == true) & (labels == true)).mean())


def test_a_binary_network_of_one_logit_over_two_of_the_classes(digits: Dataset, tmp_path: Path) -> None:
    """Classes that it does not know are never given, and their examples count against it."""
    train, labels = digits.examples("train", slice(None)).reshape(-1, 64), digits.labels("train")
    three, eight = (torch.tensor(train[labels == k].mean(0)) for k in (3, 8))
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 1)).eval()
    with torch.no_grad():
        net[1].weight.copy_((eight - three)[None])
        net[1].bias.copy_((three @ three - eight @ eight)[None] / 2)
    ran = carry_out({"binary": adapters.wrap(net, classes=["3", "8"])}, digits, tmp_path)
    x = torch.from_numpy(digits.examples("test", slice(None)))
    expected = torch.where(net(x)[:, 0] > 0, 8, 3)
    assert ran.labels("binary", "clean") == expected.tolist()
    assert ran.statuses("binary") == {"ok"}
    assert set(ran.labels("binary", "fgsm", 0.2)) == {3, 8}
    eights = digits.labels("test") == 8
    before, after = (np.asarray(ran.labels("binary", "fgsm", eps))[eights] for eps in (0.1, 0.2))
    assert (after == 8).sum() <= (before == 8).sum() < (expected.numpy()[eights] == 8).sum()
