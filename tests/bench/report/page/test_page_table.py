"""The table of a suite in a real browser: sorting and filtering, by mouse and by keyboard."""

from __future__ import annotations

import pytest
from browsing import Visit

pytestmark = pytest.mark.browser

SUITE = "suites/toy-suite.html"
NAMES = "#board tbody tr:not([hidden]) th"


def click(visit: Visit, head: str) -> None:
    visit.page.locator("#board thead button", has_text=head).first.click()


def test_models_come_in_the_order_of_rank(visit: Visit) -> None:
    assert visit.go(SUITE).texts(NAMES)[0] == "steady"
    assert visit.page.locator("#board th.rank").get_attribute("aria-sort") == "ascending"


def test_a_column_sorts_both_ways_and_what_has_no_number_stays_last(visit: Visit) -> None:
    visit.go(SUITE)
    click(visit, "iterated-fgsm")
    down = visit.texts(NAMES)
    assert down[:3] == ["steady", "middling", "brittle"]
    assert visit.page.locator("#board thead th", has_text="iterated-fgsm").get_attribute("aria-sort") == "descending"
    click(visit, "iterated-fgsm")
    assert visit.texts(NAMES)[:3] == ["brittle", "middling", "steady"]
    assert visit.texts(NAMES)[3] == down[3]
    assert visit.page.locator("#board [aria-sort]").count() == 1


def test_names_sort_by_the_keyboard(visit: Visit) -> None:
    visit.go(SUITE)
    visit.page.locator("#board thead button", has_text="model").focus()
    visit.page.keyboard.press("Enter")
    assert visit.texts(NAMES)[1:] == ["brittle", "middling", "steady"]


def test_the_filter_looks_at_names_families_and_flags(visit: Visit) -> None:
    visit.go(SUITE)
    field = visit.page.get_by_label("Filter")
    field.fill("stead")
    assert visit.shown(NAMES) == ["steady"]
    assert visit.texts("[data-count]") == ["1 of 4 models"]
    field.fill("decision tree")
    assert visit.shown(NAMES) == ["brittle"]
    field.fill("no such model")
    assert visit.shown(NAMES) == []
    field.fill("")
    visit.page.get_by_label("Gradient").select_option("surrogate")
    assert visit.shown(NAMES) == ["brittle"]
    visit.page.get_by_label("Gradient").select_option("")
    visit.page.get_by_label("without flags").check()
    flagless = visit.page.locator('#board tbody tr[data-flags="0"]').count()
    assert len(visit.shown(NAMES)) == flagless < 4


def test_every_attack_shows_on_demand(visit: Visit) -> None:
    visit.go(SUITE)
    before = len(visit.shown("#board thead th"))
    visit.page.get_by_label("every attack").check()
    assert len(visit.shown("#board thead th")) > before


def test_every_rate_has_its_interval_drawn(visit: Visit) -> None:
    """Behind the number: the thin line reaches from the lower end to the upper."""
    visit.go(SUITE)
    bars = visit.page.locator("#board td.bars")
    ends = bars.evaluate_all(ENDS)
    assert len(ends) > 12
    assert all(low <= value + 0.5 and value <= high + 0.5 and high > low for low, value, high in ends)


ENDS = """all => all.map(cell => {
    const style = getComputedStyle(cell);
    return ["--l", "--v", "--h"].map(name => parseFloat(style.getPropertyValue(name)));
})"""


def test_all_of_it_is_reached_by_the_keyboard_alone(visit: Visit) -> None:
    visit.go(SUITE)
    met = []
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        met.append(visit.page.evaluate(FOCUSED))
    assert met[0] == ["A", "Skip to the content", True]
    texts = [text for _, text, _ in met]
    for each in ("Filter", "Gradient", "without flags", "every attack", "Find", "rank", "steady", "Definitions"):
        assert any(text.startswith(each) for text in texts), each
    assert all(outlined for _, _, outlined in met)
    assert ["SUMMARY", "What the words on this board mean", True] in met


FOCUSED = """() => {
    const it = document.activeElement, style = getComputedStyle(it);
    const text = it.labels && it.labels.length ? it.labels[0].innerText : it.ariaLabel || it.innerText;
    return [it.tagName, text.trim(), it === document.body || style.outlineStyle !== "none"];
}"""
