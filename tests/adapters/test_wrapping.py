"""What `wrap` takes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from networks import dense

import adapters
from adapters.errors import NotWrappable


def test_unknown_options_are_refused() -> None:
    with pytest.raises(NotWrappable, match="avg"):
        adapters.wrap(dense(12, 3), avg=0.1)
    with pytest.raises(NotWrappable, match="outputs='softmax': use 'logits', 'probabilities' or 'sigmoids'"):
        adapters.wrap(dense(12, 3), outputs="softmax")


@pytest.mark.parametrize("thing", [3, "maxout", lambda x: x, None])
def test_what_wrap_does_not_know(thing: Any) -> None:
    with pytest.raises(NotWrappable, match=r"cannot wrap .*black_box"):
        adapters.wrap(thing)


def test_an_adapter_is_wrapped_already() -> None:
    adapter = adapters.wrap(dense(12, 3))
    assert adapters.wrap(adapter) is adapter
    with pytest.raises(NotWrappable, match="takes mean, std and scale, got bounds"):
        adapters.wrap(adapter, bounds=(0, 1))
