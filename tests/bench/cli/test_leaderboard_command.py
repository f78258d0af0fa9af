"""The command `bench leaderboard`."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

from cli_help import Bench

REQUIRED = {
    *("suite", "version", "model", "family", "attack", "norm", "eps", "clip", "source", "target", "n", "status"),
    *("clean_accuracy", "error", "robust_accuracy", "ci_low", "ci_high", "attack_success"),
    *("confidence_on_mistakes", "gradient", "flags", "rank"),
}


def test_the_leaderboard_for_programs(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py")
    rows = json.loads(bench("leaderboard", "tiny.yaml", "--format", "json").out)
    assert all(set(row) >= REQUIRED for row in rows)
    own = next(row for row in rows if (row["model"], row["attack"], row["eps"]) == ("net", "fgsm", 0.1))
    assert own["source"] == own["target"] == own["model"]
    assert (own["suite"], own["version"], own["norm"], own["clip"], own["n"]) == ("tiny", 1, "linf", True, 599)
    assert own["ci_low"] <= own["robust_accuracy"] <= own["ci_high"] <= own["clean_accuracy"] + 0.1
    muted = next(row for row in rows if (row["model"], row["attack"]) == ("three", "fgsm"))
    assert (muted["status"], muted["error"], muted["gradient"]) == ("unsupported", None, "none")
    lines = list(csv.DictReader(io.StringIO(bench("leaderboard", "tiny.yaml", "--format", "csv").out)))
    assert [line["model"] for line in lines] == [row["model"] for row in rows]
    assert set(lines[0]) >= REQUIRED
    assert float(lines[0]["error"]) == rows[0]["error"]


def test_the_leaderboard_for_people(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py")
    board = bench("leaderboard", "tiny.yaml").out
    assert board.startswith("### tiny v1: small and quick")
    assert "| net" in board
    whole = bench("leaderboard").out
    assert whole.startswith("# Leaderboard")
    assert "**robust accuracy**" in whole
    assert "upper bound" in whole


NET = """\
import adapters, torch


@adapters.register("net", dataset="digits")
def net():
    torch.manual_seed({})
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
"""


def first_line(said: str) -> str:
    """What the first table of the suite says of the model."""
    return next(line for line in said.partition("### tiny v1")[2].splitlines() if "| net" in line)


def test_a_model_changed_and_changed_back_is_the_same_on_every_board(bench: Bench) -> None:
    """Good weights, bad ones, the good ones again: nothing is left to run, and what was asked for last is shown."""
    shown = []
    for seed in (0, 1, 0):
        Path("changing.py").write_text(NET.format(seed))
        ran = bench("suite", "tiny.yaml", "--model", "changing.py")
        shown.append(first_line(ran.out))
        assert first_line(bench("leaderboard", "tiny.yaml").out) == shown[-1]
        assert first_line(Path("bench-out/leaderboard.md").read_text()) == shown[-1]
    assert "Nothing new to do" in ran.out or "Nothing to do" in ran.out
    assert len(set(shown)) == 3  # the first time it had one version
    assert shown[0].split("|")[3:] == shown[2].split("|")[3:]
    assert "2 versions tried" in shown[2]
    merged = bench("merge", "united", "bench-out")
    assert merged.code == 0
    assert first_line(bench("leaderboard", "tiny.yaml", "--out", "united").out) == shown[2]


def test_rows_for_programs_say_where_a_guest_stands(bench: Bench) -> None:
    """A suite of no models of its own ranks those that it is given."""
    bench("suite", "tiny.yaml", "--model", "mine.py")
    for row in json.loads(bench("leaderboard", "tiny.yaml", "--format", "json").out):
        assert (row["place"], row["versions_tried"], row["order"]) == (None, 1, row["rank"])
        assert row["attack"] != "worst-of-all" or row["n"] == 599


def test_a_stale_leaderboard_fails_its_check(bench: Bench) -> None:
    """In a folder that publishes: records in ./results, the board beside them."""
    assert bench("suite", "tiny.yaml", "--model", "mine.py:net", "--out", ".").code == 0
    Path("leaderboard.md").write_text(bench("leaderboard").out)
    assert bench("leaderboard", "--check").code == 0
    Path("leaderboard.md").write_text("# Leaderboard\n")
    stale = bench("leaderboard", "--check")
    assert stale.code == 1
    assert "does not match the records" in stale.out


def test_the_leaderboard_is_of_the_suites_that_were_run(bench: Bench) -> None:
    """An own suite, also where the folder came from elsewhere; none of digits-fgsm, which shares a clean pass."""
    bench("suite", "tiny.yaml", "--model", "mine.py:net", "--model", "linear-svm")
    for name in ("digits-fgsm", "digits-worst-case"):
        assert name not in Path("bench-out/leaderboard.md").read_text()
    tiny = Path("tiny.yaml").read_text()
    Path("tiny.yaml").unlink()
    for call in ((), ("tiny",)):  # without its file
        said = bench("leaderboard", *call)
        assert "### tiny v1" in said.out
        assert "| linear-svm" in said.out  # which the suite does not name, and the run did
    assert {row["suite"] for row in json.loads(bench("leaderboard", "--format", "json").out)} == {"tiny"}
    bench("merge", "united", "bench-out")
    assert "## tiny" in Path("united/leaderboard.md").read_text()
    assert bench("leaderboard", "--out", "united").out.partition("## Definitions")[0].count("| linear-svm") > 1
    Path("tiny.yaml").write_text(tiny.replace("version: 1", "version: 2"))
    (note,) = Path("united/results/suites").iterdir()
    text = note.read_text()
    note.write_text(text.replace("0.1", "0.2"))  # another text than its digest says
    assert "no records of any suite" in bench("leaderboard", "--out", "united").err


def test_a_suite_that_was_run_goes_by_its_name_everywhere(bench: Bench) -> None:
    """Its last text, or that of a version, and a file that changed goes by its path."""
    hint = "one of your own goes by its file, such as tiny.yaml, until it was run"
    for call in (("suite", "tiny", "--model", "mine.py:net"), ("leaderboard", "tiny"), ("draw", "tiny")):
        said = bench(*call)
        assert (said.code, hint in said.err) == (2, True), call
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    text = Path("tiny.yaml").read_text()
    Path("tiny.yaml").write_text(text.replace("0.1, 0.2", "0.05, 0.2"))
    said = bench("suite", "tiny", "--model", "mine.py:net")
    assert said.code == 0, said.err
    assert "Nothing to do" in said.out
    assert "suite tiny: its text as it was run last, kept in bench-out" in said.err
    assert "of tiny's" not in said.err
    assert "4 cells, 1 to run" in bench("suite", "tiny.yaml", "--model", "mine.py:net", "--dry-run").out
    Path("tiny.yaml").write_text(text.replace("suite: tiny", "suite: tiny\nversion: 2"))
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    assert "### tiny v2" in bench("leaderboard", "tiny").out
    assert "### tiny v1" in bench("leaderboard", "tiny@1").out
    assert "no version '3' of suite tiny was run here; there are: tiny@1, tiny@2" in bench("suite", "tiny@3").err
    assert "did you mean tiny?" in bench("suite", "tinny").err
    assert "certifies nothing" in bench("draw", "tiny").err


def test_suites_of_ones_own_are_listed_where_they_were_run(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py:net", "--out", "there")
    assert "small and quick" not in bench("list", "suites").out
    shown = bench("list", "suites", "--out", "there").out
    assert "small and quick" in shown
    assert "Of your own, known by name where they were run: tiny" in shown
    entries = json.loads(bench("list", "suites", "--json", "--out", "there").out)
    assert [entry["name"] for entry in entries if entry["own"]] == ["tiny"]
    (note,) = Path("there/results/suites").iterdir()
    plain = json.loads(note.read_text())
    text = plain["text"].replace("tiny", "other")  # a stranger's note: the text is of another suite
    note.write_text(json.dumps(plain | {"text": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}))
    said = bench("list", "suites", "--out", "there")
    assert said.code == 0
    assert "no suite tiny: the text that is kept of suite tiny v1 is of another" in said.err
    assert bench("suite", "tiny", "--out", "there").code == 2


def test_a_folder_from_before_suites_were_noted_shows_what_is_whole(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    for note in Path("bench-out/results/suites").iterdir():
        note.unlink()
    assert "no records of any suite" in bench("leaderboard").err  # none of those that ship is
    assert "### tiny v1" in bench("leaderboard", "tiny.yaml").out
