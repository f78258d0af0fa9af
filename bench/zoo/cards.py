"""Model cards: what is known of a reference model without loading it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from bench.files import read_file
from bench.records.plain import read_json
from bench.training.spec import Part
from bench.zoo.cookbook import Recipe

LARGEST = 4_000_000
"""Bytes of a card that is read."""


class CardError(Exception):
    """A card that cannot be read, or a model that is not what its card says; the message completes "because"."""


class LearningCurve(Part):
    """Errors on the test split after every epoch of the training."""

    clean: tuple[float, ...]
    adversarial: tuple[float, ...]
    """Under the attack that the recipe's `curve` says."""


class Card(Part):
    """What stands in the JSON file beside a model's weights."""

    card: Literal[1] = 1
    """Version of this schema."""
    name: str
    dataset: str
    dataset_checksum: str
    fingerprint: str
    """Of the adapter; part of the identity of every result."""
    family: str
    gradient: Literal["exact", "surrogate", "none"]
    confidence_kind: str | None
    clean_error: float
    """Share of the dataset's test split that the model gets wrong."""
    recipe: Recipe
    recipe_hash: str
    weights: str | None
    """Name of the file beside the card; None for an ensemble, whose weights are its members'."""
    weights_sha256: str | None
    seconds: float
    """What the fit took, by the clock; after an interruption, its last part."""
    epochs: int | None = None
    """That a network's training took: the recipe's, or those that early stopping chose. None on older cards."""
    curve: LearningCurve | None = None
    """Of networks whose recipe asks for it."""
    device: str = "cpu"
    """Where it was fitted."""
    versions: dict[str, str]
    """Of this package and of the libraries that made the model."""

    @property
    def as_expected(self) -> bool:
        """Whether the clean error is within what the recipe promises."""
        return self.clean_error <= self.recipe.error_at_most

    @property
    def verdict(self) -> str:
        """The clean error beside the expected one, in words."""
        found, expected = f"clean error {self.clean_error:.2%}", f"{self.recipe.error_at_most:.2%}"
        return (
            f"{found}, at most {expected} expected" if self.as_expected else f"{found} MISSES the expected {expected}"
        )


def read_card(folder: Path, name: str) -> Card | None:
    """The card of a model in a folder, None where there is none; CardError where it is torn, or of another schema."""
    try:
        return Card.model_validate(read_json(read_file(folder / f"{name}.json", LARGEST)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise CardError(f"its card cannot be read ({str(error).splitlines()[0]})") from None


def write_card(card: Card, folder: Path) -> None:
    """Write the card into a folder, keys sorted."""
    text = json.dumps(card.model_dump(mode="json"), sort_keys=True, indent=2) + "\n"
    (folder / f"{card.name}.json").write_text(text, encoding="utf-8")
