"""Further training runs by seed, learning curves on cards, and ensembles of reference models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from told import Told
from torch import Tensor

import bench.zoo as zoo
from bench.zoo import cookbook
from bench.zoo.cookbook import Recipe, recipe, recipes

TOYS = """
net:
  kind: softmax-regression
  training: {optimiser: sgd, rate: 0.1, epochs: 2, batch: 50}
  seed: 0
  error_at_most: 0.5
  quick: {training: {epochs: 1}}
net-seed: {like: net, seeds: [1, 2], curve: {eps: 0.1}, quick: {training: {epochs: 1}, curve: null}}
both: {kind: ensemble, members: [net-seed-1, net-seed-2], seed: 0, error_at_most: 0.5}
"""


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Other recipes for digits, and a home of their own."""
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "digits.yaml").write_text(TOYS)
    monkeypatch.setattr(cookbook, "FOLDER", tmp_path / "recipes")
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    recipes.cache_clear()
    yield
    recipes.cache_clear()


def test_seeds_stand_for_training_runs(toys: None) -> None:
    assert zoo.names("digits") == ["net", "net-seed-1", "net-seed-2", "both"]
    base = recipe("digits", "net")
    for seed in (1, 2):
        run = recipe("digits", f"net-seed-{seed}")
        assert run.model_copy(update={"seed": 0}).hash == base.hash, "a curve is no part of what is made"
        assert run.seed == seed


def test_an_ensemble_is_another_model_where_a_member_is(toys: None) -> None:
    full, quick = recipe("digits", "both"), recipe("digits", "both", "quick")
    assert full.hash != quick.hash
    assert full.effort == "2 members of 2 epochs of all examples"
    assert quick.effort == "2 members of 1 epoch of all examples"


def test_an_ensemble_gives_its_members_mean_probability(toys: None, digits_test: tuple[Tensor, Tensor]) -> None:
    told = Told()
    whole = zoo.load("digits", "both", told)
    assert told.lines == ["refitting both", "refitting net-seed-1", "refitting net-seed-2"]
    card = zoo.card("digits", "both")
    assert card is not None
    assert card.weights is None
    assert card.fingerprint == whole.fingerprint
    assert (card.family, card.gradient, card.confidence_kind) == ("ensemble", "exact", "softmax")
    x, _ = digits_test
    members = [zoo.load("digits", f"net-seed-{seed}").probabilities(x) for seed in (1, 2)]
    mean = torch.stack([given for given in members if given is not None]).mean(0)
    torch.testing.assert_close(whole.probabilities(x), mean)
    again = zoo.load("digits", "both", told)
    assert again.fingerprint == whole.fingerprint
    assert len(told.lines) == 3


def test_an_ensemble_without_a_member_is_made_anew(toys: None, tmp_path: Path) -> None:
    first = zoo.load("digits", "both")
    (gone,) = (tmp_path / "home" / "models" / "digits").glob("net-seed-2-*/*.safetensors")
    gone.unlink()
    told = Told()
    assert zoo.load("digits", "both", told).fingerprint == first.fingerprint
    assert "refitting both: net-seed-2.safetensors cannot be read" in told.lines[0]


def test_the_card_has_the_learning_curve(toys: None) -> None:
    card = zoo.train("digits", "net-seed-1")
    assert card.curve is not None
    assert len(card.curve.clean) == len(card.curve.adversarial) == 2
    assert card.curve.clean[-1] == pytest.approx(card.clean_error)
    assert card.curve.adversarial[-1] > card.curve.clean[-1]
    assert zoo.train("digits", "net").curve is None


def test_members_go_with_ensembles_alone(toys: None) -> None:
    member = recipe("digits", "net")
    for kind, members in (("ensemble", {}), ("knn", {"net": member})):
        with pytest.raises(ValidationError, match="members go with kind ensemble"):
            Recipe(kind=kind, members=members, seed=0, error_at_most=0.5)


def test_the_twelve_of_the_paper() -> None:
    ensemble = recipe("mnist", "maxout-ensemble")
    assert [member.seed for member in ensemble.members.values()] == list(range(1, 13))
    base = recipe("mnist", "maxout")
    assert {member.model_copy(update={"seed": 0}).hash for member in ensemble.members.values()} == {base.hash}
