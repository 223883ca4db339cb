"""The public pages in the system's Chromium: accessible, quiet, at home on a phone, and complete without scripts."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from domain.campaigns import service as campaigns
from kernel import db
from tests.preview import chats
from tests.preview import studio as studios
from tests.preview.studio import Studio

ASSETS = Path(__file__).resolve().parents[2] / "console" / "assets"
AXE = ASSETS / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = next(filter(None, (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = pytest.mark.browser


def need(condition: object, reason: str) -> None:
    """Skip with the reason, except where everything must be there."""
    if condition:
        return
    if os.environ.get("ARIIA_CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    need(CHROMIUM, "no Chromium on PATH")
    need((ASSETS / "dist" / "manifest.json").exists(), "assets are not built: ./dev assets")
    with sync_playwright() as player:
        running = player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


class Visit:
    """A page with everything that it asked for and complained about."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.url, site))

    def _heard(self, kind: str, text: str) -> None:
        # A 4xx answer of ours is what some of these pages are.
        if kind in {"error", "warning"} and "Failed to load resource: the server responded" not in text:
            self.complaints.append(text)

    def _asked(self, url: str, site: str) -> None:
        if not url.startswith((site, "data:")):
            self.foreign.append(url)


@pytest.fixture
def open_page(chromium, site):
    contexts = []
    visits = []

    def opened(width: int = 1440, scheme: str = "light", *, scripts: bool = True, height: int = 900) -> Page:
        phone = width < 500
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            is_mobile=phone,
            has_touch=phone,
            java_script_enabled=scripts,
            locale="de-DE",
        )
        contexts.append(context)
        visit = Visit(context.new_page(), site)
        visits.append(visit)
        return visit.page

    yield opened
    for context in contexts:
        context.close()
    assert [text for visit in visits for text in visit.complaints] == []
    assert [url for visit in visits for url in visit.foreign] == []


def blocked(studio: Studio) -> None:
    said = {"reason_de": "Ohne Beleg.", "reason_en": "No proof."}
    finding = {"code": "x", "severity": "block", "path": "de.email.subject", "excerpt": "40 %", **said}
    warning = finding | {"severity": "warn", "code": "y", "reason_de": "Lang."}
    studios.rewrite(studio, findings=[finding, warning], subject="Neu für dich: 40 % weniger")


BEFORE = {"blocked": blocked, "variants": studios.compare}


def stage(name: str, studio: Studio, page: Page, site: str) -> None:
    """Bring a page of this name onto the screen."""
    if name in BEFORE:
        BEFORE[name](studio)
    if name in chats.TEXTS:
        studio = chats.build(studio, name)
    token = studios.link(studio)
    page.goto(f"{site}/p/{token}")
    if name == "text":
        page.goto(f"{site}/p/{token}?view=text")
    elif name == "refused":
        page.fill("#name", "Mara")
        page.click("#decide button[value=reject]")
    elif name in {"confirm", "approved"}:
        page.fill("#name", "Mara")
        page.click("#decide button[value=approve]")
        page.wait_for_selector("input[name=seen]", state="attached")
        if name == "approved":
            page.click("button.ok")
            page.wait_for_selector(".note.ok")
    elif name == "working":
        page.fill("#name", "Mara")
        page.check("input[value=shorter]", force=True)
        page.click("#decide button[value=revise]")
        page.wait_for_selector(".note.ai")
    elif name == "over":
        with db.tenant_session(studio.tenant_id) as session:
            campaigns.cancel(session, studio.campaign_id, actor="user:test")
        page.reload()
    elif name == "unsubscribe":
        page.goto(f"{site}/u/preview")


STAGES = ("open", *BEFORE, "text", "refused", "confirm", "approved", "working", "over", "unsubscribe", *chats.TEXTS)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", STAGES)
def test_every_page_passes_axe(name, width, studio, site, open_page):
    need(AXE.exists(), "axe-core is not installed: npm ci in console/assets")
    page = open_page(width)
    stage(name, studio, page, site)
    page.evaluate(AXE.read_text())
    colours = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        result = page.evaluate("axe.run(document, {iframes: false, resultTypes: ['violations']})")
        found = [(v["id"], [node["target"] for node in v["nodes"]]) for v in result["violations"]]
        assert found == [], scheme
    assert len(colours) == 2


@pytest.mark.parametrize("name", STAGES)
def test_no_page_is_wider_than_a_small_phone(name, studio, site, open_page):
    page = open_page(320, height=640)
    stage(name, studio, page, site)
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_choosing_a_person_keeps_the_place_and_what_was_typed(studio, site, open_page):
    page = open_page()
    page.goto(f"{site}/p/{studios.link(studio)}")
    page.fill("#comment", "Bitte die Öffnungszeiten ergänzen.")
    page.click(".people >> text=Amelia")
    expect(page.locator(".subject")).to_have_text("Amelia, your comeback month for €29")
    expect(page.locator("#comment")).to_have_value("Bitte die Öffnungszeiten ergänzen.")
    assert "member=" in page.url
    expect(page.locator(".people a[aria-current]")).to_be_focused()


def test_the_mail_is_shown_and_cannot_reach_the_page(studio, site, open_page):
    page = open_page()
    page.goto(f"{site}/p/{studios.link(studio)}")
    frame = page.frame_locator(".phone iframe")
    expect(frame.locator("text=Hallo Jana,")).to_be_visible()
    assert page.evaluate("document.querySelector('.phone iframe').contentDocument") is None


def test_the_theme_switch_works_at_once_and_stays(studio, site, open_page):
    page = open_page()
    page.goto(f"{site}/p/{studios.link(studio)}")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("a[data-theme-choice=dark]")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_a_change_leads_to_the_next_version_by_itself(studio, site, open_page):
    page = open_page(390)
    stage("working", studio, page, site)
    studios.rewrite(studio, subject="Kürzer: 29 €")
    page.wait_for_selector("text=Version 2 ist fertig")
    page.click("button.primary")
    page.wait_for_selector(".diff del")
    assert page.locator(".subject").text_content() == "Kürzer: 29 €"


def test_everything_works_without_scripts(studio, site, open_page):
    page = open_page(390, scripts=False)
    page.goto(f"{site}/p/{studios.link(studio)}")
    page.click(".people >> text=Amelia")
    assert page.locator(".subject").text_content() == "Amelia, your comeback month for €29"
    page.click("a[data-theme-choice=dark]")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.fill("#name", "Mara Krämer")
    page.click(".sticky-act button")
    assert "Für 24 Personen freigeben?" in page.content()
    page.click("button.ok")
    assert "Freigegeben von Mara Krämer" in page.content()
    with db.tenant_session(studio.tenant_id) as session:
        assert campaigns.get(session, studio.campaign_id).status == "scheduled"


def test_a_reader_that_runs_scripts_but_presses_nothing_decides_nothing(studio, site, open_page):
    page = open_page()
    page.goto(f"{site}/p/{studios.link(studio)}", wait_until="networkidle")
    hrefs = page.eval_on_selector_all("a[href]:not([target])", "links => links.map(link => link.href)")
    for href in set(hrefs):
        page.goto(href)
    with db.tenant_session(studio.tenant_id) as session:
        found = campaigns.get(session, studio.campaign_id)
        assert (found.status, found.approval_hash) == ("pending_review", None)


def test_nothing_moves_while_the_page_appears(studio, site, open_page):
    page = open_page(390)
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => { for (const e of list.getEntries())"
        " window.shift += e.value; }).observe({type: 'layout-shift', buffered: true});"
    )
    page.goto(f"{site}/p/{studios.link(studio)}", wait_until="networkidle")
    assert page.evaluate("window.shift") <= 0.05


def test_a_double_press_sends_one_form(studio, site, open_page):
    page = open_page()
    stage("confirm", studio, page, site)
    page.dblclick("button.ok")
    page.wait_for_selector(".note.ok")
    assert page.locator("#problem").count() == 0
