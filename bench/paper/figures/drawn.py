"""What a figure comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Drawn(NamedTuple):
    """A figure and what is to be seen in it."""

    figure: Figure
    shows: bool
    """Whether it shows what the publication says."""
    finding: str
    """What is to be seen, in words."""
    numbers: Mapping[str, float]
    """The numbers behind `shows` and `finding`."""
    as_published: bool = True
    """False where it is drawn from something else than what the publication shows."""
