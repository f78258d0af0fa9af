"""Reference models: recipes, cards and shipped weights.

    bench.zoo.names("mnist")                the reference models of a dataset
    bench.zoo.card("mnist", "maxout")       what is known of one without loading it, or None
    bench.zoo.load("mnist", "maxout")       its adapter, fitted first if need be
    bench.zoo.train("mnist", "maxout")      the same model made anew by its recipe

A model has two budgets: `full`, what its source did, and `quick`, what a processor does in minutes.

Importing this package, naming models and reading cards load neither torch nor scikit-learn.
"""

from __future__ import annotations

from bench.choices import Budget
from bench.zoo.cards import Card
from bench.zoo.cookbook import Recipe, recipe, recipes
from bench.zoo.models import card, load, train

__all__ = ["Budget", "Card", "Recipe", "card", "load", "names", "recipe", "train"]


def names(dataset: str) -> list[str]:
    """The reference models of a dataset, in the order in which boards list them; none where it has none."""
    return list(recipes(dataset))
