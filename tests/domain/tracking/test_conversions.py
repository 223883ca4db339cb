"""Conversions count once, and belong to the message that they came from."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from domain.consent import service as consents
from domain.tracking import conversions
from domain.tracking.conversions import Came, Deed
from kernel import clock, db
from kernel.errors import Invalid, NotFound
from kernel.ids import new_id
from models import Conversion
from tests.domain.tracking.conftest import prepare

ORDER = Deed("order-1", "purchase", 4_990, "EUR")


def told(sent, deed: Deed = ORDER, **came) -> tuple:
    """Attribution, message, member and whether it is new."""
    with db.tenant_session(sent.tenant_id) as session:
        kept, new = conversions.record(session, deed, Came(**came), actor="t")
        return kept.attribution, kept.message_id, kept.member_id, new


def member_of(sent, n: int = 0):
    return sent.messages()[n].member_id


def test_a_visit_belongs_to_its_message_and_its_link(sent):
    member = member_of(sent)
    assert told(sent, visit=(sent.ids[0], 2)) == ("visit", sent.ids[0], member, True)
    with db.tenant_session(sent.tenant_id) as session:
        row = session.execute(select(Conversion)).scalar_one()
    assert (row.campaign_id, row.link_n, row.value_minor, row.source) == (sent.campaign_id, 2, 4_990, "api")
    assert sent.events() == [("converted", "human", "purchase", 2)]


def test_what_happened_before_the_message_went_out_does_not_belong_to_it(sent):
    member, visit = member_of(sent), (sent.ids[0], 1)
    second = timedelta(seconds=1)
    early = Deed("early", "purchase", 1, "EUR", sent.accepted_at - second)
    assert told(sent, early, visit=visit, member_id=member)[:3] == ("none", None, member)
    assert told(sent, Deed("named", "purchase", 1, "EUR", early.at), message_id=sent.ids[1])[0] == "none"
    at_once = Deed("at once", "purchase", 1, "EUR", sent.accepted_at)
    assert told(sent, at_once, visit=visit)[:2] == ("visit", sent.ids[0])


def test_the_first_report_of_an_order_stays_and_later_ones_change_nothing(sent):
    told(sent, message_id=sent.ids[0])
    assert told(sent, Deed("order-1", "purchase", 1, "USD"), message_id=sent.ids[1])[1:] == (
        sent.ids[0], member_of(sent), False,
    )  # fmt: skip
    assert len(sent.events()) == 1


def test_a_member_converts_by_the_last_click_of_a_person_within_the_window(sent):
    member = member_of(sent)
    assert told(sent, Deed("before", "purchase", 0, "EUR"), member_id=member)[0] == "none"
    sent.keep(sent.hit("clicked", link=1, after=30), sent.hit("clicked", link=3, after=45))
    assert told(sent, Deed("a", "purchase", 0, "EUR"), member_id=member)[:2] == ("last_click", sent.ids[0])
    late = clock.now() + timedelta(days=7, minutes=1)
    assert told(sent, Deed("b", "purchase", 0, "EUR", late), member_id=member)[0] == "none"
    early = clock.now() - timedelta(minutes=5)
    assert told(sent, Deed("c", "purchase", 0, "EUR", early), member_id=member)[0] == "none"
    with db.tenant_session(sent.tenant_id) as session:
        session.execute(text("UPDATE tenant SET conversion_days = 14"))
        links = session.execute(select(Conversion.link_n).where(Conversion.external_id == "a"))
        assert links.scalar_one() == 3
    assert told(sent, Deed("d", "purchase", 0, "EUR", late), member_id=member)[0] == "last_click"


def test_a_machines_click_earns_nothing(sent):
    sent.keep(sent.hit("clicked", method="HEAD"))
    assert told(sent, member_id=member_of(sent))[0] == "none"


def test_a_member_is_found_by_its_external_id(sent):
    sent.keep(sent.hit("clicked"))
    with db.tenant_session(sent.tenant_id) as session:
        external = session.execute(
            text("SELECT external_id FROM member WHERE id = :id"), {"id": member_of(sent)}
        ).scalar_one()
    assert told(sent, member_external_id=external)[0] == "last_click"
    with pytest.raises(NotFound):
        told(sent, member_external_id="nobody")
    with pytest.raises(NotFound):
        told(sent, member_id=new_id())


def test_once_the_consent_is_taken_back_a_conversion_belongs_to_no_message(sent):
    sent.keep(sent.hit("clicked"))
    member = member_of(sent)
    with db.tenant_session(sent.tenant_id) as session:
        consents.record(
            session, member, channel="email", purpose="tracking", state="withdrawn", source="t", actor="t", evidence={}
        )
    assert told(sent, visit=(sent.ids[0], 0))[:2] == ("none", None)
    assert told(sent, Deed("b", "purchase", 0, "EUR"), member_id=member)[:2] == ("none", None)
    details = conversions.packed(Deed("c", "purchase", 1, "EUR"))
    sent.keep(sent.hit("converted", details=details))
    with db.tenant_session(sent.tenant_id) as session:
        assert session.execute(select(func.count()).select_from(Conversion)).scalar_one() == 2


def test_a_pixel_is_kept_once_with_its_message(sent):
    details = conversions.packed(Deed("p-1", "signup", 0, "CHF"))
    sent.keep(sent.hit("converted", link=1, details=details), sent.hit("converted", 1, details=details))
    sent.keep(sent.hit("converted", details=details))
    with db.tenant_session(sent.tenant_id) as session:
        row = session.execute(select(Conversion)).scalar_one()
    assert (row.external_id, row.goal, row.currency, row.source, row.attribution, row.message_id, row.link_n) == (
        "p-1", "signup", "CHF", "pixel", "visit", sent.ids[0], 1,
    )  # fmt: skip
    assert sent.events() == [("converted", "human", "signup", 1)]


def test_the_other_studios_messages_earn_nothing_here(sent, tenants):
    other = prepare(tenants.b, 1)
    assert told(other, visit=(sent.ids[0], 0))[:2] == ("none", None)
    assert told(other, Deed("order-1", "purchase", 1, "EUR"), message_id=sent.ids[0])[3] is False
    assert told(sent, message_id=sent.ids[0])[3] is True


@pytest.mark.parametrize(
    "deed",
    [
        Deed("", "purchase", 0, "EUR"),
        Deed(" x", "purchase", 0, "EUR"),
        Deed("ä", "purchase", 0, "EUR"),
        Deed("x" * 101, "purchase", 0, "EUR"),
        Deed("x", "Purchase!", 0, "EUR"),
        Deed("x", "purchase", -1, "EUR"),
        Deed("x", "purchase", 10**12 + 1, "EUR"),
        Deed("x", "purchase", 0, "euro"),
    ],
)
def test_what_cannot_be_used_is_refused(sent, deed):
    with pytest.raises(Invalid):
        told(sent, deed, message_id=sent.ids[0])


@pytest.mark.parametrize(
    ("said", "deed"),
    [
        ({"id": "1", "value": "4990"}, Deed("1", "purchase", 4_990, "EUR")),
        ({"id": "1", "goal": "signup", "currency": "CHF"}, Deed("1", "signup", 0, "CHF")),
        ({}, None),
        ({"id": "1", "value": "12.50"}, None),
        ({"id": "1", "value": "-1"}, None),
        ({"id": "1", "value": "9" * 40}, None),
        ({"id": "1", "value": "٣"}, None),
        ({"id": "1", "currency": "eur"}, None),
        ({"id": "1\x00"}, None),
    ],
)
def test_a_pixel_says_what_can_be_used_or_nothing(said, deed):
    assert conversions.deed_of_pixel(said) == deed
