"""Every attack of the table stays within its threat; FGSM is the formula to the last bit; noise is everybody's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from known_models import Answering, constant
from torch import Tensor, nn

import adapters
from adapters.base import Adapter, Outputs
from adapters.errors import Unsupported
from bench import registry
from bench.attacks import attack_class, make_attack
from bench.draws import Draws
from bench.errors import UsageError
from bench.running.judge import audit
from bench.threats import NORMS, Norm, Threat

GRID = [1e-3, 8 / 255, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
UNIT = (0.0, 1.0)
NAMES = registry.names("attack")


def sizes(norm: str | None, grid: list[float]) -> list[float]:
    """Budgets of a norm: of L0 they are numbers of features."""
    return [float(k) for k in range(1, 1 + len(grid))] if norm == "l0" else grid


def linear(features: int = 12, classes: int = 4, seed: int = 0) -> Adapter:
    """A linear classifier: its gradient is the same on a whole line, so FGSM is the best step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return adapters.wrap(nn.Sequential(nn.Flatten(), nn.Linear(features, classes)).eval())


def curved(features: int = 12, classes: int = 4) -> Adapter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = nn.Sequential(nn.Flatten(), nn.Linear(features, 16), nn.Tanh(), nn.Linear(16, classes))
    return adapters.wrap(net.eval())


def batch(n: int = 9, shape: tuple[int, ...] = (3, 2, 2), seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, *shape, generator=generator)
    x.view(n, -1)[:, 0], x.view(n, -1)[:, 1] = 0.0, 1.0
    return x, torch.randint(4, (n,), generator=generator)


def draws(indices: Any, key: tuple[Any, ...] = (0, "checksum", "attack", 1)) -> Draws:
    return Draws(key, np.asarray(indices, dtype=np.int64))


def crafted(
    name: str, source: Any, x: Tensor, y: Tensor, budgets: list[Threat], drawn: Draws | None = None, **parameters: Any
) -> list[Tensor]:
    attack = make_attack(name, parameters)
    drawn = drawn or draws(range(len(x)))
    goals = attack.goals(source, x, y, drawn)
    return list(attack.craft(source, x, y, goals, budgets, drawn))


def budgets_of(name: str, clip: bool, grid: list[float]) -> list[list[Threat]]:
    """The threats that an attack can be set, a list a norm."""
    limits = UNIT if clip else None
    norms = attack_class(name).norms
    return [[Threat(norm=norm, eps=eps, clip=limits) for eps in sizes(norm, grid)] for norm in norms] or [[Threat()]]


# -- every attack -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clip", [True, False], ids=["clipped", "unclipped"])
@pytest.mark.parametrize("name", NAMES)
def test_every_attack_stays_within_its_threat(name: str, clip: bool) -> None:
    """As the judge sees it: one batch a budget, finite, in the range, in the ball; the inputs as they were."""
    x, y = batch()
    before = x.clone()
    kind = make_attack(name, {})
    for budgets in budgets_of(name, clip, GRID):
        candidates = crafted(name, curved(), x, y, budgets)
        assert len(candidates) == len(budgets)
        for candidate, budget in zip(candidates, budgets, strict=True):
            found = audit(candidate, x, budget, generated=kind.generates)
            if budget.norm is not None and not clip and (name != "uniform-noise" or budget.norm == "l0"):
                assert found.largest == pytest.approx(budget.eps, rel=1e-4)
    assert torch.equal(x, before)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    n=st.integers(1, 5),
    eps=st.floats(1e-4, 2.0),
    clip=st.booleans(),
    scale=st.sampled_from([1.0, 255.0]),
)
def test_whatever_the_shape_and_the_scale(
    name: str, shape: tuple[int, ...], n: int, eps: float, clip: bool, scale: float
) -> None:
    generator = torch.Generator().manual_seed(n)
    x = torch.rand(n, *shape, generator=generator) * scale
    y = torch.randint(4, (n,), generator=generator)
    source = curved(features=int(np.prod(shape)))
    for norm in attack_class(name).norms or [None]:
        size = float(1 + n) if norm == "l0" else eps * scale
        budget = Threat(norm=norm, eps=norm and size, clip=(0.0, scale) if clip and norm else None)
        (candidate,) = crafted(name, source, x, y, [budget])
        audit(candidate, x, budget, generated=make_attack(name, {}).generates)


@pytest.mark.parametrize("name", NAMES)
def test_every_attack_says_what_it_is(name: str) -> None:
    kind = attack_class(name)
    assert kind.name == name
    assert kind.revision >= 1
    assert set(kind.norms) <= set(NORMS)
    assert kind.needs in ("gradient", "scores", "labels", "nothing")
    assert kind.summary
    assert not make_attack(name, {}).generates or not kind.norms


@pytest.mark.parametrize("name", [name for name in NAMES if attack_class(name).needs == "nothing"])
def test_attacks_that_need_nothing_touch_no_model(name: str) -> None:
    """Hence every model meets the same candidates."""
    x, y = batch()
    for budgets in budgets_of(name, True, [0.1]):
        crafted(name, None, x, y, budgets)


@pytest.mark.parametrize("name", [name for name in NAMES if attack_class(name).needs == "gradient"])
def test_a_gradient_attack_on_a_labels_only_model_raises(name: str) -> None:
    x, y = batch()
    with pytest.raises(Unsupported):
        crafted(name, adapters.black_box(constant(0), version="1"), x, y, [Threat(norm="linf", eps=0.1)])


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("fgms", {}, "unknown attack 'fgms'; did you mean fgsm?"),
        ("fgsm", {"los": "margin"}, "unknown key of attack fgsm 'los'; did you mean loss?"),
        ("fgsm", {"loss": "margn"}, "loss 'margn' of attack fgsm"),
        ("iterated-fgsm", {"steps": 0}, "steps 0 of attack iterated-fgsm"),
        ("iterated-fgsm", {"step_ratio": 2}, "step_ratio 2"),
        ("uniform-noise", {"draw": -1}, "draw -1"),
    ],
)
def test_a_bad_parameter_is_named(name: str, parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make_attack(name, parameters)


# -- FGSM -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["training", "cross_entropy", "margin"])
@pytest.mark.parametrize("clip", [True, False], ids=["clipped", "unclipped"])
def test_fgsm_is_the_formula_bit_for_bit(loss: str, clip: bool) -> None:
    x, y = batch(40)
    source = curved()
    gradient = source.input_gradient(x, y, loss)  # type: ignore[arg-type]
    grid = [*GRID, *np.linspace(0.01, 1, 50).tolist()]
    (budgets,) = [group for group in budgets_of("fgsm", clip, grid) if group[0].norm == "linf"]
    for candidate, eps in zip(crafted("fgsm", source, x, y, budgets, loss=loss), grid, strict=True):
        expected = x + eps * gradient.sign()
        assert torch.equal(candidate, expected.clamp(0, 1) if clip else expected)


def test_fgsm_of_length_eps_along_the_gradient_for_l2() -> None:
    x, y = batch()
    source = curved()
    gradient = source.input_gradient(x, y)
    for eps in GRID:
        (candidate,) = crafted("fgsm", source, x, y, [Threat(norm="l2", eps=eps)])
        step = (candidate.double() - x.double()).flatten(1)
        assert step.norm(dim=1).numpy() == pytest.approx(eps, rel=1e-4)
        cosine = torch.cosine_similarity(step, gradient.double().flatten(1))
        assert (cosine > 0.9999).all()


class Counting(Adapter):
    """Counts the gradients that it is asked for."""

    def __init__(self, inner: Adapter) -> None:
        super().__init__(input_shape=None, classes=None)
        self.gradient, self.inner, self.calls = inner.gradient, inner, 0
        self._outputs, self._logits, self._state, self._move = inner._outputs, inner._logits, inner._state, inner._move

    family = "counting"

    def _outputs(self, x: Tensor) -> Outputs: ...

    def _state(self) -> Any: ...

    def _move(self, device: Any) -> None: ...

    def input_gradient(self, x: Tensor, y: Tensor, loss: Any = "training") -> Tensor:
        self.calls += 1
        return self.inner.input_gradient(x, y, loss)


@pytest.mark.parametrize("norm", NORMS)
def test_one_gradient_serves_a_whole_grid(norm: Norm) -> None:
    x, y = batch()
    source = Counting(curved())
    crafted("fgsm", source, x, y, [Threat(norm=norm, eps=eps, clip=UNIT) for eps in sizes(norm, GRID)])
    assert source.calls == 1


def test_the_predicted_label_in_place_of_the_true_one() -> None:
    x, y = batch(30)
    source = curved()
    predicted = source.predict(x)
    assert not torch.equal(predicted, y)
    budget = [Threat(norm="linf", eps=0.1)]
    (blind,) = crafted("fgsm", source, x, y, budget, label="predicted")
    (expected,) = crafted("fgsm", source, x, predicted, budget)
    assert torch.equal(blind, expected)


@pytest.mark.parametrize("name", ["fgsm", "iterated-fgsm"])
@pytest.mark.parametrize("norm", NORMS)
def test_a_zero_gradient_moves_nothing(name: str, norm: Norm) -> None:
    """Nothing to offer is x itself: the judge counts it as not moved."""
    flat = adapters.wrap(nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).eval())
    with torch.no_grad():
        for parameter in flat.module.parameters():  # type: ignore[attr-defined]
            parameter.zero_()
    x, y = batch()
    with torch.no_grad():
        flat.module[1].bias += 1  # type: ignore[attr-defined]
    (candidate,) = crafted(name, flat, x, y, [Threat(norm=norm, eps=eps, clip=UNIT) for eps in sizes(norm, [0.1])])
    assert torch.equal(candidate, x)


# -- targeted ---------------------------------------------------------------------------------------------------------


def answering(labels: list[int], logits: list[list[float]]) -> Answering:
    scores = torch.tensor(logits)
    double = Answering(lambda x: Outputs(torch.tensor(labels), scores, None))
    double.gradient = "exact"
    double._logits = lambda x: scores  # type: ignore[method-assign]
    return double


LOGITS = [[3.0, 1.0, 2.0], [0.0, 2.0, 1.0], [1.0, 0.0, 2.0], [2.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("target", "true", "goals"),
    [
        ("next", [0, 1, 2, 1], [1, 2, 0, 2]),
        ("next", [2, 1, 1, 2], [0, 2, 2, 0]),  # taken for the next class already, which success is conditioned on
        ("least-likely", [0, 1, 2, 0], [1, 0, 1, 2]),
        ("least-likely", [1, 0, 1, 2], [-1, -1, -1, -1]),  # of that class already
    ],
)
def test_goals_leave_out_what_would_be_a_success_of_nothing(target: str, true: list[int], goals: list[int]) -> None:
    source = answering([0, 1, 2, 0], LOGITS)
    attack = make_attack("fgsm", {"target": target})
    assert attack.goals(source, torch.zeros(4, 2), torch.tensor(true), draws(range(4))).tolist() == goals  # type: ignore[union-attr]
    assert attack.criterion.kind == "targeted"


def test_random_goals_are_never_the_true_class_and_the_same_for_every_model() -> None:
    x, y = batch(200)
    attack = make_attack("fgsm", {"target": "random"})
    first, second = (attack.goals(source, x, y, draws(range(200))) for source in (curved(), linear()))
    assert first is not None
    assert second is not None
    assert not (first == y).any()
    both = (first >= 0) & (second >= 0)
    assert both.sum() > 50
    assert torch.equal(first[both], second[both])


def test_a_targeted_step_goes_down_the_loss_of_the_goal() -> None:
    x, y = batch(30)
    source = linear()
    attack = make_attack("fgsm", {"target": "next"})
    goals = attack.goals(source, x, y, draws(range(30)))
    assert goals is not None
    (candidate,) = attack.craft(source, x, y, goals, [Threat(norm="linf", eps=0.2)], draws(range(30)))
    kept = goals >= 0
    before, after = (source.loss(points[kept], goals[kept]) for points in (x, candidate))
    assert (after < before).all()


# -- iterated FGSM ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
def test_iterated_fgsm_does_no_worse_than_fgsm_on_a_linear_model(loss: str) -> None:
    """Of two classes: its gradient has one direction everywhere, so both end at the same corner."""
    x, y = batch(50)
    y = y % 2
    source = linear(classes=2)
    budget = [Threat(norm="linf", eps=0.2, clip=UNIT)]
    (once,) = crafted("fgsm", source, x, y, budget, loss=loss)
    (often,) = crafted("iterated-fgsm", source, x, y, budget, loss=loss)
    assert (source.loss(often, y, "margin") >= source.loss(once, y, "margin") - 1e-5).all()
    assert torch.allclose(once, often, atol=1e-6)


def test_iterated_fgsm_climbs_higher_on_a_curved_one() -> None:
    x, y = batch(50)
    source = curved()
    for norm, eps in (("linf", 0.5), ("l2", 1.5), ("l1", 4.0), ("l0", 4.0)):
        budget = [Threat(norm=norm, eps=eps)]
        (once,) = crafted("fgsm", source, x, y, budget)
        (often,) = crafted("iterated-fgsm", source, x, y, budget)
        assert source.loss(often, y).mean() > source.loss(once, y).mean() + 1e-3


def test_a_single_step_of_full_length_is_fgsm() -> None:
    x, y = batch()
    source = curved()
    budget = [Threat(norm="linf", eps=0.125, clip=UNIT)]
    (once,) = crafted("fgsm", source, x, y, budget)
    (iterated,) = crafted("iterated-fgsm", source, x, y, budget, steps=1, step_ratio=1.0)
    assert torch.allclose(once, iterated, atol=1e-7)


# -- randomness -------------------------------------------------------------------------------------------------------

RANDOM = ["uniform-noise", "sign-noise", "gaussian-rubbish"]


@pytest.mark.parametrize("name", RANDOM)
def test_random_candidates_do_not_depend_on_batch_or_order(name: str) -> None:
    x, y = batch(6)
    order = [4, 1, 5]
    for budgets in budgets_of(name, False, [0.1]):
        (whole,) = crafted(name, None, x, y, budgets, draws(range(6)))
        (part,) = crafted(name, None, x[order], y[order], budgets, draws(order))
        assert torch.equal(part, whole[order])


@pytest.mark.parametrize("name", RANDOM)
def test_another_draw_is_other_noise(name: str) -> None:
    x, y = batch(6)
    for budgets in budgets_of(name, False, [0.1]):
        (first,), (second,) = (crafted(name, None, x, y, budgets, draw=number) for number in (0, 1))
        assert not torch.equal(first, second)


@pytest.mark.parametrize("name", ["uniform-noise", "sign-noise"])
def test_noise_is_one_pattern_for_all_sizes(name: str) -> None:
    x, y = torch.zeros(4, 3, 2, 2), torch.zeros(4, dtype=torch.int64)
    small, large = crafted(name, None, x, y, [Threat(norm="linf", eps=eps) for eps in (0.1, 0.2)])
    assert torch.allclose(large, 2 * small, atol=1e-7)


def test_sign_noise_takes_every_feature_to_the_edge() -> None:
    x, y = torch.zeros(200, 12), torch.zeros(200, dtype=torch.int64)
    (noise,) = crafted("sign-noise", None, x, y, [Threat(norm="linf", eps=0.25)])
    assert set(noise.unique().tolist()) == {-0.25, 0.25}
    assert abs(float((noise > 0).double().mean()) - 0.5) < 0.04


def test_uniform_noise_fills_the_ball() -> None:
    x, y = torch.zeros(200, 12), torch.zeros(200, dtype=torch.int64)
    (noise,) = crafted("uniform-noise", None, x, y, [Threat(norm="linf", eps=1.0)])
    assert float(noise.std()) == pytest.approx(1 / np.sqrt(3), abs=0.02)


def test_gaussian_rubbish_is_standard_normal_and_never_clipped() -> None:
    x, y = torch.zeros(200, 64), torch.full((200,), -1)
    (noise,) = crafted("gaussian-rubbish", None, x, y, [Threat()])
    assert float(noise.mean()) == pytest.approx(0, abs=0.03)
    assert float(noise.std()) == pytest.approx(1, abs=0.03)
    assert float(noise.min()) < -2
