"""`bench leaderboard --format html`: the page, from records alone."""

from __future__ import annotations

import shlex
from pathlib import Path

from cli_help import Bench


def test_the_page_is_written_into_the_folder_that_is_named(bench: Bench, elsewhere: Path) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py")
    said = bench("leaderboard", "tiny.yaml", "--format", "html", "--site", "public")
    assert said.code == 0
    assert said.out.endswith("files in public; open public/index.html\n")
    page = (elsewhere / "public/suites/tiny.html").read_text()
    assert "small and quick" in page
    (model,) = (elsewhere / "public/models").glob("net-*.html")
    text = model.read_text()
    assert "--model FILE.py:net --ignore-published --out again" in text
    again = bench("leaderboard", "tiny.yaml", "--format", "html", "--site", "public")
    assert again.out == said.out


def test_cells_that_were_not_run_have_no_examples(bench: Bench, elsewhere: Path) -> None:
    """Of a reference model that was met in transfer alone, the other cells are planned and have no records."""
    from_all = "- {attack: fgsm, norm: linf, eps: [0.1, 0.2], sources: all}\n  - {attack: sign-noise"
    text = (elsewhere / "tiny.yaml").read_text().replace("suite: tiny", "suite: two")
    text = text.replace("- {attack: sign-noise", from_all) + "models: [softmax-regression]\n"
    (elsewhere / "two.yaml").write_text(text)
    bench("suite", "two.yaml", "--model", "mine.py")
    said = bench("leaderboard", "two.yaml", "--format", "html", "--site", "public")
    assert said.code == 0, said.err
    (page,) = (elsewhere / "public/models").glob("softmax-regression-*.html")
    assert "incomplete" in page.read_text()


def test_it_lies_in_the_out_folder_where_none_is_named(bench: Bench, elsewhere: Path) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py", "--out", "mine")
    bench("leaderboard", "tiny.yaml", "--format", "html", "--out", "mine")
    assert (elsewhere / "mine/site/index.html").is_file()


def test_what_it_cannot_do_is_one_line(bench: Bench, elsewhere: Path) -> None:
    said = bench("leaderboard", "tiny.yaml", "--format", "html")
    assert said.code == 2
    assert "no records of suite tiny.yaml yet" in said.err
    assert not (elsewhere / "bench-out").exists()
    said = bench("leaderboard", "--site", "public")
    assert (said.code, said.err) == (2, "bench: --site public is where --format html writes to; add --format html\n")
    bench("suite", "tiny.yaml", "--model", "mine.py")
    said = bench("leaderboard", "tiny.yaml", "--format", "html", "--site", ".")
    assert said.code == 2
    assert "--site .: holds files that are no page of ours" in said.err


def test_the_place_of_the_page_given_for_that_of_the_records_is_told_of(bench: Bench, elsewhere: Path) -> None:
    """With the command that was meant; typed as it stands, it writes the page."""
    bench("suite", "tiny.yaml", "--model", "mine.py")
    said = bench("leaderboard", "tiny.yaml", "--format", "html", "--out", "the site/")
    meant = "bench leaderboard tiny.yaml --format html --site 'the site'"
    assert (said.code, said.err) == (
        2,
        "bench: --out 'the site' holds no records: --out names the folder of records, and where the page goes is "
        f"--site; type: {meant}\n",
    )
    assert not (elsewhere / "the site").exists()
    done = bench(*shlex.split(meant)[1:])
    assert done.out.endswith(" files in 'the site'; open 'the site/index.html'\n")
    assert (elsewhere / "the site/index.html").is_file()
