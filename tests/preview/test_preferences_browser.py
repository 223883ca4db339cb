"""The page of choices in the system's Chromium: on a phone and a desk, light and dark, with and without scripts."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.preview.test_browser import AXE, chromium, need, open_page
from tests.preview.test_preferences_page import reader

__all__ = ["chromium", "open_page", "reader"]
pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_passes_axe_and_fits(reader, open_page, scheme, width):
    need(AXE.exists(), "axe-core is not installed: npm ci in console/assets")
    page = open_page(width, scheme)
    for address in (reader.url, reader.unsubscribe):
        page.goto(address)
        page.evaluate(AXE.read_text())
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [(v["id"], [node["target"] for node in v["nodes"]]) for v in result["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("scripts", [True, False])
def test_a_reader_unticks_one_thing_and_saves(reader, open_page, scripts):
    page = open_page(360, scripts=scripts)
    page.goto(reader.url)
    page.get_by_role("checkbox").nth(3).uncheck()
    page.get_by_role("button", name="Speichern").click()
    expect(page.get_by_text("Gespeichert.")).to_be_visible()
    assert reader.suppressed() == {("sms", "+491701234567")}


def test_from_the_link_to_everything_off_are_two_clicks_at_most(reader, open_page):
    reader.accepted(timedelta(seconds=5))
    page = open_page(360, scripts=False)
    page.goto(reader.url)
    page.get_by_role("button", name="Alles abschalten").click()
    expect(page.get_by_role("heading", name="Das abschalten?")).to_be_visible()
    page.get_by_role("button", name="Abschalten").click()
    expect(page.get_by_role("heading", name="Alles ist abgeschaltet")).to_be_visible()
    assert len(reader.suppressed()) == 2


def test_a_pause_is_two_clicks_away_and_says_when_it_ends(reader, open_page):
    page = open_page(360, "dark", scripts=False)
    page.goto(reader.url)
    page.get_by_role("button", name="30 Tage Pause").click()
    expect(page.get_by_text("Pause bis").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
