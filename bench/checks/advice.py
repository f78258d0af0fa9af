"""What to do about a check that a model does not pass, for the person who can do it.

Whoever wrote an adapter mends the adapter. Whoever fitted a scikit-learn model or trained a network wrote no adapter:
where ours is at fault they can only tell us, and measure in another way meanwhile; where the model is, the advice is
about models.
"""

from __future__ import annotations

from adapters.base import Adapter
from adapters.errors import BLACK_BOX
from adapters.inside import kind, parts
from adapters.remote import Kind

_REPORT = "no fault of the model: its compiled form here is wrong; report it with the estimator and its settings"
_MEANWHILE = f"{_REPORT}; meanwhile, for labels only, {BLACK_BOX}"
_BLIND = f"{_REPORT}; meanwhile do not trust its gradient attacks, look at transfer, noise and attacks by labels"
_ASK = "no fault of the network: wrap() took its outputs for others; say what they are, wrap(net, outputs=...)"

ESTIMATOR = {
    "outputs": "see what the estimator's own predict and predict_proba say of these inputs; where they are sound, "
    f"{_MEANWHILE}",
    "repetition": "give the estimator a fixed random_state and n_jobs=1; where its own labels do not move, report it",
    "inputs": _MEANWHILE,
    "evaluation mode": _MEANWHILE,
    "batches": _MEANWHILE,
    "argmax": _MEANWHILE,
    "probabilities": _MEANWHILE,
    "own labels": _MEANWHILE,
    "classes": "fit it on the data set's class names or numbers, and on inputs in the data set's units (pixels in "
    "[0, 1], not 0 to 255)",
    "bounds": "fit it on inputs in the data set's units, or correct wrap(model, bounds=(low, high))",
    "missing values": _MEANWHILE,
    "types": _MEANWHILE,
    "logits": _BLIND,
    "leading logits": _BLIND,
    "gradient": _BLIND,
    "precision": f"scale the features before the fit, say by a StandardScaler; else {_BLIND}",
    "zero gradient": "gradients have nothing to go by there: look at transfer, noise and attacks by labels; report it "
    "with the estimator and its settings",
    "direction": "where its own labels and the gradient pass, noise alone fools the model as well as a gradient does: "
    f"look at the rows under noise, and at features that a scaler blows up; where they do not, {_BLIND}",
}
"""Check -> what to do, for whoever fitted an estimator."""

NETWORK = {
    "outputs": "make the network give (N, K) finite numbers for every batch, K the dataset's classes or those that "
    "wrap(net, classes=[...]) names; NaN comes from dividing by 0 or log(0)",
    "inputs": "let forward() change no input in place: work on a copy, x.clone()",
    "evaluation mode": "call net.eval() before wrapping",
    "argmax": _ASK,
    "probabilities": _ASK,
    "classes": "say the labels in the order of the outputs, wrap(net, classes=[...]), and how inputs are normalised, "
    "wrap(net, mean=..., std=...)",
    "bounds": "say how inputs are normalised, wrap(net, mean=..., std=...), or correct wrap(net, bounds=...)",
    "missing values": "let NaN through forward() to the outputs: no nan_to_num, no comparison that swallows it",
    "types": "let forward() stay on the type and the device of its input: no .cpu(), .numpy() or fixed device in it",
    "logits": "say what the outputs are: wrap(net, outputs='probabilities'), or give the numbers before the softmax",
    "leading logits": _ASK,
    "gradient": "let nothing in forward() cut the gradient: no detach(), no_grad(), rounding or argmax; where that is "
    "the model, look at attacks by labels",
    "direction": "let nothing in forward() hide the gradient: no rounding, no threshold; where that is "
    "the model, read what RayS, which asks for labels alone, leaves of it",
    "precision": "normalise the inputs, wrap(net, mean=..., std=...), or wrap the network in float64: net.double()",
    "zero gradient": "where the outputs saturate, give the numbers before the softmax or sigmoid, smaller ones, or a "
    "loss that does not saturate, wrap(net, training_loss=...); where rounding or a threshold is the model, gradient "
    "attacks say nothing of it: look at attacks by labels, such as RayS, and at transfer",
}
"""The same for whoever made a network, where it is not as for everybody."""

FUNCTION = {
    "outputs": "make the function give one label an input, (N,) of them, for every batch: the place of a class of the "
    "dataset, from 0, or -1 to abstain; labels of other names go by black_box(fn, classes=[...])",
    "inputs": "let the function change no input in place: work on a copy, x.copy()",
    "classes": "give labels by their place in the data set's classes, and check the units of the inputs",
    "missing values": "let the function raise or abstain (-1) where an input is NaN",
}
"""The same for whoever wrapped a predict function."""

_BY_KIND: dict[Kind, dict[str, str]] = {
    "adapter": {},
    "estimator": ESTIMATOR,
    "network": NETWORK,
    "function": FUNCTION,
}


def read_by(adapter: Adapter) -> Kind:
    """Who reads what is said of a model: by what its parts are, where they are all of one kind."""
    found = {kind(part) for part in parts(adapter)}
    return found.pop() if len(found) == 1 else "adapter"


def remedy(check: str, adapter: Adapter, of_adapters: str) -> str:
    """What to do about a model that does not pass a check: `of_adapters` is that for the author of an adapter."""
    return _BY_KIND[read_by(adapter)].get(check, of_adapters)
