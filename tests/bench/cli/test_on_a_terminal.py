"""What commands say to a person at a terminal of 80 columns, and where they point to next."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import numpy as np
import pytest
from cli_help import Bench, refused
from PIL import Image

from bench.cli.hints import Call, command, shell
from bench.planning.suite import load_suite
from bench.running.shelf import dataset_of

FOLDER = """\
suite: photos
dataset: {name: image-folder, path: nowhere}
attacks:
  - {attack: sign-noise, norm: linf, eps: 8/255}
"""
GREY = """\
import adapters, numpy, torch
grey = adapters.black_box(lambda x: (x.reshape(len(x), -1).mean(1) > 0.5).astype(int), version="1")


class Steep(torch.nn.Module):
    def forward(self, x):
        light = torch.sign(x.flatten(1).mean(1) - 0.5)
        return torch.stack([-light, light], 1)


steep = Steep().eval()
"""


@pytest.fixture
def photos(bench: Bench) -> Path:
    """Images of two classes in a folder whose name is no UTF-8, a suite of them and a model."""
    folder = Path(os.fsdecode(b"ph\xe9 x"))
    for split in ("train", "test"):
        for value, name in ((0, "dark"), (255, "light")):
            (folder / split / name).mkdir(parents=True)
            for number in range(20):
                grey = np.full((4, 4), abs(value - number), dtype=np.uint8)
                Image.fromarray(grey).save(folder / split / name / f"{number}.png")
    Path("photos.yaml").write_text(FOLDER)
    Path("grey.py").write_text(GREY)
    return folder


# -- 80 columns -------------------------------------------------------------------------------------------------------


def test_a_run_fits_and_its_definitions_are_asked_for(terminal: Bench) -> None:
    said = terminal("suite", "tiny.yaml", "--model", "mine.py:net", "--model", "mine.py:broken", "--limit", 50)
    assert max(map(len, said.out.splitlines())) <= 80
    assert "right when clean" not in said.out
    assert "  bench leaderboard tiny.yaml --explain\n" in said.out
    plain = terminal("leaderboard", "tiny.yaml")
    told = terminal("leaderboard", "tiny.yaml", "--explain")
    for shown, explained in ((plain, False), (told, True)):
        assert max(map(len, shown.out.splitlines())) <= 80
        assert ("right when clean" in shown.out, "McNemar" in shown.out) == (explained, explained)
    assert "right when clean" in terminal("suite", "tiny.yaml", "--model", "mine.py:net", "--explain").out


def test_markdown_has_its_definitions_at_the_end(bench: Bench, terminal: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    piped = bench("leaderboard", "tiny.yaml").out
    assert piped == terminal("leaderboard", "tiny.yaml", "--format", "md").out
    assert piped.count("- **rank** = 1 + ") == 1
    assert piped.index("- **rank** = 1 + ") > piped.rindex("|")


@pytest.mark.parametrize("kind", ["suites", "models", "attacks", "datasets", "families"])
def test_lists_fit(kind: str, terminal: Bench) -> None:
    said = terminal("list", kind)
    assert max(map(len, said.out.splitlines())) <= 80
    entries = json.loads(terminal("list", kind, "--json").out)
    assert all(any(line.startswith(entry["name"].split()[0]) for line in said.out.splitlines()) for entry in entries)


def test_the_whole_leaderboard_is_drawn(terminal: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = load_suite("tiny.yaml")
    monkeypatch.setattr("bench.running.shelf.known_boards", lambda: [(tiny, dataset_of(tiny))])
    terminal("suite", "tiny.yaml", "--model", "mine.py:net", "--limit", 20)
    said = terminal("leaderboard")
    assert "tiny v1" in said.out
    assert "|:--" not in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_what_is_read_through_a_pipe_has_no_escapes(bench: Bench) -> None:
    assert "http://yann.lecun.com" in bench("list", "datasets").out
    assert "\\" not in bench("check", "mine.py:broken", "--dataset", "digits", "--n", 20).out


# -- short looks, and what hints repeat -------------------------------------------------------------------------------


def test_a_short_look_says_that_it_does_not_rank_and_why(bench: Bench) -> None:
    said = bench("suite", "tiny.yaml", "--model", "mine.py:net", "--limit", 50).out
    assert "Not ranked: --limit 50 looks at 50 of 599 examples. Ranks are of whole runs" in said
    assert "Not ranked" not in bench("suite", "tiny.yaml", "--model", "mine.py:net", "--limit", 599).out


def hints(out: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in out.splitlines() if line.startswith("  bench ")]


def test_hints_can_be_run_as_they_stand(bench: Bench, photos: Path) -> None:
    """Each repeats where the records, the data and the model are; a path that is no UTF-8 is quoted for the shell."""
    model = Path(os.fsdecode(b"gr\xe9y.py"))
    Path("grey.py").rename(model)
    out = os.fsdecode(b"o\xff o")
    run = ("suite", "photos.yaml", "--model", f"{model}:grey", "--data", photos, "--out", out, "--limit", 20)
    said = bench(*run)
    assert "Ran 2 cells" in said.out
    assert r"Results in $'o\xff o/results', board in $'o\xff o/leaderboard.md'." in said.out
    assert r"Results in $'o\xff u/results'" in bench("merge", os.fsdecode(b"o\xff u"), out).out
    assert said.out.isprintable() or all(line.isprintable() for line in said.out.splitlines())
    where = ["--data", "$ph\\xe9 x", "--out", "$o\\xff o"]  # as shlex reads what is quoted for bash
    whole, explain = hints(said.out)
    assert whole == ["suite", "photos.yaml", "--model", "$gr\\xe9y.py:grey", "--no-isolate", *where]
    assert explain == ["leaderboard", "photos.yaml", "--explain", *where]
    assert "photos v1" in bench("leaderboard", "--out", out).out
    assert bench("leaderboard", "photos.yaml", "--data", photos, "--out", out).code == 0
    assert "no records of suite photos" in bench("leaderboard", "photos.yaml", "--data", photos).err


def test_what_checks_found_of_a_model_is_looked_into_by_a_command(bench: Bench, photos: Path) -> None:
    """A step has no gradient; that a function of labels alone has none is no fault that a check tells more of."""
    run = ("suite", "photos.yaml", "--data", photos)
    assert "What to do about flags" not in bench(*run, "--model", "grey.py:grey").out
    (check,) = [words for words in hints(bench(*run, "--model", "grey.py:steep").out) if words[0] == "check"]
    assert check == ["check", f"{Path.cwd()}/grey.py:steep", "--dataset", "image-folder", "--data", "$ph\\xe9 x"]
    assert "zero gradient" in bench(*check[:-1], photos).out


def test_a_failed_run_is_tried_again_with_its_own_options(bench: Bench) -> None:
    said = bench("suite", "tiny.yaml", "--model", "mine.py:broken", "--limit", 50, "--out", "there")
    assert "  bench suite tiny.yaml --model mine.py:broken --limit 50" in said.out
    assert any(words[-2:] == ["--rerun", "failed"] and "there" in words for words in hints(said.out))


def test_words_are_quoted_for_a_shell() -> None:
    assert [shell(word) for word in ("a.py", "a b", "it's")] == ["a.py", "'a b'", "'it'\"'\"'s'"]
    assert shell(os.fsdecode(b"caf\xe9's\n")) == "$'caf\\xe9\\'s\\x0a'"
    assert shell("\u202e") == "$'\\xe2\\x80\\xae'"
    assert command("suite", "s", model=["a", "b"], no_isolate=True, limit=None, explain=False) == (
        "bench suite s --model a --model b --no-isolate"
    )
    call = Call("s", {"model": ["a"], "limit": 5}, Path("bench-out"), None)
    assert (call.again(limit=None), call.board()) == ("bench suite s --model a", "bench leaderboard s")


# -- right where it was not -------------------------------------------------------------------------------------------


def test_models_of_the_suites_come_first_and_the_papers_on_request(bench: Bench) -> None:
    few, everything = (json.loads(bench("list", "models", *more, "--json").out) for more in ((), ("--all",)))
    named = [(entry["dataset"], entry["name"]) for entry in few]
    assert ("mnist", "maxout") in named
    assert ("mnist", "maxout-seed-1") not in named
    assert everything[: len(few)] == few
    assert ("mnist", "maxout-seed-1") in [(entry["dataset"], entry["name"]) for entry in everything]
    assert f"{len(everything) - len(few)} more, of the paper's suites or of none: " in bench("list", "models").out


def test_a_check_on_a_folder_of_images(bench: Bench, photos: Path) -> None:
    said = bench("check", "grey.py:grey", "--dataset", "image-folder", "--data", photos)
    assert (said.code, "100% right" in said.out) == (0, True), said
    refused(bench("check", "grey.py:grey", "--dataset", "image-folder"), "image-folder", "--data PATH")
    refused(bench("check", "grey.py:grey", "--data", photos), "dataset mnist is read from no path; leave out --data")


def test_a_label_beyond_the_classes_fails_the_check(bench: Bench) -> None:
    Path("beyond.py").write_text(
        "import adapters, numpy\nbox = adapters.black_box(lambda x: numpy.arange(len(x)) % 12, version='1')\n"
    )
    said = bench("check", "beyond.py:box", "--dataset", "digits", "--n", 40)
    assert said.code == 1
    assert "label 10 is none of the 10 classes" in said.out
    assert "the place of a class of the dataset, from 0, or -1 to abstain" in said.out


@pytest.mark.parametrize(("count", "remedy"), [(7, "wrap(net, classes=[...])"), (12, "logits=lambda out: out[:, [")])
def test_a_wrong_number_of_outputs_is_told_what_to_do(count: int, remedy: str, bench: Bench) -> None:
    net = f"torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, {count})).eval()"
    Path("odd.py").write_text(f"import torch\nnet = {net}\n")
    said = bench("check", "odd.py:net", "--dataset", "digits", "--n", 20).out
    assert f"the network gives {count} outputs for 10 classes" in said
    assert remedy in said
    assert "K the dataset's classes or those that wrap(net, classes=[...]) names" in said


def test_a_changed_file_of_the_same_version_is_told_of(bench: Bench) -> None:
    """Nothing else shows it: the results of before are reused."""
    box = "import adapters, numpy\nbox = adapters.black_box(lambda x: numpy.arange(len(x)) % {}, version='1')\n"
    run = ("suite", "tiny.yaml", "--model", "box.py:box", "--limit", 30)
    Path("box.py").write_text(box.format(10))
    assert "has changed" not in bench(*run).err
    assert "has changed" not in bench(*run).err
    Path("box.py").write_text(box.format(9))
    again = bench(*run)
    assert "Nothing" in again.out
    (line,) = [line for line in again.err.splitlines() if "has changed" in line]
    assert line.startswith("model box: its file has changed since 2 of its results were made, which are reused")
    Path("box.py").write_text(box.format(9).replace("version='1'", "version='2'"))
    assert "has changed" not in bench(*run).err


def test_a_changed_file_of_a_model_that_is_seen_into_needs_no_word(bench: Bench) -> None:
    run = ("suite", "tiny.yaml", "--model", "mine.py:net", "--limit", 30)
    bench(*run)
    Path("mine.py").write_text(f"{Path('mine.py').read_text()}\n# a remark\n")
    again = bench(*run)
    assert "Nothing to do" in again.out
    assert "has changed" not in again.err


def test_no_cuda_is_told_of_though_nothing_is_left_to_do(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run = ("suite", "tiny.yaml", "--model", "mine.py:net", "--limit", 30)
    bench(*run)
    for arguments in (
        run,
        (*run, "--dry-run"),
        ("check", "linear-svm"),
        ("train", "linear-svm", "--dataset", "digits"),
    ):
        refused(bench(*arguments, "--device", "cuda"), "device cuda: torch sees no CUDA device here")
