"""The approval page of an SMS, a WhatsApp and a Telegram message: what it shows is what is sent."""

import html
import re

import pytest
from sqlalchemy import select

from domain.campaigns import frame, revisions
from domain.campaigns import service as campaigns
from domain.delivery import texts
from kernel import db
from kernel.ids import new_id
from models import Member
from preview.bubbles import Run, runs
from tests.preview import chats
from tests.preview import studio as studios

TARGET = "https://www.lindenhof.example/comeback"


def shown(page: str) -> str:
    """The words of the bubble."""
    bubble = re.search(r'<p class="bubble"[^>]*>(.*?)</p>', page, re.DOTALL)
    assert bubble is not None
    return html.unescape(re.sub(r"<[^>]+>", "", bubble[1]))


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "telegram"])
def test_the_bubble_says_to_each_person_what_is_sent_to_them(channel, studio, browser, site):
    chat = chats.build(studio, channel)
    page = browser.open(f"{site}/p/{studios.link(chat)}")
    assert page.answer.status == 200
    people = sorted(set(re.findall(r"member=([0-9a-f-]{36})", page.answer.text)))
    assert len(people) > 2
    with db.tenant_session(chat.tenant_id) as session:
        campaign = campaigns.get(session, chat.campaign_id)
        rendering = texts.prepare(session, campaign, revisions.get(session, chat.campaign_id, chat.revision_id))
        sent = {
            person: rendering.message(
                new_id(), "+491", frame.member_facts(session.get_one(Member, person)), "de", tracked=False
            ).body
            for person in people
        }
    assert len(set(sent.values())) > 1
    for person, body in sent.items():
        page = browser.open(f"{site}/p/{studios.link(chat)}?member={person}")
        assert shown(page.answer.text) == re.sub(r"(?<!\w)\*([^*\n]+)\*(?!\w)", r"\1", body)


def test_an_sms_page_has_no_mail_on_it_and_asks_back_with_the_text(studio, browser, site):
    chat = chats.build(studio, "sms")
    page = browser.open(f"{site}/p/{studios.link(chat)}")
    text = page.answer.text
    assert "<iframe" not in text
    assert "Abmelden: STOP" in text
    assert "gültig bis 31. Dezember 2099" in text, "what is put in from an offer stands beside it without a claim too"
    assert "Der Text nennt keinen Preis" not in text
    for word in ("Dunkelmodus", "KB", "Desktop"):
        assert word not in text
    form = next(form for form in page.forms if form.action.partition("?")[0].endswith("/decision"))
    asked = browser.submit(form, name="Mara", decision="approve")
    assert asked.answer.status == 200
    assert "Abmelden: STOP" in asked.answer.text


def test_a_template_shows_what_fills_its_variables(studio, browser, site):
    chat = chats.build(
        studio,
        "whatsapp",
        {"template": "herbst_de", "variables": {"1": "{studio}", "2": "{offer1_price}", "3": "{cta_url}"}},
    )
    text = browser.open(f"{site}/p/{studios.link(chat)}").answer.text
    assert "herbst_de" in text
    assert re.findall(r'aria-hidden="true">(\d)</span>([^<]+)</p>', text) == [
        ("1", "Studio Lindenhof"),
        ("2", "29 €"),
        ("3", f"{TARGET}?utm_source=ariia&amp;utm_medium=whatsapp&amp;utm_campaign=herbst&amp;utm_content=link-1"),
    ]


def test_a_members_words_stay_words(studio, browser, site):
    with db.tenant_session(studio.tenant_id) as session:
        for member in session.execute(select(Member)).scalars():
            member.favourite_course = "*Yoga* & Co"
    chat = chats.build(studio, "whatsapp", {"text": "{studio}: {favourite_course} **jetzt**"})
    text = browser.open(f"{site}/p/{studios.link(chat)}").answer.text
    assert "Yoga &amp; Co <strong>jetzt</strong>" in text
    assert "<strong>Yoga" not in text


def test_the_page_of_a_text_is_of_one_tenant(tenants, studio, browser, site):
    chat = chats.build(studio, "sms")
    other = chats.build(studios.build(tenants.b), "sms")
    mine = browser.open(f"{site}/p/{studios.link(chat)}").answer.text
    for member in set(
        re.findall(r"member=([0-9a-f-]{36})", browser.open(f"{site}/p/{studios.link(other)}").answer.text)
    ):
        assert member not in mine


@pytest.mark.parametrize("text", ["", "ohne", "https://a.example/x?y=1.", "*a* b*c *d e*, https://a.example"])
@pytest.mark.parametrize("channel", ["sms", "whatsapp", "telegram"])
def test_runs_lose_no_letter(text, channel):
    joined = "".join(f"*{run.text}*" if run.kind == "strong" else run.text for run in runs(text, channel))
    assert joined == text


def test_stars_are_strong_on_whatsapp_only():
    assert runs("a *b* c", "whatsapp") == (Run("a "), Run("b", "strong"), Run(" c"))
    assert runs("a *b* c", "sms") == (Run("a *b* c"),)
