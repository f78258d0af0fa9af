"""Pages of boards made by hand, one of whose models has a name that would be a script."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from handmade import failure, model, result, suite_of, toy, viewed

from bench.board.rows import rows
from bench.board.view import View
from bench.planning.suite import Suite
from bench.records.examples import Kept
from bench.records.record import Cell
from bench.report.page.given import Board, Given
from bench.report.page.site import files, static, write

HOSTILE = "<img src=x onerror=\"document.title='taken'\"> &amp; ${1}\u202e'"
"""A name that is markup, an entity, a template, and turns the text after it around."""
ATTACKS = """\
  - {attack: fgsm, norm: linf, eps: [0.1, 0.2, 0.3]}
  - {attack: fgsm, norm: linf, eps: [0.1, 0.2, 0.3], loss: margin}
  - {attack: fgsm, norm: linf, eps: 0.2, sources: all}
  - {attack: iterated-fgsm, norm: linf, eps: 0.2}
  - {attack: sign-noise, norm: linf, eps: 0.2}"""
N = 240
MODELS = [
    model("steady", confidence_kind="softmax"),
    model("brittle", "surrogate", family="decision tree"),
    model("middling", notes=("stochastic",)),
    model(HOSTILE, "none", family="<b>bold</b>"),
]
KEEPS = {"steady": 0.9, "brittle": 0.1, "middling": 0.5, HOSTILE: 0.3}
"""Share of the examples that each keeps right under the worst of its attacks."""
CLEAN = {"brittle": 0.8}
"""Share that a model keeps right when nothing is changed, where it is not 0.95."""
SHAPE = (1, 6, 6)
DATA = replace(
    toy([k % 3 for k in range(N)]),
    input_shape=SHAPE,
    read=lambda split: (np.arange(N * 36).reshape(N, *SHAPE) % 2, np.arange(N) % 3),
)
"""Pictures whose columns are black and white by turns."""


def answer(asked: Cell) -> Any:
    """The first examples stay right: fewer of them the larger the size, and fewest under many steps."""
    true = np.arange(N) % 3
    keeps, eps, name = KEEPS[asked.target.name], asked.threat.eps or 0.0, asked.craft.attack.name
    share = {"clean": CLEAN.get(asked.target.name, 0.95), "sign-noise": 0.9, "iterated-fgsm": keeps}.get(
        name, 0.95 - (0.95 - keeps) * eps / 0.3
    )
    if name == "iterated-fgsm" and asked.target.gradient == "none":
        return failure(asked, message="<script>alert(1)</script>")
    if asked.craft.source is not None and not asked.white_box:
        share = (share + 0.95) / 2
    return np.where(np.arange(N) < share * N, true, (true + 1) % 3).tolist()


def suite() -> Suite:
    return suite_of(ATTACKS, ["steady", "brittle", "middling"], 0.2, summary="three models and a guest")


def rubbish() -> Board:
    """A suite that ranks nothing: inputs made from nothing, of which one model is confident about three of four, and
    the other has no probabilities.
    """

    def sure(asked: Cell) -> Any:
        if asked.craft.attack.name == "clean":
            return answer(asked)
        successes = 3 if asked.target.name == "steady" else None
        return result(asked, [0, 2, 2, 1], None, successes=successes, margin=[0.1] * 4)

    asked = suite_of("  - {attack: gaussian-rubbish, n: 4}", ["steady", "brittle"], board="rubbish")
    made = viewed(asked, sure, dataset=DATA, references=MODELS[:2])
    return Board(made, rows(made))


def view() -> View:
    return viewed(suite(), answer, dataset=DATA, references=MODELS[:3], guests=MODELS[3:])


def board() -> Board:
    made = view()
    return Board(made, rows(made))


def kept(*index: int) -> Kept:
    """Three examples to which a fifth was added on the left, and taken from on the right; the model was sure of one."""
    places = np.array(index or (1, 5, 230))
    change = np.concatenate([np.full((1, 6, 3), 0.2), np.full((1, 6, 3), -0.1)], axis=2)
    moved = DATA.examples("test", places) * 0.5 + 0.25 + change
    return Kept(
        places,
        moved.astype(np.float32),
        (places + 1) % 3,
        np.array([0.75, np.nan, 0.5], np.float32),
        np.array([0.991, np.nan, 1.0], np.float32),
    )


def cell_of(shown: Board, model: str = "steady", attack: str = "iterated-fgsm") -> str:
    """The id of the cell of an attack on a model."""
    return next(row.cells[0] for row in shown.rows if (row.model, row.attack) == (model, attack))


def given() -> Given:
    """A board, and what was kept of one cell of two of its models."""
    shown = board()
    found = {cell_of(shown): kept(), cell_of(shown, "brittle"): kept(30, 100, 230)}
    return Given([shown], {}, kept=found.get)


def site(folder: Path) -> Path:
    """The page, written into a folder."""
    write(folder, given())
    return folder


MANY = """\
  - {attack: fgsm, norm: linf, eps: [0.05, 0.1, 0.15, 0.2, 0.3]}
  - {attack: iterated-fgsm, norm: linf, eps: [0.1, 0.2, 0.3]}
  - {attack: sign-noise, norm: linf, eps: [0.2, 0.3]}"""
"""Ten attacks."""


def write_suite(folder: Path) -> None:
    """The page of a suite of 200 models by ten attacks, two of them guests, alone, into a folder."""
    models = [model(f"model-{k}", ("exact", "surrogate")[k % 2]) for k in range(200)]
    true = np.arange(30) % 3

    def guess(asked: Cell) -> list[int]:
        wrong = np.random.default_rng(int(asked.id[:8], 16)).random(30) < 0.5
        return np.where(wrong, (true + 1) % 3, true).tolist()

    asked = suite_of(MANY, [info.name for info in models[:198]], 0.2)
    made = viewed(asked, guess, dataset=toy(true.tolist()), references=models[:198], guests=models[198:])
    page = next(each for each in files(Given([Board(made, rows(made))], {})) if each[0].startswith("suites/"))
    for path, content in [page, *static()]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
