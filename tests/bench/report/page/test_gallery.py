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
from bench.report.page.gallery import BLUE, RED, Shown, pictured
from bench.report.page.given import Board


@pytest.fixture(scope="module")
def shown() -> Board:
    return board()


def row_of(shown: Board) -> Measured:
    id = cell_of(shown)
    return next(row for _, row in shown.measured("steady") if row.cells[0].id == id)


def made(shown: Board, examples: Kept) -> tuple[Shown, list[np.ndarray]]:
    found = pictured(shown, "title", row_of(shown), "f" * 32, examples)
    assert found is not None
    return found[0], [np.asarray(Image.open(io.BytesIO(content))) for _, content in found[1]]


def test_a_strip_is_the_clean_input_the_change_and_the_adversarial_input(shown: Board) -> None:
    examples = kept()
    told, pictures = made(shown, examples)
    assert [strip.file for strip in told.strips] == [f"gallery/{'f' * 32}-{k}.png" for k in (1, 5, 230)]
    clean, moved = DATA.examples("test", examples.index), examples.adversarial
    reach = np.abs(moved - clean).max()
    assert float(told.scale) == pytest.approx(reach, rel=1e-2)
    for k, picture in enumerate(pictures):
        assert picture.shape == (6, 20, 4)
        one, change, other = (picture[:, start : start + 6, :3].astype(int) for start in (0, 7, 14))
        np.testing.assert_array_equal(one, np.rint(255 * clean[k])[0][..., None].repeat(3, axis=2))
        assert np.abs(other - 255.0 * moved[k][0][..., None]).max() <= 0.5 + 1e-4
        part = ((moved[k] - clean[k]) / reach)[0][..., None]
        expected = 255 + np.abs(part) * (np.where(part < 0, BLUE, RED) - 255)
        assert np.abs(change - expected).max() <= 0.5 + 1e-4
        np.testing.assert_array_equal(picture[:, [6, 13], 3], 0)


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
    assert pictured(shown, "title", row_of(shown), "f" * 32, replace(kept(), **change)) is None


def test_a_label_of_no_class_is_no_answer(shown: Board) -> None:
    told, _ = made(shown, replace(kept(), predicted=np.array([-1, 3, 10**9])))
    assert [strip.after.label for strip in told.strips] == ["no answer"] * 3
