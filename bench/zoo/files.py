"""Model files: safetensors for networks, skops for scikit-learn estimators, never pickle."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import told
from bench.zoo.cards import CardError
from bench.zoo.cookbook import Recipe
from bench.zoo.kinds import NETS, kind_class

ALLOWED_TYPES = ["sklearn.tree._tree.Tree"]
"""All that a skops file may hold beyond what skops itself trusts. Fixed: never what a file says that it needs.

skops leaves trees out, because scikit-learn follows their node numbers without looking: `_check_trees` looks.
"""


def suffix(kind: str) -> str:
    """How the file of a model of this kind ends."""
    return ".safetensors" if kind in NETS else ".skops"


def write_model(model: Any, path: Path) -> None:
    """Write a network or an estimator, as the path's suffix says."""
    if path.suffix == ".safetensors":
        from safetensors.torch import save

        path.write_bytes(save({name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}))
    else:
        import skops.io

        skops.io.dump(model, path)


def read_model(path: Path, sha256: str, recipe: Recipe, features: int, classes: int) -> Any:
    """The network or estimator in a file, once its bytes are what the card says.

    Raises CardError for no such file, other bytes, types that are not allowed, and another model than the recipe's.
    """
    try:
        found = file_sha256(path)
    except OSError as error:
        raise CardError(f"{path.name} cannot be read ({error.strerror})") from None
    if found != sha256:
        raise CardError(f"{path.name} fails its checksum: expected SHA-256 {sha256}, found {found}")
    if path.suffix == ".safetensors":
        return _read_net(path, recipe, features, classes)
    return _read_estimator(path, recipe)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_net(path: Path, recipe: Recipe, features: int, classes: int) -> Any:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with torch.device("meta"):  # no memory, and no draw from the caller's random state, for weights that get replaced
        net = kind_class(recipe.kind)(features, classes, **recipe.parameters)
    try:
        net.load_state_dict(load_file(path), assign=True)
    except (SafetensorError, RuntimeError) as error:
        raise CardError(f"{path.name} does not hold the weights of a {recipe.kind} ({error})") from None
    return net.eval().requires_grad_(False)


def _read_estimator(path: Path, recipe: Recipe) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        estimator = skops.io.load(path, trusted=ALLOWED_TYPES)
    except UntrustedTypesFoundException as error:
        raise CardError(f"{path.name} holds types that are not allowed ({str(error).splitlines()[0]})") from None
    except Exception as error:  # noqa: BLE001  # whatever a hostile file provokes in the reader, the file is at fault
        raise CardError(f"{path.name} is not a model file ({told(error)})") from None
    if type(estimator) is not kind_class(recipe.kind):
        raise CardError(f"{path.name} holds a {type(estimator).__name__}, not a {recipe.kind}")
    _check_trees(estimator, path)
    return estimator


def _check_trees(estimator: Any, path: Path) -> None:
    """Refuse trees whose nodes lead out of their arrays, or round in circles."""
    for grown in getattr(estimator, "estimators_", [estimator]):
        tree = getattr(grown, "tree_", None)
        if tree is None:
            continue
        nodes = np.arange(tree.node_count)
        left, right, feature = tree.children_left, tree.children_right, tree.feature
        inner = left != -1
        sound = (
            tree.node_count > 0
            and tree.n_features == estimator.n_features_in_
            and (right[~inner] == -1).all()
            and all(((child > nodes) & (child < tree.node_count))[inner].all() for child in (left, right))
            and ((feature >= 0) & (feature < tree.n_features))[inner].all()
        )
        if not sound:
            raise CardError(f"{path.name} holds a tree whose nodes do not form one")
