"""How all figures look: sizes, colours and the few panels that several of them share."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

WIDTH = 7.0
"""Inches, of a page."""
DPI = 150

CLASSES = (
    "#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee", "#882255", "#44aa99", "#999933", "#aa4499", "#999999",
)  # fmt: skip
"""A colour a class: the muted scheme of Paul Tol, made to be told apart by the colour-blind, and a grey."""
BOX = "#ffcc00"
"""Yellow of the boxes around images that a model takes for the class in question."""
MARGIN = 2
"""Pixels around each image of a mosaic, where the boxes are."""
DIVERGING = "PuOr_r"
"""Colours of signed weights, white at zero."""


class Drawn(NamedTuple):
    """A figure and what it comes to."""

    figure: Figure
    shows: bool
    """Whether it shows what the publication says."""
    finding: str
    """What is to be seen, in words."""
    numbers: Mapping[str, float]
    """The numbers behind `shows` and `finding`."""
    as_published: bool = True
    """False where it is drawn from something else than what the publication shows."""


@contextmanager
def styled() -> Iterator[None]:
    """Within it figures have this style, whatever the user's own is."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "font.size": 8,
                "axes.titlesize": 8,
                "axes.labelsize": 8,
                "axes.linewidth": 0.6,
                "xtick.labelsize": 7,
                "ytick.labelsize": 7,
                "legend.fontsize": 7,
                "lines.linewidth": 1.2,
                "image.interpolation": "nearest",
                "savefig.dpi": DPI,
                "text.parse_math": False,  # names of folders and classes may hold dollars, and are no formulas
            }
        )
        yield


def page(height: float) -> Figure:
    """An empty figure of a page's width and this height in inches. It belongs to no window and no global state."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def png(figure: Figure) -> bytes:
    """The image, without time or version in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def bare(panel: Axes) -> None:
    """No ticks: an image has no coordinates worth reading."""
    panel.set(xticks=[], yticks=[])


def picture(panel: Axes, image: NDArray[np.floating[Any]], low: float, high: float, colours: str = "gray") -> AxesImage:
    """One image, `(H, W)`, from black at `low` to white at `high`."""
    bare(panel)
    return panel.imshow(image, cmap=colours, vmin=low, vmax=high)


def mosaic(
    panel: Axes,
    images: NDArray[np.floating[Any]],
    columns: int,
    limits: tuple[float, float],
    *,
    boxed: Sequence[bool] | NDArray[np.bool_] = (),
) -> AxesImage:
    """Many images, `(N, H, W)`, in rows of so many, with a yellow box around those that are `boxed`."""
    height, width = (side + 2 * MARGIN for side in images.shape[1:])
    rows = -(-len(images) // columns)
    sheet = np.full((rows * height, columns * width), np.nan)
    corners = [(index // columns * height, index % columns * width) for index in range(len(images))]
    for image, (top, left) in zip(images, corners, strict=True):
        sheet[top + MARGIN : top + height - MARGIN, left + MARGIN : left + width - MARGIN] = image
    shown = picture(panel, sheet, *limits)
    panel.set_frame_on(False)
    for index in np.flatnonzero(boxed).tolist():
        top, left = corners[index]
        corner = (left + 0.5, top + 0.5)
        panel.add_patch(Rectangle(corner, width - 2, height - 2, fill=False, edgecolor=BOX, linewidth=1.4))
    return shown


def beside(panel: Axes, title: str, **how: Any) -> None:
    """The legend of a panel, to the right of it."""
    panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, title=title, **how)


def gray(images: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """`(N, H, W)` of images `(N, C, H, W)`: the mean of their channels."""
    shades: NDArray[np.floating[Any]] = images.mean(1)
    return shades


def key(figure: Figure, names: Sequence[str], present: Sequence[int], **where: Any) -> None:
    """A legend of class colours."""
    handles = [Rectangle((0, 0), 1, 1, facecolor=CLASSES[label % len(CLASSES)]) for label in present]
    figure.legend(handles, [names[label] for label in present], frameon=False, **where)
