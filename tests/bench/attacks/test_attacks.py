"""Every attack of the table stays within its threat, and says what it is."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from crafting import FEWER, GRID, batch, budgets_of, crafted, source_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from known_models import constant

import adapters
from adapters.errors import Unsupported
from bench import registry
from bench.attacks import attack_class, make_attack
from bench.attacks.base import Need
from bench.errors import UsageError
from bench.running.judge import audit
from bench.threats import NORMS, Threat

NAMES = registry.names("attack")
LEAVING = ("pgd", "apgd", "square", "corners")
"""Attacks that leave an example at its first success, be it short of the boundary."""


@pytest.mark.parametrize("clip", [True, False], ids=["clipped", "unclipped"])
@pytest.mark.parametrize("name", NAMES)
def test_every_attack_stays_within_its_threat(name: str, clip: bool) -> None:
    """As the judge sees it: one batch a budget, finite, in the range, in the ball; the inputs as they were."""
    x, y = batch()
    before = x.clone()
    kind = make_attack(name, {})
    for budgets in budgets_of(name, clip, GRID):
        candidates = crafted(name, source_of(name), x, y, budgets, **FEWER.get(name, {}))
        assert len(candidates) == len(budgets)
        for candidate, budget in zip(candidates, budgets, strict=True):
            found = audit(candidate, x, budget, generated=kind.generates)
            reaches = name not in LEAVING and (name != "uniform-noise" or budget.norm == "l0")
            if budget.eps is not None and not clip and reaches:
                assert found.largest == pytest.approx(budget.eps, rel=1e-4)
    assert torch.equal(x, before)


@settings(max_examples=25, deadline=None)
@example(name="hopskipjump", shape=(1,), n=2, eps=1.0, clip=True, scale=1.0)  # a training point beyond the range
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
    source = source_of(name, features=int(np.prod(shape)))
    for norm in attack_class(name).norms or [None]:
        size = float(1 + n) if norm == "l0" else eps * scale
        bound = None if make_attack(name, {}).measures else norm and size
        budget = Threat(norm=norm, eps=bound, clip=(0.0, scale) if clip and norm else None)
        (candidate,) = crafted(name, source, x, y, [budget], **FEWER.get(name, {}))
        audit(candidate, x, budget, generated=make_attack(name, {}).generates)


@pytest.mark.parametrize("name", NAMES)
def test_every_attack_says_what_it_is(name: str) -> None:
    kind = attack_class(name)
    assert kind.name == name
    assert kind.revision >= 1
    assert set(kind.norms) <= set(NORMS)
    assert kind.needs in get_args(Need)
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
