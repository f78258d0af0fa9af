"""Numbers that are reported wrong elsewhere, by the formulas that give them, and the right ones beside them.

Each wrong one is that of a published library's code (adversarial-robustness-toolbox 1.20.1), written out here in a few
lines. All on scikit-learn's 8x8 digits in [0, 1], fitted on the first 1,000 and attacked on the next 400.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from families.data import everything
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

import adapters
from adapters.base import LOSSES

X, Y = everything()
TRAIN, TEST = slice(0, 1000), slice(1000, 1400)
x, y = X[TEST], Y[TEST]


def surviving(estimator, candidates: np.ndarray) -> float:
    """Accuracy on the candidates, by the estimator's own predict."""
    return float((estimator.predict(candidates) == y).mean())


def fgsm(gradient: np.ndarray, eps: float) -> np.ndarray:
    return np.clip(x + np.float32(eps) * np.sign(gradient), 0, 1).astype(np.float32)


def ours(estimator, eps: float, loss: str = "training") -> np.ndarray:
    gradient = adapters.wrap(estimator).input_gradient(torch.from_numpy(x), torch.from_numpy(y), loss)
    return fgsm(gradient.numpy(), eps)


def pairs_gradient(svc: SVC, rival_row) -> np.ndarray:
    """`(N, D)` minus the gradient of the true class's summed decision values, for a linear kernel.

    Args:
        rival_row: row of the dual coefficients, from the true class and the rival, that the rival's vectors are given.
    """
    ends, vectors = np.cumsum([0, *svc.n_support_]), svc.support_vectors_
    gradients = np.zeros((10, vectors.shape[1]))
    for own in range(10):
        for rival in set(range(10)) - {own}:
            sign, row = (-1, rival) if rival < own else (1, rival - 1)
            mine, theirs = (slice(ends[k], ends[k + 1]) for k in (own, rival))
            gradients[own] -= sign * svc.dual_coef_[row, mine] @ vectors[mine]
            gradients[own] -= sign * svc.dual_coef_[rival_row(own, rival), theirs] @ vectors[theirs]
    return gradients[y]


def test_multiclass_svc_with_the_wrong_dual_row() -> None:
    """The rival's vectors are given the row of the true class's: 54% survive in place of 20%, and 12% of our attack."""
    svc = SVC(kernel="linear").fit(X[TRAIN], Y[TRAIN])
    wrong = pairs_gradient(svc, lambda own, rival: rival if rival < own else rival - 1)
    right = pairs_gradient(svc, lambda own, rival: own if own < rival else own - 1)
    assert surviving(svc, fgsm(wrong, 0.2)) > 0.5
    assert surviving(svc, fgsm(right, 0.2)) < 0.25
    for loss in LOSSES:
        assert surviving(svc, ours(svc, 0.2, loss)) < 0.15


def test_polynomial_kernel_without_the_factor_gamma() -> None:
    """Its gradient is 1 / gamma times too long, which the sign hides and a step of L2 or a line search does not."""
    svc = SVC(kernel="poly", gamma=0.05).fit(X[TRAIN], np.where(Y[TRAIN] < 5, 0, 1))
    point, step = x[:1].astype(np.float64), 1e-5 * np.eye(64)
    slope = (svc.decision_function(point + step) - svc.decision_function(point - step)) / 2e-5
    dual, vectors = svc.dual_coef_[0], svc.support_vectors_
    wrong = (dual * 3 * (0.05 * point @ vectors.T)[0] ** 2) @ vectors
    np.testing.assert_allclose(wrong, slope / 0.05, rtol=1e-4)
    variable = torch.from_numpy(point).requires_grad_()
    adapter = adapters.wrap(svc)
    (gradient,) = torch.autograd.grad(adapter.soft_decision(variable).sum(), variable)
    np.testing.assert_allclose(gradient[0], slope, rtol=1e-4)


def test_multiclass_linear_svc_that_forgets_the_rival() -> None:
    """By minus the true class's weights alone 49% survive, by ours 26%; the exact worst case leaves 21%."""
    svc = LinearSVC(C=10).fit(X[TRAIN], Y[TRAIN])
    eps = 0.1
    # The worst case towards class t is sum |a_i| min(eps, distance of x_i to the wall that a_i points at).
    toward = svc.coef_[None] - svc.coef_[y][:, None]
    reach = np.minimum(eps, np.where(toward > 0, 1 - x[:, None], x[:, None]))
    scores = svc.decision_function(x)
    behind = scores - scores[np.arange(len(x)), y][:, None] + (np.abs(toward) * reach).sum(2)
    exact = float((np.where(np.eye(10, dtype=bool)[y], -np.inf, behind).max(1) < 0).mean())
    wrong, right = surviving(svc, fgsm(-svc.coef_[y], eps)), surviving(svc, ours(svc, eps))
    assert wrong > exact + 0.25
    assert exact <= right < exact + 0.1


def test_preprocessing_applied_twice() -> None:
    """A pipeline's gradient taken at the twice scaled point, as where a harness scales what the pipeline scales too."""
    pipeline = make_pipeline(StandardScaler(), SVC(gamma=0.01)).fit(X[TRAIN], Y[TRAIN])
    scaler = pipeline[0]
    deviation = np.where(scaler.scale_ > 0, scaler.scale_, 1)
    svc, twice = adapters.wrap(pipeline[1]), torch.from_numpy(scaler.transform(scaler.transform(x)))
    wrong = svc.input_gradient(twice, torch.from_numpy(y)).numpy() / deviation**2
    # A black border pixel is moved by neither: its scale is 1.
    assert surviving(pipeline, ours(pipeline, 0.1)) < surviving(pipeline, fgsm(wrong, 0.1)) - 0.1


def test_a_tree_attack_that_climbs_to_the_root() -> None:
    """It leaves by the root's other side whatever the distance; the exact radius is that of the nearest other leaf."""
    tree = DecisionTreeClassifier(random_state=0).fit(X[TRAIN], Y[TRAIN])
    labels = tree.predict(x)
    boxes, classes = leaf_boxes(tree.tree_)
    distance = np.maximum(boxes[None, :, 0] - x[:, None], x[:, None] - boxes[None, :, 1]).max(2).clip(0)
    exact = np.where(classes[None] == labels[:, None], np.inf, distance).min(1)
    moved = np.stack([climbed(tree.tree_, image, label) for image, label in zip(x, labels, strict=True)])
    wrong = np.abs(moved - x).max(1)
    assert (tree.predict(moved) != labels).all()
    radii, smallest = np.linspace(0.005, 0.5, 100), np.full(len(x), np.inf)
    model, batch = adapters.wrap(tree), torch.from_numpy(x)
    direction = model.input_gradient(batch, torch.from_numpy(labels)).sign()
    for eps in radii[::-1]:
        fooled = (model.predict((batch + eps * direction).clamp(0, 1)).numpy() != labels).nonzero()[0]
        smallest[fooled] = eps
    assert wrong.mean() > 5 * exact.mean()
    found = np.isfinite(smallest)
    assert found.mean() > 0.95
    assert exact.mean() <= smallest[found].mean() < 0.5 * wrong.mean()
    assert (smallest[found] > exact[found] - 1e-6).all()


def test_a_forest_certified_in_the_whole_cube_falls_within_it() -> None:
    """Elsewhere two-class forests are certified at eps 1 for every image of one class."""
    two = np.where(Y < 5, 0, 1)
    forest = RandomForestClassifier(5, max_depth=4, random_state=0).fit(X[TRAIN], two[TRAIN])
    truth = two[TEST]
    for label in (0, 1):
        chosen = torch.from_numpy(x[truth == label])
        model, goal = adapters.wrap(forest), torch.full((len(chosen),), label)
        attacked = (chosen + 0.3 * model.input_gradient(chosen, goal).sign()).clamp(0, 1)
        assert (model.predict(attacked) != label).float().mean() > 0.9


def test_an_svc_of_this_scikit_learn_is_attacked_at_all() -> None:
    """scikit-learn 1.9 keeps the string "deprecated" as `probability`, which is true where a flag is asked for."""
    svc = SVC().fit(X[TRAIN], Y[TRAIN])
    assert adapters.wrap(svc).confidence_kind is None
    assert surviving(svc, ours(svc, 0.3)) < 0.2


# -- trees, written out ------------------------------------------------------------------------------------------------


def leaf_boxes(tree) -> tuple[np.ndarray, np.ndarray]:
    """`(L, 2, D)` lowest and highest inputs of every leaf, and its class."""
    boxes, classes, below = [], [], [(0, np.full(64, -np.inf), np.full(64, np.inf))]
    while below:
        node, low, high = below.pop()
        if tree.children_left[node] < 0:
            boxes.append((low, high))
            classes.append(tree.value[node, 0].argmax())
            continue
        feature, threshold = tree.feature[node], tree.threshold[node]
        left_high, right_low = high.copy(), low.copy()
        left_high[feature], right_low[feature] = min(high[feature], threshold), max(low[feature], threshold)
        below += [(tree.children_left[node], low, left_high), (tree.children_right[node], right_low, high)]
    return np.array(boxes), np.array(classes)


def climbed(tree, image: np.ndarray, label: int, offset: float = 0.001) -> np.ndarray:
    """Into the root's other side, to its first leaf of another class, depth first."""
    goes_left = image[tree.feature[0]] <= tree.threshold[0]
    way = [0, *(first_leaf(tree, (tree.children_right if goes_left else tree.children_left)[0], label) or [])]
    moved = image.copy()
    for parent, child in pairwise(way):
        feature, threshold = tree.feature[parent], tree.threshold[parent]
        if child == tree.children_left[parent] and moved[feature] > threshold:
            moved[feature] = threshold - offset
        elif child == tree.children_right[parent] and moved[feature] <= threshold:
            moved[feature] = threshold + offset
    return moved


def first_leaf(tree, node: int, label: int) -> list[int] | None:
    """The way from a node to its first leaf of another class; None where there is none."""
    if tree.children_left[node] < 0:
        return [node] if tree.value[node, 0].argmax() != label else None
    for child in (tree.children_left[node], tree.children_right[node]):
        way = first_leaf(tree, child, label)
        if way is not None:
            return [node, *way]
    return None
