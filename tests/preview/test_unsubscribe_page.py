"""The page behind the unsubscribe link: one click ends it, looking at it does not."""

import re
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit
from uuid import UUID

import make
import pytest
from sqlalchemy import func, select, text

from domain.consent import service as consents
from domain.delivery import materialise
from kernel import db
from kernel.ids import new_id
from kernel.tokens import get_signer
from models import AuditEntry, Message, Suppression
from tests.preview.raw import raw

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@dataclass(frozen=True)
class Sent:
    tenant_id: UUID
    member_id: UUID
    message_id: UUID
    url: str


@pytest.fixture
def sent(tenants, site) -> Sent:
    with db.tenant_session(tenants.a) as session:
        session.execute(
            text("UPDATE tenant SET quiet_from = '00:00', quiet_until = '00:00', name = 'Studio Lindenhof'")
        )
        make.sender(session)
        member = make.member(session, "jana@mail.example", first_name="Jana", tracking=True)
        make.member(session, "otto@mail.example", first_name="Otto")
        materialise.materialise(session, make.started(session).id)
        message = session.execute(select(Message).where(Message.member_id == member.id)).scalar_one()
        token = get_signer().sign("u", tenants.a, message.id)
        return Sent(tenants.a, member.id, message.id, f"{site}/u/{token}")


def suppressed(sent: Sent) -> list[str]:
    with db.tenant_session(sent.tenant_id) as session:
        return list(session.execute(select(Suppression.address_norm)).scalars())


def entries(sent: Sent) -> int:
    with db.tenant_session(sent.tenant_id) as session:
        return session.execute(select(func.count()).select_from(AuditEntry)).scalar_one()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_scanner_that_follows_the_link_unsubscribes_nobody(sent, method):
    before = entries(sent)
    status, headers, body = raw(sent.url, method)
    assert status == 200
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert suppressed(sent) == []
    assert entries(sent) == before
    if method == "GET":
        assert "Keine E-Mails mehr von Studio Lindenhof?" in body
        assert "j•••@mail.example" in body
        assert "jana@mail.example" not in body


def test_a_mailbox_provider_unsubscribes_with_one_post(sent):
    status, headers, body = raw(sent.url, "POST", ONE_CLICK)
    assert (status, body) == (200, "ok\n")
    assert "set-cookie" not in headers
    assert "location" not in headers
    assert suppressed(sent) == ["jana@mail.example"]


def test_a_mailbox_provider_may_send_a_multipart_form(sent):
    boundary = "b" * 20
    field = 'Content-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click'
    body = f"--{boundary}\r\n{field}\r\n--{boundary}--\r\n"
    parts = urlsplit(sent.url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    connection.request("POST", parts.path, body.encode(), headers)
    assert connection.getresponse().status == 200
    connection.close()
    assert suppressed(sent) == ["jana@mail.example"]


def test_the_button_of_the_page_unsubscribes_and_says_so(sent, browser):
    page = browser.open(sent.url)
    done = browser.submit(page.forms[0], action="unsubscribe")
    assert done.answer.status == 200
    assert "Abgemeldet" in done.answer.text
    assert "Gespeichert." in done.answer.text
    assert suppressed(sent) == ["jana@mail.example"]
    with db.tenant_session(sent.tenant_id) as session:
        states = {c.purpose: c.state for c in consents.of_member(session, sent.member_id)}
    assert states["marketing"] == "withdrawn"


def test_doing_it_again_changes_nothing_more(sent, browser):
    raw(sent.url, "POST", ONE_CLICK)
    assert raw(sent.url, "POST", ONE_CLICK)[0] == 200
    assert suppressed(sent) == ["jana@mail.example"]
    page = browser.open(sent.url)
    assert page.answer.status == 200
    assert "Gültig seit" in page.answer.text
    assert not [form for form in page.forms if form.method == "post"]


def test_measuring_can_be_ended_alone(sent, browser):
    page = browser.open(sent.url)
    assert "Öffnungen und Klicks" in page.answer.text
    done = browser.submit(page.forms[-1], action="stop_measuring")
    assert "Öffnungen und Klicks" not in done.answer.text
    assert "Keine E-Mails mehr" in done.answer.text
    assert suppressed(sent) == []


def test_an_old_link_keeps_its_answer_when_the_address_is_gone(sent, browser):
    with db.tenant_session(sent.tenant_id) as session:
        session.execute(text("UPDATE message SET address = NULL, address_norm = NULL, member_id = NULL"))
    assert "Es werden keine E-Mails gesendet" in browser.open(sent.url).answer.text
    assert raw(sent.url, "POST", ONE_CLICK)[0] == 200


def test_tokens_that_are_not_ours_get_one_answer(sent, site, tenants):
    ours = sent.url.rpartition("/")[2]
    wrong = [ours[:-1] + ("A" if ours[-1] != "A" else "B"), "x", get_signer().sign("o", tenants.a, sent.message_id)]
    answers = {raw(f"{site}/u/{token}")[2] for token in wrong}
    assert len(answers) == 1
    assert all(raw(f"{site}/u/{token}", "POST", ONE_CLICK)[0] == 404 for token in wrong)
    assert suppressed(sent) == []


def test_a_message_of_another_tenant_cannot_be_named(sent, site, tenants):
    token = get_signer().sign("u", tenants.b, sent.message_id)
    assert raw(f"{site}/u/{token}", "POST", ONE_CLICK)[0] == 200
    assert suppressed(sent) == []
    nobody = get_signer().sign("u", tenants.a, new_id())
    assert raw(f"{site}/u/{nobody}")[0] == 200


def test_an_unknown_action_does_nothing(sent):
    assert raw(sent.url, "POST", {"action": "erase"})[0] == 422
    assert raw(sent.url, "POST", {})[0] == 422
    assert suppressed(sent) == []


@pytest.mark.parametrize("value", ["", "1", "yes", "One-Click-Off", "oneclick"])
def test_only_the_words_of_the_standard_are_one_click(sent, value):
    assert raw(sent.url, "POST", {"List-Unsubscribe": value})[0] == 422
    assert suppressed(sent) == []


@pytest.mark.parametrize("value", ["One-Click", "one-click", " One-Click "])
def test_one_click_needs_no_exact_letters(sent, value):
    assert raw(sent.url, "POST", {"List-Unsubscribe": value})[0] == 200
    assert suppressed(sent) == ["jana@mail.example"]


def test_the_link_of_a_preview_explains_itself(site):
    status, _, body = raw(f"{site}/u/preview?l=de")
    assert status == 200
    assert "Hier melden sich Empfänger ab" in body
    assert raw(f"{site}/u/preview", "POST", ONE_CLICK)[0] == 404
    status, _, body = raw(f"{site}/preferences/preview?l=de")
    assert status == 200
    assert "Hier wählen Empfänger aus" in body
    assert raw(f"{site}/preferences/preview", "POST", {"action": "all_off"})[0] == 404


def test_the_page_speaks_the_language_of_the_message_and_addresses_nobody(sent):
    english = raw(sent.url + "?l=en")[2]
    assert "No more e-mails from Studio Lindenhof?" in english
    german = re.sub(r"<[^>]+>", " ", raw(sent.url)[2])
    assert not re.search(r"\b(?:du|dich|dein\w*|Sie|Ihnen|Ihre?)\b", german)
