"""What a plan asks and takes, before it is run: by records where there are some, else by parameters and speeds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from handmade import model, suite_of, toy

import adapters
from bench.attacks import make_attack
from bench.planning.plan import Job, expand, jobs
from bench.records.identity import canonical
from bench.running.costs import FAMILIES, Each
from bench.running.estimate import FEATURES, OVERHEAD, Asked, Estimate, at_most, speed


@pytest.mark.parametrize(
    ("attack", "parameters", "most"),
    [
        ("fgsm", {}, (1, 0)),
        ("iterated-fgsm", {"steps": 7}, (7, 0)),
        ("pgd", {"screen": 3, "steps": 10, "restarts": 2}, (33, 0)),
        ("carlini-wagner", {"searches": 2, "steps": 10}, (20, 0)),
        ("rays", {"queries": 50}, (0, 50)),
        ("square", {"queries": 40}, (0, 40)),
        ("projection", {"points": 5}, (0, 5)),
        ("sign-noise", {}, (0, 0)),
    ],
)
def test_what_parameters_allow(attack: str, parameters: dict[str, Any], most: tuple[float, float]) -> None:
    assert at_most(make_attack(attack, parameters)) == most


DATA = toy([0, 1, 2] * 100)


def planned(**more: Any) -> list[Job]:
    """A clean pass, FGSM at two sizes and RayS, on one model."""
    infos = {"a": model("a", **more)}
    attacks = "  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}\n  - {attack: rays, norm: linf, queries: 50}"
    return jobs(item.cell for item in expand(suite_of(attacks, ["a"]), DATA, infos, {}))


def test_by_the_speed_of_a_model_that_was_measured() -> None:
    clean, fgsm, rays = planned()
    estimate = Estimate(DATA, {"a": Each(label=100, gradient=1000)})
    n = 300
    assert estimate(clean) == Asked(labels=n, seconds=pytest.approx(n * 100e-6 + OVERHEAD))
    assert estimate(fgsm) == Asked(
        gradients=n, labels=2 * n, seconds=pytest.approx(n * (1000 + 2 * 100) * 1e-6 + OVERHEAD)
    )
    assert estimate(rays) == Asked(queries=50 * n, labels=n, seconds=pytest.approx(n * 51 * 100e-6 + OVERHEAD))
    assert not estimate.is_known(rays)
    total = estimate(fgsm) + estimate(rays)
    assert (total.gradients, total.queries, total.labels) == (n, 50 * n, 3 * n)


def test_by_its_kind_as_far_as_its_inputs_are_smaller() -> None:
    clean, *_ = planned(family="knn")
    seconds = 300 * FAMILIES["knn"].label * 1e-6 * DATA.features / FEATURES
    assert Estimate(DATA, {})(clean).seconds == pytest.approx(seconds + OVERHEAD)


def test_by_records_of_the_same_attack_on_the_same_data() -> None:
    _, _, rays = planned(family="tree")
    kind = canonical(rays.craft.attack), "tree"
    known = Estimate(
        DATA, {}, {kind: [Asked(queries=20, labels=1, seconds=0.5), Asked(queries=30, labels=1, seconds=1.5)]}
    )
    assert known.is_known(rays)
    assert known(rays) == Asked(queries=25 * 300, labels=300, seconds=pytest.approx(300.0))
    faster = Estimate(DATA, {"a": Each(label=100, gradient=0)}, known.known)
    assert faster(rays).seconds == pytest.approx(26 * 300 * 100e-6 + OVERHEAD), (
        "what records ask, at the speed of this model"
    )


def test_a_speed_is_that_of_a_second_time() -> None:
    times = iter([10.0, 10.5, 20.0, 20.25])
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(DATA.features, 3)).eval()
    found = speed(adapters.wrap(net), DATA, clock=lambda: next(times))
    few = min(32, DATA.sizes["test"])
    assert found == Each(label=pytest.approx(0.25e6 / few), gradient=pytest.approx(0.5e6 / few))


def test_a_model_that_raises_has_no_speed() -> None:
    def broken(x: Any) -> Any:
        raise ValueError("no")

    assert speed(adapters.black_box(broken, version="1"), DATA) == Each(0, 0)
