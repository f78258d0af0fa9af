"""Random forests."""

from __future__ import annotations

from typing import Any

from adapters.sklearn.tree import TreeAdapter


class ForestAdapter(TreeAdapter):
    """RandomForestClassifier and ExtraTreesClassifier: the first largest mean class fraction over the trees.

    The trees are added in their order in float64, as the estimator does with one thread; with more it adds them in the
    order they finish, and then last bits, and with them exact ties, may differ from run to run.
    """

    family = "forest"
    attacked_by = "margin"

    def __init__(self, estimator: Any) -> None:
        super().__init__(estimator)
        self.estimator.n_jobs = 1
        self.estimator.estimators_ = [*estimator.estimators_]  # a warm start adds to the owner's list

    def _fitted_trees(self, estimator: Any) -> list[Any]:
        return [tree.tree_ for tree in estimator.estimators_]
