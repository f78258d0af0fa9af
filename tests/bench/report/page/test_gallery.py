"""Kept examples as pictures: every pixel, and what is left out."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from paged import DATA, board, cell_of, kept
from PIL import Image

from bench.board.measured import Measured
from bench.records.examples import Kept
from bench.report.page.gallery import BLUE, LINES, MOST, RED, Sheets, Shown, pictured
from bench.report.page.given import Board


@pytest.fixture(scope="module")
def shown() -> Board:
    return board()


def row_of(shown: Board) -> Measured:
    id = cell_of(shown)
    return next(row for _, row in shown.measured("steady") if row.cells[0].id == id)


def made(shown: Board, examples: Kept) -> tuple[Shown, list[np.ndarray]]:
    """What is shown, and the picture of each example, cut out of the sheet as a page does it."""
    sheets = Sheets("net")
    found = pictured(shown, "title", row_of(shown), "f" * 32, examples, sheets)
    assert found is not None
    ((name, content),) = sheets.files()
    assert (name, found.line) == (found.sheet, 0)
    sheet = np.asarray(Image.open(io.BytesIO(content)))
    assert sheet.shape == (found.height, MOST * found.width, 4)
    return found, [sheet[:, found.width * strip.column :][:, : found.width] for strip in found.strips]


def test_a_strip_is_the_clean_input_the_change_and_the_adversarial_input(shown: Board) -> None:
    examples = kept()
    told, pictures = made(shown, examples)
    assert [strip.number for strip in told.strips] == [1, 5, 230]
    assert told.frames == "M1 1h6v6h-6zM9 1h6v6h-6zM17 1h6v6h-6z"
    clean, moved = DATA.examples("test", examples.index), examples.adversarial
    reach = np.abs(moved - clean).max()
    assert float(told.scale) == pytest.approx(reach, rel=1e-2)
    for k, picture in enumerate(pictures):
        assert picture.shape == (8, 24, 4)
        one, change, other = (picture[1:7, start : start + 6, :3].astype(int) for start in (1, 9, 17))
        np.testing.assert_array_equal(one, np.rint(255 * clean[k])[0][..., None].repeat(3, axis=2))
        assert np.abs(other - 255.0 * moved[k][0][..., None]).max() <= 0.5 + 1e-4
        part = ((moved[k] - clean[k]) / reach)[0][..., None]
        expected = 255 + np.abs(part) * (np.where(part < 0, BLUE, RED) - 255)
        assert np.abs(change - expected).max() <= 0.5 + 1e-4
        assert picture[..., 3].sum() == 255 * 3 * 36  # and nothing around them


def test_labels_and_probabilities_stand_before_and_after(shown: Board) -> None:
    told, _ = made(shown, kept())
    first, second, _ = told.strips
    assert (first.true, first.before.label, first.before.confidence, first.before.right) == ("1", "1", "99.1%", True)
    assert (first.after.label, first.after.confidence, first.after.right) == ("2", "75.0%", False)
    assert (second.before.confidence, second.after.confidence) == ("", "")


def test_a_ball_has_its_size_for_a_scale_whatever_was_used_of_it(shown: Board) -> None:
    examples = replace(kept(), adversarial=DATA.examples("test", kept().index) + np.float32(0.05))
    told, _ = made(shown, examples)
    assert told.scale == "0.2"


@pytest.mark.parametrize(
    "change",
    [
        {"adversarial": np.zeros((3, 4), np.float32)},
        {"adversarial": np.full((3, 1, 6, 6), np.nan, np.float32)},
        {"index": np.array([240, 241, 10**12])},
    ],
    ids=["of another shape", "no numbers", "of no example"],
)
def test_what_fits_nothing_is_left_out(shown: Board, change: dict[str, np.ndarray]) -> None:
    assert pictured(shown, "title", row_of(shown), "f" * 32, replace(kept(), **change), Sheets("net")) is None


def test_a_label_of_no_class_is_no_answer(shown: Board) -> None:
    told, _ = made(shown, replace(kept(), predicted=np.array([-1, 3, 10**9])))
    assert [strip.after.label for strip in told.strips] == ["no answer"] * 3


# -- sheets -----------------------------------------------------------------------------------------------------------


def picture(height: int, width: int, value: int = 0) -> np.ndarray:
    return np.full((height, width, 4), value, np.uint8)


def test_cells_of_one_size_share_a_sheet_until_it_is_full() -> None:
    sheets = Sheets("net")
    places = [sheets.put([picture(2, 3, k)] * 2) for k in range(LINES + 1)]
    assert places == [("gallery/net-0.png", k) for k in range(LINES)] + [("gallery/net-1.png", 0)]
    assert [sheets.lines(f"gallery/net-{k}.png") for k in (0, 1)] == [LINES, 1]
    (_, first), _ = sheets.files()
    sheet = np.asarray(Image.open(io.BytesIO(first)))
    assert sheet.shape == (2 * LINES, 3 * MOST, 4)
    np.testing.assert_array_equal(sheet[::2, 0, 0], range(LINES))
    assert sheet[:, 6:].max() == 0


def test_pictures_of_another_size_and_large_ones_begin_sheets_of_their_own() -> None:
    sheets = Sheets("net")
    assert sheets.put([picture(2, 3)]) == ("gallery/net-0.png", 0)
    large = [picture(300, 900)]
    assert [sheets.put(large) for _ in range(2)] == [("gallery/net-1.png", 0), ("gallery/net-2.png", 0)]


def test_many_cells_of_many_models_are_few_files() -> None:
    """A model's 60 cells of 16 inputs, which were 960 files, are two."""
    sheets = Sheets("net")
    for _ in range(60):
        sheets.put([picture(10, 30)] * MOST)
    assert len(list(sheets.files())) == 2
