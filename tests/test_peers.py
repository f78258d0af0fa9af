"""What `python -m tests.peers` counts of other libraries' candidates, held to a model that is known by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import adapters
from tests.peers import bounds, pieces, provers
from tests.peers.compare import Row
from tests.peers.duels import bouts
from tests.peers.judged import distances, fooled
from tests.peers.report import document, of_bounds, of_missed, of_rows
from tests.peers.subjects import Asked, Subject

X = torch.tensor([[0.3, 0.5]]).repeat(6, 1)
Y = torch.zeros(6, dtype=torch.int64)


@pytest.fixture
def threshold() -> adapters.Adapter:
    """Class 1 where the first feature exceeds .4."""
    net = torch.nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
        net.bias.copy_(torch.tensor([0.0, -0.4]))
    return adapters.wrap(net.eval())


def test_only_what_is_finite_in_range_in_the_ball_and_mislabelled_counts(threshold):
    given = X.clone()
    given[0, 0] = 0.45  # well within the ball
    given[1, 0] = 0.39  # within, but labelled right
    given[2] = torch.tensor([0.45, torch.nan])
    given[3] = torch.tensor([0.3, 1.3])  # out of range; cut to it, labelled right
    given[4, 0] = torch.inf
    given[5, 0] = -0.2
    assert fooled(threshold, X, Y, given, 0.2).tolist() == [True, False, False, False, False, False]


def test_a_candidate_beyond_the_ball_counts_where_its_projection_is_mislabelled(threshold):
    given = X.clone()
    given[:, 0] = 0.9
    assert fooled(threshold, X, Y, given, 0.2).all()  # projected to .5
    assert not fooled(threshold, X, Y, given, 0.05).any()  # to .35


def test_what_is_mislabelled_as_it_is_counts_as_fooled_at_no_distance(threshold):
    beyond = X + torch.tensor([0.2, 0.0])
    assert fooled(threshold, beyond, Y, beyond, 0.01).all()
    assert not distances(threshold, beyond, Y, beyond, "l2").any()


def test_a_distance_is_of_successes_alone(threshold):
    given = X.clone()
    given[0, 0], given[1, 0], given[2, 1] = 0.5, 0.35, torch.nan
    assert distances(threshold, X, Y, given, "l1")[:3].tolist() == [pytest.approx(0.2), torch.inf, torch.inf]


def test_questions_and_gradients_are_counted_in_examples(threshold):
    net, x = Asked(threshold, "scores"), X.clone().requires_grad_()
    net(x[:4]).sum().backward()
    net.answer(X.numpy())
    assert (net.queries, net.gradients) == (10, 4)


def test_a_model_of_labels_gives_nothing_but_a_one(threshold):
    with torch.no_grad():
        assert Asked(threshold, "labels")(X)[0].tolist() == [1.0] + [0.0] * 9


def test_a_row_counts_what_either_side_misses_and_allows_one():
    ours, peer, other = (np.array(mask, bool) for mask in ([1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 1]))
    row = Row("maxout", 0.1, np.array([2, 3, 5, 7]), ours, {"art-hsj": peer}, {})
    assert (row.best, row.missed.tolist(), row.only_ours, row.met) == (2, [5], 1, True)
    worse = Row("maxout", 0.1, row.index, ours & False, {"art-hsj": peer, "foolbox-hsj": other}, {})
    assert (worse.best, worse.met) == (3, False)
    assert "**no**" in of_rows([worse])
    assert of_missed([row]) == "- maxout at 0.1: test image 5, by ART's HopSkipJump"


def test_a_bout_counts_who_is_nearer_and_what_it_cost():
    ours = {"distances": [1.0, 2.0, float("inf")], "gradients": 10, "queries": 20}
    theirs = {"distances": [1.5, 2.01, 3.0], "gradients": 30, "queries": 30}
    (found,) = bouts("maxout", {"fmn-l2": {"n": 3, "ours": ours, "theirs": theirs}})
    assert (found.nearer, found.farther, found.better, found.cheaper) == (1, 1, True, True)


def test_a_bout_is_met_by_no_fewer_successes_of_several_runs_at_no_higher_price_of_either_kind():
    ours = {"fooled": [1.0, 0.75, 0.0], "gradients": 10, "queries": 20}
    theirs = {"fooled": [1.0, 0.5, 0.25], "gradients": 10, "queries": 19}
    both = {"n": 3, "ours": ours, "theirs": theirs}
    (found,) = bouts("maxout", {"square": both})
    assert (found.ours, found.theirs, found.nearer, found.farther) == ("1.75", "1.75", 1, 1)
    assert (found.better, found.cheaper) == (True, False)
    (found,) = bouts("maxout", {"square": {**both, "theirs": {**theirs, "gradients": 9, "queries": 20}}})
    assert not found.cheaper


@pytest.mark.parametrize(("ratio", "better"), [(1.0005, True), (1.002, False)])
def test_searches_for_one_minimum_are_alike_to_a_thousandth_of_the_median(ratio, better):
    theirs = {"distances": [1.0, 2.0, 3.0], "gradients": 9, "queries": 9}
    ours = {**theirs, "distances": [ratio, 2 * ratio, 3 * ratio]}
    (found,) = bouts("maxout", {"carlini-wagner": {"n": 3, "ours": ours, "theirs": theirs}})
    assert found.better == better


def test_a_piece_is_measured_once_and_again_where_what_it_depends_on_has_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "FOLDER", tmp_path)
    runs: list[int] = []

    def measure() -> dict[str, int]:
        runs.append(1)
        return {"fooled": len(runs)}

    assert [pieces.piece("a", {"n": n}, measure)["fooled"] for n in (1, 1, 2)] == [1, 1, 2]
    assert json.loads((tmp_path / "a.json").read_text())["asked"] == {"n": 2}


def test_leads_are_of_the_true_class_over_each_of_the_others():
    leads = provers.leads(torch.tensor([0, 3]))
    scores = torch.arange(10.0)
    assert (leads[1] @ scores).tolist() == [3 - other for other in range(10) if other != 3]
    assert (leads[0] @ scores).tolist() == [-other for other in range(1, 10)]


def test_certificates_are_compared_example_by_example_and_only_of_what_both_were_asked(threshold, monkeypatch):
    subject = Subject("raghunathan", threshold, np.arange(6), X, Y, {})
    found = {
        "ours": {"proved": [1, 1, 1, 0, 0, 0], "fooled": [0, 0, 0, 1, 1, 0], "each": 0.5},
        "CROWN": {"proved": [1, 1, 0, 1, 0, 1], "fooled": [0] * 6, "each": 0.25},
        "CROWN-Optimized": {},
    }
    asked = []

    def read(name, says, measure):
        asked.append(measure is None)
        return found[name.removeprefix("bounds-raghunathan-0.1-")]

    monkeypatch.setattr(bounds, "piece", read)
    (line,) = bounds.bounded(subject, kept=True)
    assert asked == [True] * 4
    assert (line.ours, line.theirs, line.only_ours, line.only_theirs, line.against) == ((3, 2), (4, 0), 2, 1, 1)
    assert "3 / 2 / 1" in of_bounds([line])
    assert "0.5 / 0.25" in of_bounds([line])
    page = document([], [], [line])
    assert "- auto_LiRPA, CROWN, on wong-kolter\n" in page
    assert "- auto_LiRPA, CROWN-Optimized, on raghunathan, wong-kolter\n" in page
