"""Everything that happened with a member in one list: complete, in order, page by page, and only the member's own."""

from datetime import timedelta
from uuid import UUID

import make
import pytest
from chaos import crowd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from domain.audience import service as audience
from domain.consent import service as consents
from domain.conversations import service as conversations
from domain.delivery import materialise
from domain.timeline import queries
from kernel import clock, db
from kernel.errors import Invalid, NotFound
from kernel.ids import new_id
from models import Message, MessageEvent


def lived(tenant_id: UUID) -> UUID:
    """A member of whom there is something of each kind."""
    with db.tenant_session(tenant_id) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
        member = make.member(session, "ada@example.org", first_name="Ada").id
        make.member(session, "otto@example.org", first_name="Otto")
        now = clock.now()
        audience.add_activity(session, member, actor="t", kind="visit", at=now - timedelta(days=3), subject="Yoga")
        audience.add_purchase(session, member, actor="t", product="10er-Karte", amount_minor=9_900, currency="EUR",
                              at=now - timedelta(days=2))  # fmt: skip
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
        message = session.query(Message).filter_by(member_id=member).one()
        message.state, message.accepted_at = "delivered", now - timedelta(days=1)
        for kind, actor in (("opened", "machine"), ("clicked", "human"), ("claimed", "system")):
            session.add(MessageEvent(id=new_id(), tenant_id=tenant_id, campaign_id=campaign_id, message_id=message.id,
                                     kind=kind, actor=actor, at=now))  # fmt: skip
        chat = conversations.open_conversation(session, channel="web", external_id="c", member_id=member, actor="t")
        conversations.add_message(session, chat.id, author="member", text="Habt ihr sonntags auf?", at=now,
                                  external_id=None, actor="t")  # fmt: skip
    return member


def said(entries: list[queries.Entry], language: str = "de") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(entry.kind, []).append(entry.words[language])
    return found


def whole(tenant_id: UUID, member: UUID, limit: int = 200, **how: object) -> list[queries.Entry]:
    entries: list[queries.Entry] = []
    place = None
    with db.tenant_session(tenant_id) as session:
        while True:
            some, place = queries.page(session, member, after=place, limit=limit, **how)
            assert len(some) <= limit
            entries += some
            if place is None:
                return entries


def test_everything_is_there_in_words_of_both_languages_and_nothing_of_others(tenants):
    member, theirs = lived(tenants.a), lived(tenants.b)
    entries = whole(tenants.a, member)
    assert [entry.at for entry in entries] == sorted((entry.at for entry in entries), reverse=True)
    german = said(entries)
    assert german["activity"] == ["Besuch: Yoga"]
    assert german["purchase"] == ["Kauf: 10er-Karte, 99 €"]
    assert german["message"] == ["E-Mail „Herbst“: zugestellt"]
    assert sorted(german["engagement"]) == [
        "E-Mail „Herbst“: angeklickt", "E-Mail „Herbst“: geöffnet (durch ein Programm)",
    ]  # fmt: skip
    assert german["chat"] == ["Mitglied (Web): Habt ihr sonntags auf?"]
    assert german["consent"] == ["E-Mail, Werbung: eingewilligt"]
    assert said(entries, "en")["purchase"] == ["Purchase: 10er-Karte, €99"]
    assert said(entries, "en")["message"] == ["E-mail “Herbst”: delivered"]
    with db.tenant_session(tenants.a) as session, pytest.raises(NotFound):
        queries.page(session, theirs)
    assert {entry.id for entry in whole(tenants.b, theirs)}.isdisjoint(entry.id for entry in entries)


def test_what_was_not_sent_says_why(tenants):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        member = make.member(session, "ada@example.org").id
        consents.suppress(session, channel="email", address_norm="ada@example.org", reason="manual", source="t",
                          actor="t")  # fmt: skip
        make.member(session, "otto@example.org")
        materialise.materialise(session, make.started(session).id)
    assert said(whole(tenants.a, member))["message"] == [
        "E-Mail „Herbst“: gesperrt. Die Adresse ist gesperrt (Abmeldung, Beschwerde oder Rückläufer)."
    ]


def test_one_kind_alone_and_a_kind_that_is_none(tenants):
    member = lived(tenants.a)
    assert {entry.kind for entry in whole(tenants.a, member, kinds=("chat", "purchase"))} == {"chat", "purchase"}
    with db.tenant_session(tenants.a) as session, pytest.raises(Invalid, match="gossip"):
        queries.page(session, member, kinds=["gossip"])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 7), st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_pages_together_are_the_whole_also_where_many_things_happen_at_once(tenants, limit, minutes):
    """Moments repeat on purpose: a page that ended between two of them must not lose or repeat one."""
    with db.tenant_session(tenants.a) as session:
        member = make.member(session, None, consent=False).id
        begin = clock.now().replace(microsecond=0) - timedelta(hours=1)
        for minute in minutes:
            at = begin + timedelta(minutes=minute)
            audience.add_activity(session, member, actor="t", kind="visit", at=at)
            audience.add_purchase(session, member, actor="t", product="x", amount_minor=1, currency="EUR", at=at)
    entries = whole(tenants.a, member, limit)
    assert len({(entry.kind, entry.id) for entry in entries}) == len(entries) == 2 * len(minutes)
    assert entries == whole(tenants.a, member)


def test_a_long_history_is_read_by_index_and_no_further_than_a_page(tenants, analyse):
    with db.tenant_session(tenants.a) as session:
        member = make.member(session, "ada@example.org").id
        for _ in range(40):
            make.member(session, None)
        session.execute(
            text("""INSERT INTO activity (id, tenant_id, member_id, kind, at)
            SELECT gen_random_uuid(), m.tenant_id, m.id, 'visit', clock_timestamp() - n * interval '1 hour'
            FROM member m CROSS JOIN generate_series(1, 100) n""")
        )
    analyse("activity")
    seen: list[tuple[str, dict[str, object]]] = []

    def note(_c: object, _u: object, statement: str, parameters: dict[str, object], *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        with db.tenant_session(tenants.a) as session:
            queries.page(session, member, limit=10)
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    statement, parameters = seen[-1]
    with db.tenant_session(tenants.a) as session:
        cursor = session.connection().connection.cursor()
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}", parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "ix_activity_member" in plan, plan
    assert "Seq Scan on activity" not in plan, plan
