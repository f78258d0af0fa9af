"""One call of a suite: models told apart, and boards that show every attack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from handmade import cell, model, record
from torch import nn

import adapters
import bench
from bench.planning.suite import load_suite, parse_suite
from bench.progress import Progress
from bench.running.session import Session
from bench.running.shelf import Shelf, leaderboard, on_board

SUITE = """\
suite: tiny
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: [0.1]}
  - {attack: fgsm, norm: l2, eps: [0.5]}
  - {attack: fgsm, norm: linf, eps: [0.1], target: next}
  - {attack: fgsm, norm: linf, eps: [0.1], clip: false}
rank_by: {eps: 0.1}
"""


def net(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()


def run(models: object, out: Path, **options: object) -> bench.Board:
    return bench.run(parse_suite(SUITE, "tiny.yaml"), models, out=out, device="cpu", limit=50, **options)  # type: ignore[arg-type]


def test_functions_of_one_version_keep_their_own_rows(tmp_path: Path) -> None:
    models = {
        name: adapters.black_box(lambda x, k=k: np.full(len(x), k), version="1")
        for k, name in ((3, "three"), (9, "nine"))
    }
    board = run(models, tmp_path)
    assert {row.model for row in board.rows} == {"three", "nine"}
    three, nine = (next(row for row in board.of(name) if row.attack == "clean") for name in ("three", "nine"))
    assert three.fingerprint != nine.fingerprint
    assert "labels-only" in three.flags


def test_one_model_under_two_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(bench.UsageError, match="'a' and 'b' are one and the same"):
        run({"a": net(0), "b": net(0)}, tmp_path)


def test_the_board_shows_every_attack_of_the_suite(tmp_path: Path) -> None:
    text = str(run({"a": net(0)}, tmp_path))
    for column in ("FGSM 0.1", "fgsm l2 0.5", "fgsm 0.1 next", "fgsm 0.1 unclipped"):
        assert column in text


@pytest.mark.parametrize(
    ("models", "options", "says"),
    [
        (None, {}, "give some with --model"),
        ("net", {}, "give names to models"),
        (net(0), {}, "give names to models"),
        ({"f": lambda x: x}, {}, "adapters.black_box"),
    ],
)
def test_bad_calls_from_python_say_what_to_do(
    models: object, options: dict[str, object], says: str, tmp_path: Path
) -> None:
    with pytest.raises(bench.UsageError, match=says):
        run(models, tmp_path, **options)


@pytest.mark.parametrize("limit", [30, 40, 50])
def test_a_short_look_of_any_length_shows_its_rows(limit: int, tmp_path: Path) -> None:
    """Also where the suite's own sample is as short: its rows alone are no sign of a run over all examples."""
    text = SUITE.replace("rank_by", "  - {attack: sign-noise, norm: linf, eps: [0.1], n: 40}\nrank_by")
    suite = parse_suite(text, "tiny.yaml")
    board = bench.run(suite, {"a": net(0)}, out=tmp_path, device="cpu", limit=limit)
    clean = max((row for row in board.of("a") if row.attack == "clean"), key=lambda row: row.n)
    assert clean.n == limit
    assert {row.status for row in board.of("a")} == {"ok"}


def test_the_board_shows_the_model_that_was_just_run(tmp_path: Path) -> None:
    """Not the one last judged under its name, nor the name that it had before."""
    first = run({"m": net(0)}, tmp_path).of("m")
    assert run({"m": net(1)}, tmp_path).of("m") != first
    back = run({"m": net(0)}, tmp_path).of("m")
    assert {row.fingerprint for row in back} == {row.fingerprint for row in first}
    renamed = run({"other": net(0)}, tmp_path)
    assert renamed.of("other")
    assert not [row for row in renamed.rows if row.model == "m" and row.fingerprint == back[0].fingerprint]


def test_a_model_cannot_change_what_the_next_one_is_shown(tmp_path: Path) -> None:
    class Eraser(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x.data.mul_(0)
            return x.flatten(1)[:, :10]

    board = run({"eraser": Eraser().eval(), "sound": net(0)}, tmp_path)
    alone = run({"sound": net(0)}, tmp_path / "alone")
    own = [row.error for row in board.of("sound") if row.source in (None, "sound")]
    assert own == [row.error for row in alone.of("sound")]
    assert {row.status for row in board.of("eraser") if row.attack == "clean"} == {"error"}


def test_models_of_a_quick_recipe_are_on_no_board() -> None:
    """They stand in for the models of `bench paper`; a board that shows one would compare trials with models."""
    trial = model("trial", notes=("quick: 3 epochs of all examples",))
    kept = record(cell(model("a")))
    given = [kept, record(cell(trial)), record(cell(model("b"), source=trial))]
    assert on_board({item.id: item for item in given}, MEETINGS) == {kept.id: kept}


def test_reference_models_that_a_suite_does_not_name_are_on_other_boards() -> None:
    """Else every variant that `bench paper` trains would stand there, with the few rows that it has."""
    kept = [record(cell(model("maxout"))), record(cell(model("mine")))]
    given = [*kept, record(cell(model("knn"))), record(cell(model("mine"), source=model("knn")))]
    assert on_board({item.id: item for item in given}, MEETINGS) == {item.id: item for item in kept}


def test_boards_of_the_paper_have_them_where_there_is_no_full_one() -> None:
    note = ("quick: 3 epochs of all examples",)
    trial, replaced = model("trial", notes=note), model("a", notes=note, fingerprint="1" * 64)
    full = record(cell(model("a")))
    kept = [full, record(cell(trial)), record(cell(model("a"), source=trial))]
    given = [*kept, record(cell(replaced)), record(cell(model("b"), source=replaced))]
    suite = MEETINGS.model_copy(update={"board": "paper"})
    assert on_board({item.id: item for item in given}, suite) == {item.id: item for item in kept}


MEETINGS = parse_suite(
    """\
suite: meetings
dataset: {name: digits}
models: [softmax-regression, maxout, rbf-network, linear-svm]
attacks:
  - {attack: fgsm, norm: linf, eps: [0.1]}
  - {attack: fgsm, norm: linf, eps: [0.1], sources: [maxout], models: [rbf-network]}
""",
    "meetings.yaml",
)


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ([], {"softmax-regression", "maxout", "rbf-network", "linear-svm"}),
        (["linear-svm"], {"linear-svm"}),
        (["rbf-network"], {"rbf-network", "maxout"}),
        (["maxout"], {"rbf-network", "maxout"}),
    ],
)
def test_only_the_models_that_are_met_are_made(
    asked: list[str], made: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    session = Session(MEETINGS, progress=Progress(), shelf=Shelf(tmp_path), model_specs=asked, load=False)
    assert set(session.unknown_models) == made
    assert session.planned == []


def test_data_at_a_path_for_datasets_that_are_read_from_one(tmp_path: Path) -> None:
    with pytest.raises(bench.UsageError, match="dataset digits is read from no path; leave out --data"):
        Session(MEETINGS, progress=Progress(), shelf=Shelf(tmp_path), data=tmp_path, load=False)
    with pytest.raises(bench.UsageError, match="none"):
        Session("paper-cifar10", progress=Progress(), shelf=Shelf(tmp_path), data=tmp_path / "none", load=False)


def test_the_leaderboard_leaves_the_numbers_of_the_paper_to_their_own_document(tmp_path: Path) -> None:
    """None of its suites is looked up, whatever the records are of."""
    suite = load_suite("paper-mnist")
    assert suite.suite not in leaderboard(Shelf(Path(__file__).parents[3]))
