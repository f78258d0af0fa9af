"""Fooling images: samples that are everybody's, steps that are the formula, and what a suite may ask of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from fooling_images import SHAPE, reached
from handmade import suite_of
from known_models import Answering, MaskedGradient, constant
from torch import Tensor, nn

import adapters
from adapters.base import Adapter, Outputs
from adapters.errors import Unsupported
from bench.attacks import make_attack
from bench.draws import Draws
from bench.errors import UsageError
from bench.threats import Criterion, Threat

SURE = Criterion(kind="targeted", threshold=0.5)


def draws(indices: Any) -> Draws:
    return Draws((0, "checksum", "fooling", 1), np.asarray(indices, dtype=np.int64))


def crafted(source: Adapter, indices: Any, **parameters: Any) -> tuple[Tensor, Tensor]:
    """Candidates and goals of the samples of these positions."""
    attack, drawn = make_attack("fooling", parameters), draws(indices)
    x, y = torch.zeros(len(drawn.indices), *SHAPE), torch.full((len(drawn.indices),), -1)
    goals = attack.goals(source, x, y, drawn)
    assert goals is not None
    (candidates,) = attack.craft(source, x, y, goals, [Threat()], drawn)
    return candidates, goals


def sample(indices: Any, draw: int = 0) -> Tensor:
    """The N(0, I) samples of these positions."""
    return torch.tensor(draws(indices).normal(SHAPE, draw), dtype=torch.float32)


def independent(net: nn.Module) -> Adapter:
    """The same network read as one independent probability a class."""
    double = Answering(lambda x: Outputs(net(x).argmax(1), net(x), net(x).sigmoid()))
    double.gradient, double.confidence_kind = "exact", "sigmoid"
    double._logits = net  # type: ignore[method-assign]
    return double


# -- goals ------------------------------------------------------------------------------------------------------------


def test_each_class_in_turn_by_the_sample_alone(source: Adapter) -> None:
    _, goals = crafted(source, [0, 1, 9, 10, 12_345])
    assert goals.tolist() == [0, 1, 9, 0, 5]


def test_one_class_for_all(source: Adapter) -> None:
    _, goals = crafted(source, range(4), target=3)
    assert goals.tolist() == [3] * 4


def test_a_class_that_the_dataset_lacks_is_named(source: Adapter) -> None:
    with pytest.raises(UsageError, match="target 10 of attack fooling: there are 10 classes"):
        crafted(source, range(4), target=10)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"target": "some"}, "target 'some' of attack fooling"),
        ({"target": -1}, "target -1"),
        ({"target": True}, "target True"),
        ({"step": "both"}, "step 'both'"),
        ({"step_size": 0}, "step_size 0"),
        ({"step_size": float("inf")}, "step_size inf"),
        ({"steps": 0}, "steps 0"),
        ({"eps": 0.1}, "unknown key of attack fooling 'eps'"),
    ],
)
def test_a_bad_parameter_is_named(parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make_attack("fooling", parameters)


# -- the samples ------------------------------------------------------------------------------------------------------


def test_it_starts_from_the_harness_s_own_draws(source: Adapter) -> None:
    """Standard normal, the same on every source, whatever the batch and its order; another draw is another sample."""
    tiny = {"step_size": 1e-30, "step": "log-gradient"}
    whole, _ = crafted(source, range(400), **tiny)
    assert torch.equal(whole, sample(range(400)))
    assert float(whole.mean()) == pytest.approx(0, abs=0.03)
    assert float(whole.std()) == pytest.approx(1, abs=0.03)
    order = [7, 3, 399]
    assert torch.equal(crafted(independent(lambda x: x.flatten(1)[:, :10]), order, **tiny)[0], whole[order])  # type: ignore[arg-type]
    assert torch.equal(crafted(source, range(5), draw=1, **tiny)[0], sample(range(5), draw=1))
    assert not torch.equal(sample(range(5)), sample(range(5), draw=1))


@pytest.mark.parametrize("step", ["sign", "gradient", "log-gradient"])
def test_images_do_not_depend_on_batch_or_order(step: str, source: Adapter) -> None:
    whole, goals = crafted(source, range(60), step=step, steps=3)
    order = [41, 5, 59, 0]
    part, part_goals = crafted(source, order, step=step, steps=3)
    assert torch.equal(part_goals, goals[order])
    assert torch.allclose(part, whole[order], atol=1e-5)


# -- the step ---------------------------------------------------------------------------------------------------------


def gradient_of(values: Any, x: Tensor) -> Tensor:
    point = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(values(point).sum(), point)
    return gradient


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_the_step_is_the_formula(kind: str, source: Adapter, digits_net: nn.Module) -> None:
    """x + eps grad p(y = i | x), eps grad log p, or eps times the sign that both gradients share."""
    model = source if kind == "softmax" else independent(digits_net)
    x, goals = sample(range(40)), torch.arange(40) % 10

    def p(point: Tensor) -> Tensor:
        logits = digits_net(point)
        probabilities = logits.softmax(1) if kind == "softmax" else logits.sigmoid()
        return probabilities.gather(1, goals[:, None])

    of_p, of_log = gradient_of(p, x), gradient_of(lambda point: p(point).log(), x)
    assert torch.allclose(crafted(model, range(40), step="gradient", step_size=3)[0], x + 3 * of_p, atol=1e-5)
    assert torch.allclose(crafted(model, range(40), step="log-gradient", step_size=3)[0], x + 3 * of_log, atol=1e-4)
    signed, _ = crafted(model, range(40), step="sign", step_size=0.5)
    clear = of_p.abs() > 1e-6
    assert clear.float().mean() > 0.5
    assert torch.equal(signed[clear], (x + 0.5 * of_p.sign())[clear])


def test_only_the_gradient_of_p_itself_underflows(digits_net: nn.Module) -> None:
    """A model that is sure of another class leaves p no gradient; log p has one, and the sign is that of log p."""
    steep = adapters.wrap(MaskedGradient(digits_net).eval())
    x = sample(range(50))
    other = steep.predict(x) != torch.arange(50) % 10
    moved = {
        step: (crafted(steep, range(50), step=step)[0] != x).flatten(1).any(1)
        for step in ("gradient", "log-gradient", "sign")
    }
    assert not moved["gradient"].any()
    assert moved["log-gradient"][other].all()
    assert moved["sign"][other].all()


def test_more_steps_go_on_until_the_source_is_fooled(source: Adapter) -> None:
    """What is reached is kept as it is; the others get further."""
    small = {"step_size": 0.05, "step": "sign"}
    counts = []
    before, goals = crafted(source, range(100), **small)
    for steps in (2, 4, 8, 30):
        after, _ = crafted(source, range(100), steps=steps, **small)
        done = reached(source, before, goals)
        counts.append(int(done.sum()))
        assert torch.equal(after[done], before[done])
        before = after
    assert counts == sorted(counts)
    assert counts[0] < 50
    assert reached(source, before, goals).all()


def test_a_single_step_is_made_whatever_the_sample_is_taken_for(source: Adapter) -> None:
    x = sample(range(100))
    assert ((crafted(source, range(100))[0] - x).abs() > 0.2).flatten(1).any(1).all()


def test_a_model_without_a_gradient_crafts_none() -> None:
    with pytest.raises(Unsupported):
        crafted(adapters.black_box(constant(0), version="1"), range(4))


def test_a_gradient_that_is_nan_is_no_step() -> None:
    """Its sign would pass for a step that changes nothing."""
    with pytest.raises(ValueError, match="gradient is NaN"):
        crafted(independent(lambda x: x.flatten(1)[:, :10].abs().sqrt() * torch.nan), range(4))  # type: ignore[arg-type]


# -- suites -----------------------------------------------------------------------------------------------------------


def test_what_an_entry_asks_for_unless_it_says_otherwise() -> None:
    (entry,) = suite_of("  - {attack: fooling, n: 20, sources: all}").attacks
    assert entry.judged_by == SURE
    assert (entry.sources, entry.made.generates) == ("all", True)
    assert suite_of("  - {attack: fooling, n: 20, criterion: {kind: targeted, threshold: 0.9}}").attacks[
        0
    ].judged_by == (Criterion(kind="targeted", threshold=0.9))


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("attack: fooling", "fooling needs n: how many inputs"),
        ("attack: fooling, n: 9, norm: linf, eps: 0.1", "bound to no ball"),
        ("attack: fooling, n: 9, criterion: {kind: misclassified}", "misclassified is for labelled inputs"),
        ("attack: gaussian-rubbish, n: 9, criterion: {kind: misclassified}", "misclassified is for labelled inputs"),
        (
            "attack: fgsm, norm: linf, eps: 0.1, target: next, criterion: {kind: targeted, threshold: 0.5}",
            "criterion targeted with a threshold is for generated inputs",
        ),
    ],
)
def test_a_bad_entry_is_refused_in_words(entry: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        suite_of(f"  - {{{entry}}}")
