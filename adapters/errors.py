"""What can go wrong with a model, in words for its owner."""

from __future__ import annotations

from collections.abc import Iterable

BLACK_BOX = 'use adapters.black_box(model.predict, version="1")'
"""The remedy where nothing else helps."""


class AdapterError(Exception):
    """Base of all that this package raises on purpose."""


class NotRegistrable(AdapterError):
    """A name that cannot be registered, or a file that registers nothing usable."""


class NotImportable(NotRegistrable):
    """A file that raises as it is imported."""


class NotWrappable(AdapterError):
    """`wrap` was given something that it does not know how to ask; the message says what to do instead."""


class ShapeMismatch(AdapterError):
    """The model does not take inputs, or does not know the classes, of this dataset."""


class Unsupported(AdapterError):
    """The model lacks the capability asked for, such as a gradient."""


class InvalidOutput(AdapterError):
    """The model returned NaN, or something of the wrong shape or type."""


class Unclear(InvalidOutput):
    """The model's outputs can be read in more than one way; the message says what to write."""


NO_GRADIENT = {
    "no-grad": "its forward runs under torch.no_grad() or inference_mode(); take that out of forward",
    "quantised": "its quantised layers have no gradient; give the network that it was quantised from",
    "detached": "its outputs are cut off from its inputs, as by detach() or NumPy; keep to tensors and their gradients",
    "no-backward": "torch has no gradients for its operations, or not in its precision; try wrap(net.float())",
}
"""Flags of networks that are measured by their labels alone: why, and what to do."""


def no_gradient(family: str, notes: Iterable[str]) -> str:
    """What to say of a model without a gradient: of a network why, and what to do."""
    reasons = [NO_GRADIENT[note] for note in notes if note in NO_GRADIENT]
    return "; ".join([f"a {family} model does not have one", *reasons])


class Raised(AdapterError):
    """An exception of a model in another process, as it was told there: its type and its text."""


class Ended(AdapterError):
    """The process of a model is gone: it ended, was ended for taking too long, or holds another model by now."""

    def __init__(self, kind: str, text: str) -> None:
        """`kind` is that of the failures that come of it: `crash`, `timeout`, `oom`, `changed`, `invalid-output`."""
        super().__init__(text)
        self.kind = kind


def told(error: BaseException) -> str:
    """Somebody's exception in one line of some 300 characters at most, whatever lines its text has, if it has one."""
    if isinstance(error, Raised):
        return str(error)
    if isinstance(error, Ended):
        return f"{error.kind}: {error}"
    try:
        text = " ".join(str(error).split())[:300]
    except Exception:  # noqa: BLE001 - somebody's __str__ is as much their code as what raised
        text = "(its text cannot be had)"
    return f"{type(error).__name__}: {text}"
