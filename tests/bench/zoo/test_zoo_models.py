"""Reference models: fitted by recipe, kept with their cards, refitted when what is kept cannot be trusted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from told import Told

import bench.zoo as zoo
from adapters.base import Adapter
from bench.datasets import Dataset, open_dataset
from bench.errors import UsageError
from bench.zoo import models
from bench.zoo.cookbook import datasets, recipe
from bench.zoo.fitting import clean_error, training_indices

DIGITS = zoo.names("digits")
NAMES = [
    "softmax-regression",
    "maxout",
    "rbf-network",
    "linear-svm",
    "rbf-svm",
    "knn",
    "decision-tree",
    "random-forest",
]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with every digits model in it."""
    home = tmp_path_factory.mktemp("zoo-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_HOME", str(home))
        for name in DIGITS:
            zoo.train("digits", name)
    return home


@pytest.fixture
def home(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, to be damaged."""
    shutil.copytree(fitted, tmp_path / "home")
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def kept(home: Path, name: str, suffix: str) -> Path:
    """The file of a cached digits model."""
    (found,) = (home / "models" / "digits").glob(f"{name}-*/{name}{suffix}")
    return found


def load(name: str) -> tuple[Adapter, list[str]]:
    """A digits model and what was said while loading it."""
    told = Told()
    return zoo.load("digits", name, told), told.lines


def test_datasets_of_many_classes_have_the_same_models_first() -> None:
    for dataset in ("digits", "fashion-mnist", "mnist"):
        assert dataset in datasets()
        assert zoo.names(dataset)[: len(NAMES)] == NAMES
        assert all(recipe(dataset, name).kind == name for name in NAMES)
    assert zoo.names("image-folder") == []


@pytest.mark.parametrize("name", DIGITS)
def test_digits_model_meets_its_recipe_and_is_read_back_as_fitted(
    home: Path, digits: Dataset, digits_test: tuple[torch.Tensor, torch.Tensor], name: str
) -> None:
    card = zoo.card("digits", name)
    assert card is not None
    assert card.as_expected, card.verdict
    assert card.recipe == recipe("digits", name)
    assert card.dataset_checksum == digits.checksum
    adapter, lines = load(name)
    assert lines == []
    assert adapter.fingerprint == card.fingerprint
    assert (adapter.family, adapter.gradient, adapter.confidence_kind) == (
        card.family,
        card.gradient,
        card.confidence_kind,
    )
    assert clean_error(adapter, digits) == card.clean_error
    x, _ = digits_test
    assert torch.equal(adapter.predict(x), adapter.reference_predict(x))


@pytest.mark.parametrize("name", DIGITS)
def test_a_recipe_gives_one_fingerprint_whatever_the_random_state(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    first = zoo.card("digits", name)
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    second = zoo.train("digits", name, out=tmp_path / "again")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert first is not None
    assert second.fingerprint == first.fingerprint


def test_recipes_differ_by_seed_but_not_by_what_is_expected_of_them() -> None:
    entry = recipe("digits", "maxout")
    assert entry.model_copy(update={"seed": 1}).hash != entry.hash
    assert entry.model_copy(update={"error_at_most": 0.5}).hash == entry.hash


def test_subsets_are_drawn_once_and_for_all() -> None:
    mnist, entry = open_dataset("mnist"), recipe("mnist", "knn")
    indices = training_indices(mnist, entry)
    assert len(set(indices.tolist())) == entry.subset
    # Must not change: published records stand on models fitted on this subset.
    assert indices[:5].tolist() == [0, 2, 11, 20, 21]


def test_a_subset_of_more_than_there_is_is_refused(digits: Dataset) -> None:
    """Such as of a folder with a few images in place of CIFAR-10."""
    entry = recipe("digits", "knn").model_copy(update={"subset": digits.sizes["train"] + 1})
    with pytest.raises(UsageError, match=r"the recipe takes [0-9]+ training examples, and dataset digits has"):
        training_indices(digits, entry)


def test_what_is_missing_is_refitted_with_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    assert zoo.card("digits", "knn") is None
    adapter, lines = load("knn")
    assert lines == ["refitting knn"]
    card = zoo.card("digits", "knn")
    assert card is not None
    assert card.fingerprint == adapter.fingerprint
    assert load("knn")[1] == []
    assert [path.name for path in (tmp_path / "models" / "digits").iterdir()] == [f"knn-{card.recipe_hash[:16]}"]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("name", ["softmax-regression", "knn"])
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda weights, card: truncate(weights), "fails its checksum"),
        (lambda weights, card: flip(weights), "fails its checksum"),
        (lambda weights, card: weights.unlink(), "cannot be read"),
        (lambda weights, card: truncate(card), "its card cannot be read"),
        (lambda weights, card: edit(card, card=2), "its card cannot be read"),
        (lambda weights, card: edit(card, fingerprint="0" * 64), "its fingerprint is not the card's"),
        (lambda weights, card: edit(card, dataset_checksum="0" * 64), "other data"),
        (lambda weights, card: edit(card, weights="../elsewhere"), "strange file"),
        (lambda weights, card: edit(card, versions={"potemkin-bench": "0.0.1"}), "made by potemkin-bench 0.0.1"),
        (lambda weights, card: card.unlink(), ""),
    ],
    ids=["torn", "flipped", "gone", "torn-card", "newer-card", "fingerprint", "data", "path", "version", "no-card"],
)
def test_a_damaged_cache_is_refitted_with_a_line(home: Path, name: str, damage, why: str) -> None:
    before = zoo.card("digits", name)
    assert before is not None
    damage(kept(home, name, Path(before.weights).suffix), kept(home, name, ".json"))
    adapter, (line,) = load(name)
    assert line.startswith(f"refitting {name}")
    assert why in line
    assert adapter.fingerprint == before.fingerprint
    assert load(name)[1] == []


def test_another_scikit_learn_refits_its_models(home: Path) -> None:
    card = kept(home, "knn", ".json")
    edit(card, versions=json.loads(card.read_text())["versions"] | {"scikit-learn": "0.1"})
    assert zoo.card("digits", "knn") is None
    assert load("knn")[1] == ["refitting knn: it was made by scikit-learn 0.1"]


def test_damaged_shipped_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(models.SHIPPED, tmp_path / "weights")
    monkeypatch.setattr(models, "SHIPPED", tmp_path / "weights")
    zoo.load("mnist", "softmax-regression")
    flip(tmp_path / "weights" / "mnist" / "softmax-regression.safetensors")
    with pytest.raises(UsageError, match=r"'softmax-regression' is damaged: .* fails its checksum.*; reinstall"):
        zoo.load("mnist", "softmax-regression")


def test_train_writes_where_it_is_told_and_fewer_epochs_stay_apart(home: Path, tmp_path: Path) -> None:
    told = Told()
    card = zoo.train("digits", "maxout", out=tmp_path / "out", epochs=1, progress=told)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["maxout.json", "maxout.safetensors"]
    ((text, share),) = told.doings
    assert (text.startswith("training maxout: loss "), share) == (True, 1.0)
    assert card.recipe.training is not None
    assert card.recipe.training.epochs == 1
    assert card.recipe_hash != recipe("digits", "maxout").hash
    assert "MISSES the expected 5.00%" in card.verdict
    again = zoo.train("digits", "maxout", out=tmp_path / "out", epochs=1)
    assert again.weights_sha256 == card.weights_sha256
    zoo.train("digits", "maxout", epochs=1)
    assert load("maxout")[0].fingerprint != card.fingerprint


def test_missed_expectations_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    strict = recipe("digits", "decision-tree").model_copy(update={"error_at_most": 0.01})
    monkeypatch.setattr(models, "recipe", lambda dataset, name, budget: strict)
    _, lines = load("decision-tree")
    assert lines[0] == "refitting decision-tree"
    assert "MISSES the expected 1.00%" in lines[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zoo.card("digits", "maxuot"), "unknown model 'maxuot'; did you mean maxout?"),
        (lambda: zoo.load("digits", "nothing-like-it"), "unknown model 'nothing-like-it'; known: softmax-regression"),
        (lambda: zoo.recipe("image-folder", "maxout"), "'image-folder' has no reference models; those that do: "),
        (lambda: zoo.train("digits", "knn", epochs=3), "knn is fitted at once, without epochs"),
        (lambda: zoo.train("digits", "maxout", epochs=0), "epochs is 0"),
        (lambda: zoo.train("digits", "knn", out=Path("/dev/null/x")), "cannot write a model to /dev/null/x"),
    ],
    ids=["typo", "unknown", "dataset", "no-epochs", "zero-epochs", "unwritable"],
)
def test_bad_input_is_one_clear_line(call, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_naming_and_cards_load_no_framework(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    code = (
        "import sys, bench.zoo as zoo\n"
        "assert zoo.card('mnist', zoo.names('mnist')[0]) is not None and zoo.card('mnist', 'knn') is None\n"
        "heavy = {'torch', 'sklearn', 'skops', 'safetensors', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=60)
