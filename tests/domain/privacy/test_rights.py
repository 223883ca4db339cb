"""Everything about one person handed out, and one person removed from everywhere: asked of every row of every table."""

import json
from datetime import timedelta

import make
import pytest
from known import EMAIL, FILE, PHONE, SHARED, WORDS, known_everywhere
from sqlalchemy import create_engine, func, select, text

from domain.audience import imports, undo
from domain.audience import service as audience
from domain.consent import erased
from domain.consent import service as consents
from domain.follow_ups import store
from domain.follow_ups.rules import Due
from domain.plans import service as plans
from domain.plans.catalog import FOLLOW_UPS
from domain.privacy import service as privacy
from domain.privacy.holdings import HOLDINGS
from kernel import clock, db
from kernel.errors import NotFound
from kernel.ids import new_id
from models import (
    AuditEntry,
    Base,
    CampaignCount,
    Consent,
    ContactPoint,
    Conversion,
    DomainEvent,
    ErasedIdentity,
    Member,
    Message,
    MessageEvent,
    Suppression,
)


def promise(tenant_id, member_id):
    with db.tenant_session(tenant_id) as session:
        at = clock.now() + timedelta(days=3)
        wish = store.Wish(
            member_id=member_id, topic="general", reason="Analytical", intent="person", language="de", channel="email",
            purpose="transactional", unless_active=False,
        )  # fmt: skip
        store.schedule(session, wish, Due.of(at, "Europe/Berlin"), actor="t")


@pytest.fixture
def ada(tenants):
    """The same person at both tenants; at the first one her family shares an address."""
    mine, campaign_id, batch_id = known_everywhere(tenants.a)
    theirs, _, _ = known_everywhere(tenants.b)
    with db.tenant_session(tenants.a) as session:
        member = audience.get(session, mine)
        audience.set_address(session, member, "email", SHARED, actor="t")
        make.member(session, SHARED, first_name="Byron")
        consents.suppress(session, channel="email", address_norm=SHARED, reason="opt_out", source="t", actor="t")
    return tenants, mine, theirs, campaign_id, batch_id


def traces(database, tenant_id, words):
    """Return every row of every table of a tenant that holds one of the words, read as the owner of the tables."""
    owner = create_engine(database.owner_url)
    found = []
    with owner.begin() as connection:
        connection.execute(text("SELECT set_config('app.tenant', :t, true)"), {"t": str(tenant_id)})
        for table in Base.metadata.sorted_tables:
            if "tenant_id" not in table.c:
                continue
            rows = connection.execute(
                text(f"SELECT t::text FROM {table.name} t WHERE tenant_id = :tenant"), {"tenant": tenant_id}
            )
            for (row,) in rows:
                plain = row + "".join(_unhex(part) for part in row.split("\\x")[1:])
                found += [(table.name, word) for word in words if word.casefold() in plain.casefold()]
    owner.dispose()
    return found


def _unhex(part):
    digits = part[: len(part) - len(part.lstrip("0123456789abcdef"))]
    return bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("utf-8", "replace")


def figures(tenant_id, campaign_id):
    with db.tenant_session(tenant_id) as session:
        counts = session.execute(
            select(CampaignCount.state, func.sum(CampaignCount.n))
            .where(CampaignCount.campaign_id == campaign_id)
            .group_by(CampaignCount.state)
        )
        events = session.execute(
            select(MessageEvent.kind, MessageEvent.actor, func.count())
            .where(MessageEvent.campaign_id == campaign_id)
            .group_by(MessageEvent.kind, MessageEvent.actor)
        )
        money = session.execute(select(func.sum(Conversion.value_minor)).where(Conversion.campaign_id == campaign_id))
        return sorted(map(tuple, counts)), sorted(map(tuple, events)), money.scalar_one()


def test_an_erased_person_is_nowhere_and_every_total_stays(ada, database):
    tenants, mine, theirs, campaign_id, batch_id = ada
    before = figures(tenants.a, campaign_id)
    assert {name for name, _ in traces(database, tenants.a, WORDS)} >= {
        "member", "contact_point", "message", "message_event", "conversation_message", "import_row", "notice",
        "inbound_mail", "address_health", "idempotency_key", "suppression", "consent_event",
    }  # fmt: skip
    others = sorted(traces(database, tenants.b, WORDS))
    with db.tenant_session(tenants.a) as session:
        privacy.erase(session, mine, actor="user:mara", reason="request of today")
    assert traces(database, tenants.a, WORDS) == []
    assert figures(tenants.a, campaign_id) == before
    assert sorted(traces(database, tenants.b, WORDS)) == others
    with db.tenant_session(tenants.a) as session:
        message = session.execute(
            select(Message).where(Message.campaign_id == campaign_id, Message.state == "sent")
        ).scalar_one()
        assert (message.member_id, message.address, message.address_norm) == (None, None, None)
        assert session.execute(select(Message.state, Message.reason).where(Message.notice_id.is_not(None))).one() == (
            "skipped",
            "erased",
        )
        told = session.execute(
            select(DomainEvent.type).where(DomainEvent.aggregate_id == mine).order_by(DomainEvent.seq.desc()).limit(2)
        ).scalars()
        assert set(told) == {"crm.gdpr.erased", "crm.member.erased"}
        entry = session.execute(select(AuditEntry).where(AuditEntry.action == "member.erase")).scalar_one()
        assert (entry.actor, entry.subject, entry.details["reason"]) == ("user:mara", str(mine), "request of today")
        with pytest.raises(NotFound):
            privacy.erase(session, mine, actor="t")
        with pytest.raises(NotFound):
            privacy.erase(session, theirs, actor="t")
        undo.undo(session, batch_id, actor="t")
    assert traces(database, tenants.a, WORDS) == []


def test_an_address_of_a_family_stays_for_the_others(ada):
    tenants, mine, *_ = ada
    with db.tenant_session(tenants.a) as session:
        privacy.erase(session, mine, actor="t")
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(ContactPoint.address_norm).where(ContactPoint.address_norm == SHARED)).one()
        assert session.execute(select(Suppression.reason).where(Suppression.address_norm == SHARED)).one()
        assert erased.known(session, [("email", SHARED), ("email", EMAIL), ("whatsapp", PHONE)]) == {
            ("email", EMAIL), ("whatsapp", PHONE),
        }  # fmt: skip


def test_a_file_does_not_bring_an_erased_person_back(ada):
    tenants, mine, *_ = ada
    with db.tenant_session(tenants.a) as session:
        privacy.erase(session, mine, actor="t")
    files = {
        "number": "Mitgliedsnummer;Vorname\nM-1815;Ada\n",
        "email": f"Vorname;E-Mail\nAda;{EMAIL.upper()}\n",
        "phone": "Vorname;Telefon\nAda;0151 12345678\n",
    }
    with db.tenant_session(tenants.a) as session:
        for content in files.values():
            for dry_run in (True, False):
                batch = imports.run(
                    session, data=content.encode(), file_name="m.csv", actor="t", dry_run=dry_run, attested_by="Mara"
                )
                assert batch.counts["rejected"] == 1, batch.counts
        assert session.execute(select(Member.id).where(Member.external_id == "M-1815")).all() == []
        fine = imports.run(session, data=FILE.encode(), file_name="m.csv", actor="t", dry_run=True)
        assert (fine.counts["rejected"], fine.counts["rows"]) == (1, 2)
    with db.tenant_session(tenants.b) as session:
        assert erased.known(session, [("email", EMAIL)]) == set()
        assert imports.run(session, data=FILE.encode(), file_name="m.csv", actor="t", dry_run=True).counts["rows"] == 2


def test_who_is_added_again_by_hand_is_not_written_to_before_they_agree(ada):
    tenants, mine, *_ = ada
    with db.tenant_session(tenants.a) as session:
        privacy.erase(session, mine, actor="t")
    with db.tenant_session(tenants.a) as session:
        back = audience.create(
            session, actor="t", contact={"email": EMAIL, "sms": PHONE}, external_id="M-1815", first_name="Ada"
        )
        stood = session.execute(
            select(Suppression.channel, Suppression.reason).where(Suppression.address_norm.in_([EMAIL, PHONE]))
        )
        assert set(map(tuple, stood)) == {("email", "objection"), ("sms", "opt_out")}
        assert session.execute(select(Consent.id).where(Consent.member_id == back.id)).all() == []
        assert erased.known(session, [("email", EMAIL), ("external_id", "M-1815")]) == set()
        again = imports.run(session, data=FILE.encode(), file_name="m.csv", actor="t", dry_run=True)
        assert again.counts.get("rejected") is None, "who is here again is a member as any other"


def test_the_hashes_name_nobody_and_are_each_tenants_own(ada):
    tenants, mine, theirs, *_ = ada
    for tenant_id, member_id in ((tenants.a, mine), (tenants.b, theirs)):
        with db.tenant_session(tenant_id) as session:
            privacy.erase(session, member_id, actor="t")
    seen = []
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            seen.append({bytes(row) for row in session.execute(select(ErasedIdentity.digest)).scalars()})
    assert seen[0]
    assert seen[1]
    assert not seen[0] & seen[1]
    assert all(len(one) == 32 for one in seen[0] | seen[1])


def test_an_export_holds_every_tables_rows_and_no_secret(ada):
    tenants, mine, *_ = ada
    promise(tenants.a, mine)
    with db.tenant_session(tenants.a) as session:
        handed = privacy.export(session, mine, actor="user:mara")
        tables = handed["tables"]
        assert set(tables) == {holding.table for holding in HOLDINGS}
        filled = {name for name, rows in tables.items() if rows}
        assert filled >= {
            "member", "contact_point", "activity", "purchase", "consent", "consent_event", "conversation",
            "conversation_message", "message", "message_event", "conversion", "inbound_mail", "address_health",
            "suppression", "import_row", "notice", "follow_up",
        }  # fmt: skip
        assert len(tables["contact_point"]) == 4
        assert json.loads(json.dumps(handed)) == handed
        assert "token_hash" not in json.dumps(handed)
        assert str(tenants.a) not in json.dumps(handed["tables"]["member"])
        told = session.execute(select(AuditEntry.details).where(AuditEntry.action == "member.export")).scalar_one()
        assert told["rows"]["contact_point"] == 4
        with pytest.raises(NotFound):
            privacy.export(session, new_id(), actor="t")
    with db.tenant_session(tenants.b) as session, pytest.raises(NotFound):
        privacy.export(session, mine, actor="t")


def used(tenant_id):
    with db.tenant_session(tenant_id) as session:
        return next((meter.used, meter.reserved) for meter in plans.meters(session) if meter.limit is FOLLOW_UPS)


@pytest.mark.parametrize("how", ["erased", "deleted", "undone"])
def test_what_was_promised_to_somebody_who_goes_is_given_back_to_the_plan(ada, how):
    tenants, mine, _, _, batch_id = ada
    promise(tenants.a, mine)
    assert used(tenants.a) == (1, 1)
    with db.tenant_session(tenants.a) as session:
        if how == "erased":
            privacy.erase(session, mine, actor="t")
        elif how == "deleted":
            audience.delete(session, mine, actor="t")
        else:
            undo.undo(session, batch_id, actor="t")
    assert used(tenants.a) == (0, 0)
