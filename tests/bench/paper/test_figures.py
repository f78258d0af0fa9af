"""The paper's figures, on digits and models of a moment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from bench import zoo
from bench.datasets import Dataset, open_dataset
from bench.draws import Draws
from bench.errors import UsageError
from bench.paper import figures
from bench.paper.figures.curve import curve
from bench.paper.figures.eps_trace import eps_trace, straightness
from bench.paper.figures.filters import extent, filters
from bench.paper.figures.fooling import fooling
from bench.paper.figures.logistic_regression import logistic_regression
from bench.paper.figures.maps import maps, orthogonal, regions
from bench.paper.figures.small_distances import erasure, faintest_pair, small_distances
from bench.paper.figures.style import MARGIN, Drawn, mosaic, page, png, styled
from bench.running.roster import Models
from bench.zoo.cards import Card, LearningCurve


@pytest.fixture(scope="module", autouse=True)
def style() -> Iterator[None]:
    with styled():
        yield


@pytest.fixture(scope="module")
def models(digits: Dataset) -> Models:
    """The digits' own maxout network, twice: nothing here is trained adversarially."""
    found = Models(digits, "cpu")
    found.add_guest("maxout-adversarial", lambda: zoo.load("digits", "maxout"))
    return found


@pytest.fixture(scope="module")
def two_classes(digits: Dataset) -> Models:
    """Threes and sevens, and a linear model of them."""

    def read(split: str) -> tuple[np.ndarray, np.ndarray]:
        examples, labels = digits.read(split)
        chosen = np.isin(labels, (3, 7))
        return examples[chosen], (labels[chosen] == 7).astype(np.int64)

    sizes = {split: len(read(split)[1]) for split in ("train", "test")}
    data = replace(digits, name="digits-3v7", classes=("3", "7"), sizes=sizes, read=read)
    x, y = (torch.tensor(part) for part in (data.examples("train", slice(None)), data.labels("train")))
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    torch.nn.init.zeros_(net[1].weight)  # type: ignore[arg-type]
    optimiser = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(200):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    found = Models(data, "cpu")
    found.add_guest("logistic-regression", net.eval)
    return found


CURVES = {
    "naive": ([0.05, 0.02, 0.011], [0.97, 0.9, 0.88]),
    "trained": ([0.06, 0.015, 0.009], [0.7, 0.3, 0.18]),
}
"""Errors after three epochs, clean and adversarial."""


def with_cards(monkeypatch: pytest.MonkeyPatch, **curves: tuple[list[float], list[float]] | None) -> None:
    """Let the models of the figure of learning curves, `naive` and `trained`, have cards with these."""
    shipped = zoo.card("mnist", "maxout")
    assert shipped is not None
    cards: dict[str, Card] = {"maxout": shipped}
    for role, name in (("naive", "maxout-seed-1"), ("trained", "maxout-adversarial")):
        if role in curves:
            told = curves[role]
            errors = None if told is None else LearningCurve(clean=tuple(told[0]), adversarial=tuple(told[1]))
            cards[name] = shipped.model_copy(update={"curve": errors, "recipe": zoo.recipe("mnist", name)})
    monkeypatch.setattr(zoo, "card", lambda dataset, name, budget="full": cards.get(name))


@pytest.fixture
def curved(monkeypatch: pytest.MonkeyPatch) -> Models:
    """Models whose cards tell of three epochs."""
    with_cards(monkeypatch, **CURVES)
    return Models(open_dataset("mnist"), "cpu")


def panels(figure: Figure) -> list[str]:
    """What the panels with a title are called; colour bars have none."""
    return [panel.get_title() for panel in figure.axes if panel.get_title()]


def texts(figure: Figure) -> set[str]:
    """All labels of all axes."""
    found = {text for panel in figure.axes for text in (panel.get_xlabel(), panel.get_ylabel())}
    return found | {text.get_text() for part in (figure, *figure.subfigs) for text in part.texts}


def assert_sound(drawn: Drawn, left_over: int = 0) -> None:
    """Numbers are finite, and so is all that is drawn, save the margins of mosaics.

    Args:
        drawn: of digits.
        left_over: places at the end of a mosaic, which has no image for them.
    """
    assert drawn.finding
    assert all(np.isfinite(value) for value in drawn.numbers.values())
    for panel in drawn.figure.axes:
        for line in panel.lines:
            assert np.isfinite(line.get_ydata()).all()
        for image in panel.images:
            finite = np.isfinite(np.ma.filled(image.get_array(), np.nan))
            if not finite.all():
                np.testing.assert_array_equal(finite, images_of(finite.shape, left_over))


def images_of(shape: tuple[int, ...], left_over: int) -> np.ndarray:
    """Which pixels of a mosaic of digits, `(H, W)`, belong to images."""
    tile = np.pad(np.ones((8, 8), bool), MARGIN)
    rows, columns = (side // len(tile) for side in shape)
    found = np.tile(tile, (rows, columns))
    if left_over:
        found[-len(tile) :, -left_over * len(tile) :] = False
    return found


def test_one_pixel_that_is_not_finite_is_unsound() -> None:
    images = np.zeros((5, 8, 8))
    figure = page(2)
    mosaic(figure.subplots(), images, 3, (0, 1))
    assert_sound(Drawn(figure, True, "five images", {}), left_over=1)
    images[3, 2, 2] = np.nan
    figure = page(2)
    mosaic(figure.subplots(), images, 3, (0, 1))
    with pytest.raises(AssertionError):
        assert_sound(Drawn(figure, True, "five images", {}), left_over=1)


# -- each figure ------------------------------------------------------------------------------------------------------


def test_fgsm_of_logistic_regression_is_the_sign_of_its_weights(two_classes: Models) -> None:
    drawn = logistic_regression(two_classes)
    assert_sound(drawn)
    assert [name.split(",")[0] for name in panels(drawn.figure)] == [
        "weights",
        "sign of the weights",
        "clean",
        "FGSM 0.25",
    ]
    assert "unclipped" in panels(drawn.figure)[3]
    assert "eps 0.25, unclipped" in drawn.finding
    assert {"weight, > 0 for 7", "pixel intensity"} <= texts(drawn.figure)
    assert drawn.numbers["same_direction"] == 1
    assert drawn.numbers["clean_error"] < 0.1 < drawn.numbers["fgsm_error"]
    weights = drawn.figure.axes[0].images[0].get_array()
    layer = two_classes.adapter("logistic-regression").input_gradient(
        torch.zeros(1, 1, 8, 8), torch.tensor([0]), "margin"
    )
    np.testing.assert_array_equal(weights, layer[0, 0])


def test_filters_stand_side_by_side(models: Models) -> None:
    drawn = filters(models)
    assert_sound(drawn)
    naive, adversarial = panels(drawn.figure)
    assert naive.startswith("naive training")
    assert adversarial.startswith("adversarial training")
    assert drawn.numbers["naive"] == drawn.numbers["adversarial"]  # one model is both here
    assert not drawn.shows


def test_filters_need_a_network(digits: Dataset, digits_net: torch.nn.Module) -> None:
    guests = Models(digits, "cpu")
    guests.add_guest("maxout-adversarial", lambda: digits_net)
    with pytest.raises(UsageError, match="maxout-adversarial has no first layer"):
        filters(guests)


def test_extent_is_the_share_of_pixels_that_matter() -> None:
    weights = np.array([[1.0, 1, 1, 1], [0, 0, 0, 3], [2, -2, 0, 0]])
    np.testing.assert_allclose(extent(weights), [1, 0.25, 0.5])


def test_errors_are_drawn_over_the_epochs(curved: Models) -> None:
    drawn = curve(curved)
    assert_sound(drawn)
    (panel,) = drawn.figure.axes
    assert panel.get_yscale() == "log"
    assert "training time, in epochs" in texts(drawn.figure)
    assert panel.get_title() == "maxout on mnist; adversarial: FGSM on the network itself, eps 0.25, unclipped"
    assert drawn.finding.endswith("FGSM is a single step, and what an iterated attack does stands in row at-robust")
    legend = panel.get_legend()
    assert legend is not None
    assert [text.get_text().replace("\n", " ") for text in legend.get_texts()] == [
        "train clean, test adversarial: 88.00%",
        "train adversarial, test adversarial: 18.00%",
        "train clean, test clean: 1.10%",
        "train adversarial, test clean: 0.90%",
    ]
    for line in panel.lines:
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(panel.lines[1].get_ydata(), [70, 30, 18])
    trained_alike = [panel.lines[0].get_color() == line.get_color() for line in panel.lines]
    tested_alike = [panel.lines[0].get_linestyle() == line.get_linestyle() for line in panel.lines]
    assert trained_alike == [True, False, True, False]
    assert tested_alike == [True, True, False, False]


@pytest.mark.parametrize(
    ("adversarial", "clean", "shows"),
    [(0.43, 0.009, True), (0.45, 0.009, False), (0.18, 0.0155, True), (0.18, 0.0165, False)],
)
def test_adversarial_training_is_to_halve_the_error_under_attack_and_to_keep_the_clean_one(
    monkeypatch: pytest.MonkeyPatch, adversarial: float, clean: float, shows: bool
) -> None:
    with_cards(monkeypatch, naive=CURVES["naive"], trained=([0.1, clean], [0.9, adversarial]))
    drawn = curve(Models(open_dataset("mnist"), "cpu"))
    assert drawn.shows == shows
    assert drawn.numbers == {
        "clean_clean": 0.011,
        "clean_adversarial": 0.88,
        "adversarial_clean": clean,
        "adversarial_adversarial": adversarial,
    }
    for error in drawn.numbers.values():
        assert f"{error:.2%}" in drawn.finding


def test_logits_are_traced_over_eps(models: Models) -> None:
    drawn = eps_trace(models)
    assert_sound(drawn, left_over=1)
    above, below = drawn.figure.axes
    assert "each image from black at its own least pixel intensity to white" in below.get_title()
    assert len(above.lines) == 10
    assert above.get_xlim() == (-10, 10)
    assert above.get_xlabel() == "eps, in units of pixel intensity"
    assert above.get_ylabel() == "logit"
    legend = above.get_legend()
    assert legend is not None
    assert "4, the true class" in [text.get_text() for text in legend.get_texts()]
    assert drawn.numbers["least_straight"] > 0.95  # a maxout network is piecewise linear
    middle = above.lines[4].get_ydata()
    x = torch.from_numpy(models.dataset.examples("test", slice(None)))[models.dataset.labels("test") == 4][:1]
    assert float(np.asarray(middle)[400]) == pytest.approx(float(models.adapter("maxout").logits(x)[0, 4]), rel=1e-4)


def test_two_lines_that_meet_at_zero_are_straight_and_a_parabola_is_not() -> None:
    eps = np.linspace(-10, 10, 101)
    found = straightness(eps, np.stack([np.abs(eps), 3 * eps - 1, np.sin(eps)], 1))
    assert found[:2] == pytest.approx(1)
    assert found[2] < 0.5


def test_fooling_images_are_boxed_where_they_fool(models: Models) -> None:
    drawn = fooling(models)
    assert_sound(drawn)
    panel = drawn.figure.axes[0]
    assert len(panel.get_yticklabels()) == 10
    assert "class aimed at" in panel.get_ylabel()
    assert panel.get_title().startswith("maxout on digits: ")
    assert not drawn.as_published  # which is CIFAR-10
    assert 0 < len(panel.patches) <= 100
    assert drawn.numbers["hardest"] <= drawn.numbers["success"] <= drawn.numbers["easiest"]


def test_maps_of_the_adversarial_plane_are_worse_than_of_a_random_one(models: Models) -> None:
    drawn = maps(models)
    assert_sound(drawn)
    assert len(panels(drawn.figure)) == 24
    assert any("as eps of FGSM" in text for text in texts(drawn.figure))
    assert drawn.shows
    assert drawn.numbers["random"] < drawn.numbers["adversarial"]


def test_directions_are_made_orthogonal_and_of_one_length() -> None:
    across, up = torch.randn(2, 5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    one, other = (part.flatten(1) for part in orthogonal(across, up, torch.full((5,), 3.0)))
    assert (one * other).sum(1).abs().max() < 1e-5
    torch.testing.assert_close(torch.stack([one.norm(dim=1), other.norm(dim=1)]), torch.full((2, 5), 3.0))
    torch.testing.assert_close(one / 3, across.flatten(1) / across.flatten(1).norm(dim=1, keepdim=True))


def test_regions_run_from_lower_left_to_upper_right() -> None:
    def half(x: torch.Tensor) -> torch.Tensor:
        return (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()

    x = torch.zeros(1, 2)
    (seen,) = regions(half, x, torch.tensor([[1.0, 0]]), torch.tensor([[0, 1.0]]))
    assert (seen[0, 0], seen[0, -1], seen[-1, 0], seen[-1, -1]) == (0, 1, 2, 3)


def test_three_perturbations_of_one_size(models: Models) -> None:
    drawn = small_distances(models, norm=1.5)
    assert_sound(drawn)
    assert len([panel for panel in drawn.figure.axes if panel.get_xlabel().startswith("L2 norm 1.50")]) == 3
    assert panels(drawn.figure) == ["clean example", "+ perturbation", "= perturbed"]
    assert drawn.numbers["least_norm"] == pytest.approx(1.5, abs=1e-5)
    assert drawn.numbers["largest_norm"] == pytest.approx(1.5, abs=1e-5)
    assert f"{drawn.numbers['ink_gone']:.0%} of the ink is gone" in drawn.finding


@pytest.mark.parametrize(("norm", "shows"), [(2.0, False), (2.5, True)])
def test_rubbish_is_to_have_lost_half_of_its_ink(models: Models, norm: float, shows: bool) -> None:
    drawn = small_distances(models, norm)
    assert (drawn.numbers["ink_gone"] >= 0.5) == shows
    assert drawn.shows == shows  # of both the model has the noisy and the other class right


def test_the_pair_is_the_faintest_of_two_classes_that_far_apart() -> None:
    x = torch.tensor([[5.0, 0], [5, 2], [1, 0], [1, 2], [1, -2], [9, 9]])
    y = torch.tensor([0, 1, 0, 0, 1, 1])
    assert faintest_pair(x, y, 2.0) == (2, 4)
    with pytest.raises(UsageError, match="no two examples of different classes are 100 apart"):
        faintest_pair(x, y, 100.0)


def test_erasure_takes_pixels_to_zero_up_to_the_norm() -> None:
    image = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    change = erasure(image, 2.0, Draws(("test",), np.array([0])))
    assert float(change.norm()) == pytest.approx(2, abs=1e-5)
    left = image + change
    touched = change != 0
    assert float(left.min()) >= 0
    assert int((left[touched] > 0).sum()) <= 1  # the last pixel, in part


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, models: Models) -> Models:
    """A table of two figures, one of which wants a model that is not made."""
    models.adapter("maxout")
    table = {
        "trace": figures.Entry("digits", ("maxout",), "eps_trace:eps_trace"),
        "lacking": figures.Entry("mnist", ("maxout", "maxout-adversarial"), "filters:filters"),
    }
    monkeypatch.setattr(figures, "TABLE", table)
    return models


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
    assert set(figures.TABLE) <= rows
    for entry in figures.TABLE.values():
        assert set(entry.models) <= set(zoo.names(entry.dataset))
        if entry.curves:
            (attack,) = {zoo.recipe(entry.dataset, name).curve for name in entry.models}
            assert attack is not None


def test_a_style_of_the_users_own_changes_nothing(models: Models) -> None:
    import matplotlib

    with styled():
        plain = png(eps_trace(models).figure)
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9, "figure.facecolor": "red"}):
        with styled():
            assert png(eps_trace(models).figure) == plain
        assert matplotlib.rcParams["font.size"] == 20


def test_importing_loads_no_matplotlib() -> None:
    probe = (
        "import sys, bench, bench.cli.app, bench.paper.reproduce, bench.paper.figures;"
        "[bench.paper.figures.lacking(id) for id in bench.paper.figures.TABLE];"
        "print([name for name in ('matplotlib', 'torch') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert found.stdout.strip() == "[]", found.stderr


PUBLISHED = Path(__file__).parents[3] / "docs" / "figures"


@pytest.mark.parametrize("id", figures.TABLE)
def test_every_figure_is_published_with_its_finding_and_fits_a_page(id: str) -> None:
    from bench.paper.evidence import Finding

    finding = Finding.model_validate_json((PUBLISHED / f"{id}.json").read_bytes())
    assert finding.as_published == (id != "fooling-figure")
    image = PUBLISHED / finding.figure
    assert image.stat().st_size < 300_000
    with Image.open(image) as opened:
        assert opened.width == 1050
