"""What a person is told of a run under way: jobs done and left, and the time to go."""

from __future__ import annotations

import pytest
from handmade import model, suite_of, toy

from bench.planning.plan import Job, expand, jobs
from bench.progress import Pace, Plain, lasting, to_go
from bench.running.tasks import ATTEMPTS, Ahead, Task


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.2, "1 s"), (89.4, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (86_400, "24.0 h")],
)
def test_times_in_the_unit_that_suits_them(seconds: float, told: str) -> None:
    assert lasting(seconds) == told
    assert (to_go(seconds), to_go(None)) == (f"{told} to go", "")


def test_the_time_to_go_follows_from_what_the_share_took() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.left(0.0) is None
    clock.now = 10.0
    assert pace.left(0.01) is None, "so little tells nothing"
    assert pace.left(0.25) == pytest.approx(30)
    clock.now = 30.0
    assert pace.left(0.5) == pytest.approx(30)
    assert pace.left(1.0) == 0


def test_something_else_begins_anew() -> None:
    """Such as the run after the training of a model that it needs."""
    clock = Clock()
    pace = Pace(clock)
    clock.now = 100.0
    assert pace.left(0.9) is not None
    assert pace.left(0.1) is None
    clock.now = 110.0
    assert pace.left(0.2) == pytest.approx(40)


def test_plain_lines_say_how_far_and_how_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    plain = Plain()
    plain._pace = Pace(clock)
    for now, share in ((0.0, 0.0), (20.0, 0.25)):
        clock.now = now
        plain.doing("1 of 4 jobs done, 3 left: fgsm on net", share)
    assert capsys.readouterr().err.splitlines() == [
        "[  0%] 1 of 4 jobs done, 3 left: fgsm on net",
        "[ 25%] 60 s to go, 1 of 4 jobs done, 3 left: fgsm on net",
    ]


# -- jobs -------------------------------------------------------------------------------------------------------------


def work(n: int = 1500) -> list[Job]:
    """FGSM and its iterated form on two models of different kinds, in two parts each."""
    infos = {name: model(name, family=family) for name, family in (("a", "knn"), ("b", "tree"))}
    attacks = "  - {attack: fgsm, norm: linf, eps: 0.1}\n  - {attack: iterated-fgsm, norm: linf, eps: 0.1}"
    data = toy([0, 1, 2] * (n // 3))
    planned = expand(suite_of(attacks, list(infos)), data, infos, {})
    return [job for job in jobs(item.cell for item in planned) if job.craft.source is not None]


def tasks_of(found: list[Job]) -> list[Task]:
    return [Task(job, number) for job in found for number in (0, 1)]


def test_a_job_is_done_with_its_last_part() -> None:
    found = work()
    tasks = tasks_of(found)
    ahead = Ahead(len(found) + 1, tasks)  # one of them had nothing to do
    assert str(ahead) == "1 of 5 jobs done, 4 left"
    assert ahead.share == 0
    ahead.took(tasks[0], 1.0)
    assert str(ahead) == "1 of 5 jobs done, 4 left"
    ahead.took(tasks[1], 1.0)
    assert str(ahead) == "2 of 5 jobs done, 3 left"
    ahead.took(tasks[1], 1.0)  # twice is once
    for task in tasks:
        ahead.took(task, 1.0)
    assert (str(ahead), ahead.share) == ("5 of 5 jobs done, 0 left", 1.0)


def test_the_share_goes_by_what_parts_of_a_kind_took() -> None:
    """Whatever they had been estimated to take: ten times as long for one kind as for the others."""
    found = work(2001)  # whose parts are of 1,000 examples, 1,000, and 1
    tasks = tasks_of(found)
    ahead = Ahead(len(found), tasks)
    for place in range(0, len(tasks), 2):
        ahead.took(tasks[place], 1.0 if place else 10.0)
    assert ahead.share == pytest.approx(0.5)
    ahead.took(tasks[1], 10.0)
    assert ahead.share == pytest.approx((23 / 26 + 5 / 8) / 2)


def test_a_part_that_failed_tells_no_time() -> None:
    tasks = tasks_of(work())
    ahead, other = Ahead(4, tasks), Ahead(4, tasks)
    ahead.took(tasks[0], 5.0)
    other.took(tasks[0], 5.0)
    other.took(Task(tasks[1].job, 1, ATTEMPTS), None)
    left, less = (1 / each.share - 1 for each in (ahead, other))
    assert less < left
    assert str(other) == "1 of 4 jobs done, 3 left"


def test_with_nothing_to_do_all_is_done() -> None:
    assert (str(Ahead(2, [])), Ahead(2, []).share) == ("2 of 2 jobs done, 0 left", 1.0)
