"""From what somebody offers as a model to an adapter for a dataset, in whatever process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapters.base import Adapter


def adapter_of(
    offer: Callable[[], Any], name: str, input_shape: tuple[int, ...], classes: Sequence[str], device: str
) -> Adapter:
    """The adapter of what `offer` gives, fitted to the dataset's shape and classes, on the device, knowing its name.

    Raises:
        AdapterError: it will not.
        Exception: whatever the offer's own code raises, or SystemExit.
    """
    from adapters.base import Adapter
    from adapters.fitting import fit
    from adapters.wrapping import wrap

    given = offer()
    # Of its owner's adapter a copy: what is settled here of its shape, device and name stays here.
    adapter = given.copied() if isinstance(given, Adapter) else wrap(given)
    fitted = fit(adapter.to(device), input_shape, classes).called(name)
    _ = fitted.unseen  # which sets or takes back the flag, now that all of it is there
    return fitted
