"""Adversarial inputs that are kept: chosen in each part, and joined as its cell's record is."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import UsageError
from bench.files import size_text
from bench.records import part as parts_of
from bench.records.cell import Cell, Craft
from bench.records.examples import LARGEST, Kept, chosen, chosen_of_part, decode, encode, order_of, sha256, united
from bench.records.part import CellPart
from bench.records.record import Run
from bench.running.layout import PART, part_of
from bench.running.tally import Tally, is_clean, outcome

if TYPE_CHECKING:
    from torch import Tensor

    from bench.datasets.base import Dataset
    from bench.planning.plan import Job
    from bench.running.world import World

ALL = 2**31
"""As many as there are."""
DEFAULT = 16


def number_of(text: int | str) -> int:
    """How many inputs of a cell are to be kept: a number, or `all`.

    Raises:
        UsageError: it is neither.
    """
    if text == "all":
        return ALL
    if isinstance(text, bool) or not str(text).isascii() or not str(text).isdigit() or int(text) > ALL:
        raise UsageError(f"save-examples {text}: give a number, 0 for none, or all")
    return int(text)


def announced(jobs: Sequence[Job], dataset: Dataset, most: int, folder: str) -> str | None:
    """A line that says how much is to be kept before anything is run; None where nothing is.

    Raises:
        UsageError: it is more than a file of a cell, or of a part, may have.
    """
    each = 4 * dataset.features
    cells = [cell for job in jobs for cell in job.cells if not is_clean(cell)]
    if not most or not cells:
        return None
    largest = max(min(most, cell.craft.slice.n) for cell in cells) * each
    part = max(min(most, PART, job.craft.slice.n) * each * len(job.cells) for job in jobs) * 4 / 3
    for size, cap, what in ((largest, LARGEST, "a cell"), (part, parts_of.LARGEST, "a part of a job")):
        if size > cap:
            most_text = f"at most {size_text(cap)} of {what} are kept"
            raise UsageError(f"--save-examples would keep {size_text(int(size))}; {most_text}: give a smaller number")
    total = sum(min(most, cell.craft.slice.n) for cell in cells) * each
    count = "all" if most >= ALL else f"up to {most}"
    return f"keeping {count} adversarial inputs of each of {len(cells)} cells: at most {size_text(total)} in {folder}"


class Keeper:
    """Chooses and keeps inputs of the cells of one part."""

    def __init__(self, craft: Craft, number: int, world: World, taken: NDArray[np.int64]) -> None:
        """
        Args:
            craft: of the part.
            number: of the part.
            world: how many are kept, and the models.
            taken: `(n,)` positions of the part's examples in the split.
        """
        self._craft, self._world, self._taken = craft, world, taken
        self._kept: dict[str, str] = {}
        self._clean: dict[tuple[str, bytes], NDArray[np.float32] | None] = {}
        """What targets answered to clean inputs."""
        if world.keep:
            order = order_of(craft.seed, craft.dataset.checksum, craft.slice)
            self._order = part_of(order, number)

    def keep(self, tally: Tally, candidates: Tensor, x: Tensor) -> None:
        """Keep some of what a cell's target was shown.

        Args:
            tally: of the cell, which the target has answered.
            candidates: `(n, *input_shape)` of the part.
            x: the clean inputs.
        """
        cell, most = tally.cell, self._world.keep
        if not most or is_clean(cell):
            return
        _, mistakes, found = outcome(cell, tally.column, len(self._world.dataset.classes))
        success = mistakes if found is None else found
        places = chosen_of_part(self._order, success, most, cell.craft.slice.n)
        if not len(places):
            self._kept[cell.id] = ""
            return
        confidences = tally.column("confidences")
        kept = Kept(
            index=self._taken[places],
            adversarial=candidates[places].float().cpu().numpy(),
            predicted=tally.labels[places],
            confidence=None if confidences is None else confidences[places].astype(np.float32),
            clean_confidence=None if confidences is None else self._clean_confidence(cell, x, places),
        )
        self._kept[cell.id] = base64.b64encode(encode(kept)).decode()

    def told(self, cell: Cell) -> dict[str, Any]:
        """What a part tells of them."""
        return {"keep": self._world.keep, "kept": self._kept[cell.id]} if cell.id in self._kept else {}

    def _clean_confidence(self, cell: Cell, x: Tensor, places: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """`(m,)` of the class given to the clean inputs; None of a model whose next answers would not be the same."""
        if cell.craft.slice.split is None:
            return None
        key = cell.target.name, places.tobytes()
        if key not in self._clean:
            try:
                self._clean[key] = self._asked(cell, x, places)
            except Exception:  # noqa: BLE001 - an answer that cannot be had is missing from a picture, no more
                self._clean[key] = None
        return self._clean[key]

    def _asked(self, cell: Cell, x: Tensor, places: NDArray[np.int64]) -> NDArray[np.float32] | None:
        from bench.running.judge import ask

        target, found = self._world.model(cell.target), []
        if target.stochastic:
            return None
        size = self._world.fits(cell.target)
        for start in range(0, len(places), size):
            labels, _, probabilities = ask(target, x[places[start : start + size]], len(self._world.dataset.classes))
            if probabilities is None:
                return None
            found.append(probabilities.gather(1, labels.clamp_min(0)[:, None])[:, 0].float().cpu().numpy())
        return np.concatenate(found)


def assembled(parts: Sequence[CellPart], classes: int) -> bytes | None:
    """The file of a cell's kept inputs from all of its parts, in order; None where one of them kept none.

    Raises:
        ValueError: a part holds what it cannot.
    """
    cell, most = parts[0].cell, min(part.keep for part in parts)
    if not most or any(part.kept is None for part in parts):
        return None
    pieces = [decode(base64.b64decode(part.kept, validate=True)) for part in parts if part.kept]
    if not pieces:
        return None
    whole = united(pieces)

    def column(name: str) -> NDArray[Any] | None:
        found = [values for part in parts if (values := part.column(name)) is not None]
        return np.concatenate(found) if found else None

    _, mistakes, found = outcome(cell, column, classes)
    success = mistakes if found is None else found
    positions = column("index")
    of = cell.craft.slice
    places = whole.index - of.start if positions is None else np.searchsorted(positions, whole.index)
    if places[-1] >= of.n or (positions is not None and (positions[places] != whole.index).any()):
        raise ValueError("a kept input of no example of the slice")
    order = order_of(cell.craft.seed, cell.craft.dataset.checksum, of)[places]
    return encode(whole.only(chosen(order, success[places], most)))


def told_of(run: Run, kept: bytes | None) -> Run:
    """What a record says of its run, with the checksum of what was kept."""
    return run if kept is None else run.model_copy(update={"examples": sha256(kept)})
