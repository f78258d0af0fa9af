"""The table of figures: what each needs, the files it becomes, and that all are published."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from figures_help import CURVES, with_cards
from PIL import Image

from bench import registry, zoo
from bench.errors import UsageError
from bench.paper import figures
from bench.running.roster import Models


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, models: Models) -> Iterator[Models]:
    """Two figures, one of which wants a model that is not made."""
    models.adapter("maxout")
    needs = {
        "trace": figures.Needs("digits", ("maxout",)),
        "lacking": figures.Needs("mnist", ("maxout", "maxout-adversarial")),
    }
    monkeypatch.setattr(figures, "NEEDS", needs)
    targets = registry.targets("figure")
    with (
        registry.adding("figure", "trace", targets["eps-trace"]),
        registry.adding("figure", "lacking", targets["at-filters"]),
    ):
        yield models


@pytest.mark.usefixtures("toy")
def test_a_figure_comes_with_its_finding(tmp_path: Path) -> None:
    from bench.paper.evidence import Finding

    path = figures.draw("trace", tmp_path / "figures")
    assert path == tmp_path / "figures" / "trace.png"
    finding = Finding.model_validate_json(path.with_suffix(".json").read_bytes())
    assert finding.figure == path.name
    assert finding.shows
    assert finding.as_published
    with Image.open(path) as image:
        assert image.width == 1050
        assert not {"Software", "Creation Time", "date"} & set(image.info)
    assert sorted(file.name for file in path.parent.iterdir()) == ["trace.json", "trace.png"]


@pytest.mark.usefixtures("toy")
def test_drawn_twice_a_figure_is_the_same_to_the_byte(tmp_path: Path) -> None:
    first, second = (figures.draw("trace", tmp_path / name) for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".json").read_bytes() == second.with_suffix(".json").read_bytes()


@pytest.mark.usefixtures("toy")
def test_figures_of_models_that_are_not_made_are_left_out(tmp_path: Path) -> None:
    with pytest.raises(figures.NotReady, match="lacking needs maxout-adversarial for mnist by the full recipe"):
        figures.draw("lacking", tmp_path)
    said: list[str] = []
    assert figures.draw_all(tmp_path, said.append, ["lacking", "trace"]) == [tmp_path / "trace.png"]
    assert len(said) == 1
    assert not (tmp_path / "lacking.json").exists()


def test_an_unknown_figure_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown figure 'eps-trac'; did you mean eps-trace"):
        figures.draw("eps-trac", tmp_path)


def test_without_matplotlib_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "find_spec", lambda name: None)
    assert figures.lacking("eps-trace") == ("figures need matplotlib", "pip install 'potemkin-bench[figures]'")
    with pytest.raises(figures.NotReady, match=r"pip install 'potemkin-bench\[figures\]'"):
        figures.draw("eps-trace", tmp_path)


def test_a_figure_lacks_nothing_once_its_models_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert figures.lacking("eps-trace") is None  # its model is shipped
    with_cards(monkeypatch, **CURVES)
    assert figures.lacking("at-curve") is None


def test_what_a_figure_lacks_is_told_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with_cards(monkeypatch)
    full = "bench paper --budget full"
    assert figures.lacking("at-filters") == (
        "figure at-filters needs maxout-adversarial for mnist by the full recipe, not made yet",
        full,
    )
    assert figures.lacking("at-curve") == (
        "figure at-curve needs maxout-seed-1 and maxout-adversarial for mnist by the full recipe, not made yet",
        full,
    )
    assert figures.lacking("selfie") == ("there is no figure yet", None)
    with_cards(monkeypatch, naive=CURVES["naive"])
    assert figures.lacking("at-curve") == (
        "figure at-curve needs maxout-adversarial for mnist by the full recipe, not made yet",
        full,
    )


def test_learning_curves_need_models_trained_with_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_cards(monkeypatch, naive=CURVES["naive"], trained=None)
    reason = "figure at-curve needs the learning curve of maxout-adversarial for mnist, trained without one"
    command = "bench train maxout-adversarial --dataset mnist"
    assert figures.lacking("at-curve") == (reason, command)
    with pytest.raises(figures.NotReady, match=f"{reason}; run {command}"):
        figures.draw("at-curve", tmp_path)
    assert not list(tmp_path.iterdir())


def test_learning_curves_are_drawn_from_cards_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_cards(monkeypatch, **CURVES)
    path = figures.draw("at-curve", tmp_path)
    assert json.loads(path.with_suffix(".json").read_bytes())["shows"]


def test_every_figure_is_a_row_of_the_paper_and_has_its_models() -> None:
    from bench.paper.numbers import load_numbers

    rows = {number.id for number in load_numbers().all if number.figure}
    assert set(figures.NEEDS) <= rows
    assert set(figures.NEEDS) == set(registry.names("figure"))
    for entry in figures.NEEDS.values():
        assert set(entry.models) <= set(zoo.names(entry.dataset))
        if entry.curves:
            (attack,) = {zoo.recipe(entry.dataset, name).curve for name in entry.models}
            assert attack is not None


def test_importing_loads_no_matplotlib() -> None:
    probe = (
        "import sys, bench, bench.cli.app, bench.paper.reproduce, bench.paper.figures;"
        "[bench.paper.figures.lacking(id) for id in bench.paper.figures.NEEDS];"
        "print([name for name in ('matplotlib', 'torch') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert found.stdout.strip() == "[]", found.stderr


PUBLISHED = Path(__file__).parents[4] / "docs" / "figures"


@pytest.mark.parametrize("id", figures.NEEDS)
def test_every_figure_is_published_with_its_finding_and_fits_a_page(id: str) -> None:
    from bench.paper.evidence import Finding

    finding = Finding.model_validate_json((PUBLISHED / f"{id}.json").read_bytes())
    assert finding.as_published == (id != "fooling-figure")
    image = PUBLISHED / finding.figure
    assert image.stat().st_size < 300_000
    with Image.open(image) as opened:
        assert opened.width == 1050
