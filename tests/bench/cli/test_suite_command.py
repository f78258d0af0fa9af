"""The command `bench suite`: from end to end, and bad input as one clear line with exit code 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from cli_help import SUITE, Bench, cells, refused


def test_help_names_the_choices(bench: Bench) -> None:
    text = bench("suite", "--help").out
    for choices in ("full|quick", "auto|cpu|cuda", "failed|all", "auto|plain|none"):
        assert choices in text


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "pieces"),
    [
        (("fgsm", "fgms"), ["tiny.yaml, line 5: unknown attack 'fgms'; did you mean fgsm?"]),
        (("digits", "digit"), ["unknown dataset 'digit'; did you mean digits?"]),
        (("digits}", "digits, split: tset}"), ["unknown split of dataset digits 'tset'; did you mean test?"]),
        (("digits}", "digits, path: x}"), ["unknown option of dataset 'digits' 'path'"]),
        (("rank_by", "rank_bi"), ["tiny.yaml, line 7: unknown key 'rank_bi'; did you mean rank_by?"]),
        (("summary: small and quick", "suite: tiny"), ["tiny.yaml, line 2: key 'suite' stands here twice"]),
        (("eps: 0.2}\nr", "eps: -0.1}\nr"), ["tiny.yaml, line 6: eps -0.1 is not positive", "8/255"]),
        (("eps: 0.2}\nr", "eps: abc}\nr"), ["tiny.yaml, line 6: eps 'abc' is no number", "8/255"]),
        (("eps: 0.2}\nr", "eps: nan}\nr"), ["tiny.yaml, line 6: eps nan is not positive and finite"]),
        (("attacks", "models: [maxuot]\nattacks"), ["unknown model of suite tiny 'maxuot'; did you mean maxout?"]),
        (("linf, eps: 0.2}", "linf, eps: 0.2, sources: [maxout]}"), ["sign-noise is crafted on no model"]),
    ],
)
def test_a_bad_suite_file_is_one_line(change: tuple[str, str], pieces: list[str], bench: Bench) -> None:
    assert change[0] in SUITE
    Path("tiny.yaml").write_text(SUITE.replace(*change))
    refused(bench("suite", "tiny.yaml", "--model", "mine.py"), *pieces)
    assert cells() == {}


@pytest.mark.parametrize("eps", ["8/255", "1e-3"])
def test_sizes_that_plain_yaml_takes_for_text(eps: str, bench: Bench) -> None:
    Path("tiny.yaml").write_text(SUITE.replace("[0.1, 0.2]", eps))
    assert bench("suite", "tiny.yaml", "--model", "mine.py", "--dry-run").code == 0


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("import nothing_of_this_name\n", ["does not import: ModuleNotFoundError", "nothing_of_this_name"]),
        ("def (\n", ["does not import: SyntaxError", "line 1"]),
        ("raise ValueError('two\\nlines')\n", ["does not import: ValueError: two"]),
        ("import sys\nsys.exit(3)\n", ["does not import: SystemExit: 3"]),
        ("model = 3\n", ["registers no model", "@adapters.register", ":OBJECT"]),
        ("import adapters\nadapters.register('a b')(3)\n", ["model name 'a b'"]),
        ("import adapters\nadapters.register('a')(3)\nadapters.register('a')(4)\n", ["'a' is registered twice"]),
        (
            "import adapters\nadapters.register('a', dataset='mnist')(3)\n",
            ["has no model for dataset digits; it has a (for mnist)"],
        ),
        (
            "import adapters\n@adapters.register('a')\ndef f():\n    return open('/no/file')\n",
            ["model a cannot be made: FileNotFoundError"],
        ),
    ],
)
def test_a_bad_model_file_is_one_line(text: str, pieces: list[str], bench: Bench) -> None:
    Path("bad.py").write_text(text)
    refused(bench("suite", "tiny.yaml", "--model", "bad.py"), *pieces)
    assert cells() == {}


def test_a_file_in_place_of_the_out_folder(bench: Bench) -> None:
    Path("taken").write_text("mine")
    said = bench("suite", "tiny.yaml", "--model", "mine.py:net", "--out", "taken")
    refused(said, f"cannot write into {Path('taken/results').absolute()}", "--out")
    assert Path("taken").read_text() == "mine"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none(bench: Bench) -> None:
    refused(
        bench("suite", "tiny.yaml", "--model", "mine.py:net", "--device", "cuda"),
        "bench: --device cuda",
        "use --device cpu or auto",
    )


# -- reference models -------------------------------------------------------------------------------------------------


def test_a_reference_model_that_the_suite_does_not_name(bench: Bench) -> None:
    """It is made by its recipe, attacked like any other, and on the boards of that call."""
    said = bench("suite", "tiny.yaml", "--model", "softmax-regression", "--model", "mine.py:net")
    assert (said.code, "Ran 8 cells." in said.out) == (0, True), said
    for board in (said.out, Path("bench-out/leaderboard.md").read_text()):
        assert "| softmax-regression" in board
        assert "| net" in board
    assert "Nothing to do" in bench("suite", "tiny.yaml", "--model", "softmax-regression").out


# -- a suite from end to end ------------------------------------------------------------------------------------------


def test_run_then_nothing_to_do(bench: Bench) -> None:
    first = bench("suite", "tiny.yaml", "--model", "mine.py", "--device", "cpu")
    assert first.code == 1  # `three` says the same of everything
    assert "### tiny v1: small and quick" in first.out
    assert "| net" in first.out
    assert "| three" in first.out
    assert "Ran 8 cells, 2 of them unsupported." in first.out
    assert "Results in bench-out/results, board in bench-out/leaderboard.md" in first.out
    assert len(cells()) == 8
    assert "tiny v1" in Path("bench-out/leaderboard.md").read_text()
    before = cells()
    second = bench("suite", "tiny.yaml", "--model", "mine.py", "--device", "cpu")
    assert second.code == 1
    assert "Nothing to do: all 8 cells of tiny are done." in second.out
    assert second.out.split("\nNothing")[0] == first.out.split("\nRan")[0]
    assert cells() == before


def test_another_model_only_adds_its_cells(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    before = cells()
    said = bench("suite", "tiny.yaml", "--model", "mine.py:net", "--model", "mine.py:three")
    assert "Ran 4 cells" in said.out
    assert before.items() < cells().items()


def test_dry_run_says_what_would_be_run_and_runs_nothing(bench: Bench) -> None:
    """Also of models that are given: they are made, as nothing else tells what they are."""
    said = bench("suite", "tiny.yaml", "--model", "mine.py:three", "--model", "mine.py:net", "--dry-run")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "tiny: 8 cells, 8 to run"
    assert any(line.startswith("  fgsm on net, n=599: 2 cells on net; up to 599 gradients; ") for line in lines)
    assert "  fgsm on three, n=599: 2 cells on three; not run, as the model has no gradient" in lines
    assert lines[-1].startswith("In all up to 599 gradients, 3,594 inputs judged; ")
    assert not Path("bench-out").exists()
    bench("suite", "tiny.yaml", "--model", "mine.py:three")
    before = cells()
    again = bench("suite", "tiny.yaml", "--model", "mine.py:three", "--dry-run")
    assert again.out == "tiny: 4 cells, 0 to run\n"
    assert cells() == before


def test_a_dry_run_tells_the_queries_of_a_model_of_labels(bench: Bench) -> None:
    asks = "  - {attack: rays, norm: linf, queries: 50, n: 20}\nrank_by"
    Path("tiny.yaml").write_text(SUITE.replace("rank_by", asks))
    said = bench("suite", "tiny.yaml", "--model", "mine.py:three", "--dry-run").out
    assert "  rays on three, n=20: 1 cell on three; up to 1,000 queries; " in said
    bench("suite", "tiny.yaml", "--model", "mine.py:three")
    other = "import adapters, numpy\nfour = adapters.black_box(lambda x: numpy.full(len(x), 4), version='1')\n"
    Path("four.py").write_text(other)
    known = bench("suite", "tiny.yaml", "--model", "four.py:four", "--dry-run").out
    assert "1 cell on four; up to" not in known, "records tell what it asks"


def test_a_short_look_shows_its_n_and_never_ranks(bench: Bench) -> None:
    said = bench("suite", "tiny.yaml", "--model", "mine.py:net", "--limit", 50)
    assert said.code == 0
    rows = json.loads(bench("leaderboard", "tiny.yaml", "--format", "json").out)
    assert {(row["n"], row["rank"]) for row in rows} == {(50, None)}
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    rows = json.loads(bench("leaderboard", "tiny.yaml", "--format", "json").out)
    assert {(row["n"], row["rank"]) for row in rows} == {(599, 1)}


def test_failed_cells_are_told_of_and_exit_with_1(bench: Bench) -> None:
    run = ("suite", "tiny.yaml", "--model", "mine.py:broken", "--model", "mine.py:net")
    first = bench(*run)
    assert first.code == 1
    assert "4 failed" in first.out
    assert "failed: broken, clean: invalid-output: the network gives 7 outputs for 10 classes; say which" in first.out
    assert "--rerun failed" in first.out
    assert len(cells()) == 4
    rows = json.loads(bench("leaderboard", "tiny.yaml", "--format", "json").out)
    assert {row["status"] for row in rows if row["model"] == "broken"} == {"error"}
    assert {row["rank"] for row in rows if row["model"] == "broken"} == {None}
    assert {row["rank"] for row in rows if row["model"] == "net"} == {1}
    # A failed cell is not tried again unasked, and still counts.
    assert bench(*run).code == 1
    assert len(list(Path("bench-out/results/failures").glob("*.json"))) == 4


FLAKY = """\
import adapters, os, mine

NET = mine.net()


def predict(x):
    if os.path.exists("down"):
        raise ConnectionError("down")
    return NET(mine.torch.from_numpy(x)).argmax(1).numpy()


flaky = adapters.black_box(predict, version="1")
"""


@pytest.mark.parametrize("limit", [(), ("--limit", 100)])
def test_an_own_model_that_cannot_be_ranked_is_told_of_and_exits_with_1(limit: tuple[Any, ...], bench: Bench) -> None:
    """However often the command is given; not for what others have left in the folder, and not for a shorter look."""
    run = ("suite", "tiny.yaml", *limit)
    for _ in range(2):
        said = bench(*run, "--model", "mine.py:three")
        assert said.code == 1
        assert "NOT RANKED: three: one class: it gives one label for everything (all of its answers are cla" in said.out
        assert "mine.py:three --dataset digits" in said.out
    said = bench(*run, "--model", "mine.py:net")
    assert said.code == 0
    assert "NOT RANKED" not in said.out
    assert bench("suite", "tiny.yaml", "--model", "mine.py:three", "--limit", 20, "--out", "few").code == 0


def test_failed_cells_are_tried_again_on_request(bench: Bench) -> None:
    Path("flaky.py").write_text(FLAKY)
    Path("down").touch()
    run = ("suite", "tiny.yaml", "--model", "flaky.py:flaky")
    assert bench(*run).code == 1
    Path("down").unlink()
    assert "Ran 0 cells" not in bench(*run).out
    said = bench(*run, "--rerun", "failed")
    assert said.code == 0
    assert "Ran 2 cells." in said.out
    assert list(Path("bench-out/results/failures").glob("*.json")) == []
    assert "Nothing to do" in bench(*run, "--rerun", "failed").out


def test_a_record_outlives_a_failure_of_its_recomputation(bench: Bench) -> None:
    Path("flaky.py").write_text(FLAKY)
    run = ("suite", "tiny.yaml", "--model", "flaky.py:flaky")
    assert bench(*run).code == 0
    before = cells()
    Path("down").touch()
    said = bench(*run, "--rerun", "all")
    assert "2 failed" in said.out
    assert said.code == 1
    assert cells() == before


def test_recomputing_all_compares(bench: Bench) -> None:
    run = ("suite", "tiny.yaml", "--model", "mine.py:net")
    bench(*run)
    before = cells()
    said = bench(*run, "--rerun", "all")
    assert said.code == 0
    assert "Compared with the records: 4 equal, 0 differ in a handful of near-ties, 0 conflict." in said.out
    assert cells() == before


def test_a_conflict_exits_with_1_and_overwrites_nothing(bench: Bench) -> None:
    Path("flaky.py").write_text(FLAKY)
    run = ("suite", "tiny.yaml", "--model", "flaky.py:flaky")
    bench(*run)
    before = cells()
    Path("flaky.py").write_text(FLAKY.replace("argmax", "argmin"))
    said = bench(*run, "--rerun", "all")
    assert said.code == 1
    assert "2 conflict" in said.out
    assert "flaky, clean: 599 labels differ" in said.out
    assert cells() == before


def test_torn_and_newer_records_are_told_of_and_run_again(bench: Bench) -> None:
    run = ("suite", "tiny.yaml", "--model", "mine.py:net")
    bench(*run)
    board = bench("leaderboard", "tiny.yaml").out
    torn, newer, *_ = sorted(Path("bench-out/results/cells").absolute().glob("*.json"))
    torn.write_bytes(torn.read_bytes()[:200])
    newer.write_text(newer.read_text().replace('"schema": 2', '"schema": 3'))
    said = bench(*run)
    assert said.code == 0
    assert f"ignored {torn}: torn or no JSON" in said.err
    assert f"ignored {newer}: schema 3 is newer than this program reads (2)" in said.err
    assert said.err.count("set aside an unusable record as") == 2
    assert "Ran 2 cells." in said.out
    assert len(list(Path("bench-out/results/set-aside").iterdir())) == 2
    assert bench("leaderboard", "tiny.yaml").out == board


def test_published_records_are_reused_unless_ignored(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py:net", "--out", ".")
    run = ("suite", "tiny.yaml", "--model", "mine.py:net")
    assert "Nothing to do" in bench(*run).out
    assert "Ran 4 cells." in bench(*run, "--ignore-published").out
