"""Decision trees and forests."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from families.case import Case
from families.data import few, several_outputs

_LEAVES = {"gradient": "surrogate", "confidence": "leaf fraction"}

CASES = {
    "tree": Case(lambda: DecisionTreeClassifier(random_state=0), **_LEAVES),
    "tree-shallow": Case(lambda: DecisionTreeClassifier(max_depth=4, splitter="random", random_state=0), **_LEAVES),
    "tree-extra": Case(lambda: ExtraTreeClassifier(min_samples_leaf=3, random_state=0), **_LEAVES),
    "forest": Case(lambda: RandomForestClassifier(20, max_leaf_nodes=40, random_state=0), **_LEAVES),
    "forest-threads": Case(lambda: RandomForestClassifier(10, n_jobs=2, random_state=0), **_LEAVES),
    "forest-extra": Case(lambda: ExtraTreesClassifier(15, max_depth=7, random_state=0), **_LEAVES),
    "forest-extra-bootstrap": Case(
        lambda: ExtraTreesClassifier(10, bootstrap=True, class_weight="balanced_subsample", random_state=0), **_LEAVES
    ),
}

SMALL = {
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "tree-extra": lambda: ExtraTreeClassifier(random_state=0),
    "forest": lambda: RandomForestClassifier(4, random_state=0),
    "forest-extra": lambda: ExtraTreesClassifier(4, random_state=0),
}

REFUSED = {
    "DecisionTreeClassifier with several outputs": lambda: DecisionTreeClassifier().fit(*several_outputs()),
    "RandomForestClassifier with several outputs": lambda: RandomForestClassifier(2).fit(*several_outputs()),
    "ExtraTreeClassifier with several outputs": lambda: ExtraTreeClassifier().fit(*several_outputs()),
    "ExtraTreesClassifier with several outputs": lambda: ExtraTreesClassifier(2).fit(*several_outputs()),
    "fitted on one class": lambda: DecisionTreeClassifier().fit(few()[0], np.zeros(60)),
}
