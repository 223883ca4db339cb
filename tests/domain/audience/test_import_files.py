"""Importing member files: messy ones, hostile ones, and taking them back."""

import json
import time
from typing import Any
from uuid import UUID

import make
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from domain.audience import histories, imports, undo
from domain.consent import service as consents
from kernel import db
from kernel.errors import AriiaError, Conflict, Invalid
from models import Consent, ContactPoint, ImportRow, Member

MESSY = (
    "\ufeffMitgliedsnr;Vorname;Nachname;E-Mail;Telefon;Sprache;Status;Letzter Besuch;Tags;Einwilligung E-Mail;"
    "Einwilligung am;Einwilligung Quelle\r\n"
    'M1;Jörg;Müller;Joerg@Example.ORG;+49 (0)221 123456;deutsch;aktiv;05.10.2026 08:15;"yoga, reha";ja;'
    "01.02.2024;Anmeldung\r\n"
    "M2;;Öztürk;oeztuerk@example.org;;de;aktiv;;;ja;;\r\n"
    "M3;Ann;Lee;kein-at-zeichen;;en;aktiv;;;nein;;\r\n"
    "M1;Jörg;Doppelt;x@example.org;;de;aktiv;;;;;\r\n"
    "M4;Zu;Viele;a@example.org;;de;aktiv;;;;;;;;zuviel\r\n"
    "M5;Torn;Row\r\n"
    "M6;Un;Bekannt;u@example.org;;de;vielleicht;;;ja;01.02.2024;Anmeldung\r\n"
    ";;;;;;;;;;;\r\n"
)


def run(tenant_id: UUID, data: str | bytes, *, dry: bool = False, attested: str | None = "Mara", name: str = "m.csv"):
    raw = data.encode() if isinstance(data, str) else data
    with db.tenant_session(tenant_id) as session:
        return imports.run(session, data=raw, file_name=name, actor="t", dry_run=dry, attested_by=attested)


def dump(tenant_id: UUID) -> str:
    with db.tenant_session(tenant_id) as session:
        found: dict[str, Any] = {}
        for table in ("member", "contact_point", "consent"):
            rows = session.execute(text(f"SELECT to_jsonb(t) FROM {table} t ORDER BY id")).scalars().all()
            found[table] = rows
    return json.dumps(found, sort_keys=True, default=str)


def test_a_messy_file_is_read_and_every_refusal_names_its_line(tenants):
    batch = run(tenants.a, MESSY)
    assert {key: batch.counts[key] for key in ("rows", "created", "rejected")} == {
        "rows": 7, "created": 3, "rejected": 4,
    }  # fmt: skip
    with db.tenant_session(tenants.a) as session:
        first = session.execute(select(Member).where(Member.external_id == "M1")).scalar_one()
        assert (first.first_name, first.last_name, first.language, first.tags) == (
            "Jörg",
            "Müller",
            "de",
            ["reha", "yoga"],
        )
        assert first.last_visit_at.strftime("%d.%m.%Y %H:%M") == "05.10.2026 08:15"
        points = session.execute(select(ContactPoint).where(ContactPoint.member_id == first.id)).scalars().all()
        assert {(point.channel, point.address_norm) for point in points} == {
            ("email", "joerg@example.org"), ("sms", "+49221123456"),
        }  # fmt: skip
        refused = session.execute(select(ImportRow).where(ImportRow.outcome == "rejected")).scalars().all()
        assert sorted(row.line for row in refused) == [5, 6, 7, 8]
        assert all(row.problems for row in refused)
        granted = session.execute(select(Consent).where(Consent.state == "granted")).scalars().all()
        assert [consent.member_id for consent in granted] == [first.id]
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(Member)).scalars().all() == []


def test_a_dry_run_changes_nothing_and_announces_what_then_happens(tenants):
    before = dump(tenants.a)
    announced = run(tenants.a, MESSY, dry=True).counts
    assert dump(tenants.a) == before
    assert run(tenants.a, MESSY).counts == announced
    assert run(tenants.a, MESSY, dry=True).counts["unchanged"] == 3


def test_undo_brings_back_every_byte(tenants):
    run(tenants.a, "Mitgliedsnr;Vorname;E-Mail\nM1;Georg;alt@example.org\nM9;Bleibt;bleibt@example.org\n")
    before = dump(tenants.a)
    batch = run(tenants.a, MESSY)
    assert batch.counts["updated"] == 1
    assert dump(tenants.a) != before
    with db.tenant_session(tenants.a) as session:
        undo.undo(session, batch.id, actor="t")
    assert dump(tenants.a) == before
    with pytest.raises(Conflict), db.tenant_session(tenants.a) as session:
        undo.undo(session, batch.id, actor="t")


def test_import_never_lifts_suppression(tenants):
    with db.tenant_session(tenants.a) as session:
        consents.suppress(
            session, channel="email", address_norm="joerg@example.org", reason="unsubscribed", source="t", actor="t"
        )
    run(tenants.a, MESSY)
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Consent).where(Consent.state == "granted")).scalars().all() == []
        assert len(session.execute(consents.matching(session)).scalars().all()) == 1


@pytest.mark.parametrize("state", ["withdrawn", "pending", "expired"])
def test_an_import_never_raises_a_consent_that_exists(tenants, state):
    with db.tenant_session(tenants.a) as session:
        member = make.member(session, "joerg@example.org", consent=False, external_id="M1")
        consents.record(
            session, member.id, channel="email", purpose="marketing", state=state, source="t", actor="t", evidence={}
        )
    run(tenants.a, MESSY)
    with db.tenant_session(tenants.a) as session:
        assert [consent.state for consent in consents.of_member(session, member.id)] == [state]


def test_a_known_member_without_consent_stays_without(tenants):
    with db.tenant_session(tenants.a) as session:
        member = make.member(session, "joerg@example.org", consent=False, external_id="M1")
    run(tenants.a, MESSY)
    with db.tenant_session(tenants.a) as session:
        assert consents.of_member(session, member.id) == []


def test_without_a_person_who_attests_no_consent_is_recorded(tenants):
    run(tenants.a, MESSY, attested=None)
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Consent).where(Consent.state == "granted")).scalars().all() == []


def test_a_no_in_the_file_withdraws(tenants):
    with db.tenant_session(tenants.a) as session:
        member = make.member(session, "ann@example.org", external_id="M3")
    run(tenants.a, MESSY)
    with db.tenant_session(tenants.a) as session:
        states = {consent.purpose: consent.state for consent in consents.of_member(session, member.id)}
    assert states["marketing"] == "withdrawn"


@pytest.mark.parametrize(
    ("data", "created"),
    [
        ("Vorname,E-Mail\nJörg,j@example.org\n".encode("cp1252"), 1),
        ("Vorname\tE-Mail\nJörg\tj@example.org\n".encode("utf-16"), 1),
        (b'[{"first_name": "Jo", "email": "j@example.org", "tags": ["a", "b"]}]', 1),
    ],
)
def test_encodings_separators_and_json_are_recognised(tenants, data, created):
    assert run(tenants.a, data).counts["created"] == created


WITHOUT_MARK = ["E-Mail;Ort\nj@example.org;Köln\n".encode(name) for name in ("utf-16-le", "utf-16-be", "utf-32")]


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"Vorname\nJo\n", b"[1, 2]", b"[{", b"E-Mail;E-Mail\na;b\n", *WITHOUT_MARK]
)
def test_a_file_that_cannot_be_read_says_why(tenants, data):
    with pytest.raises(Invalid):
        run(tenants.a, data)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.text(max_size=12), min_size=1, max_size=6), max_size=6))
def test_no_file_breaks_the_importer(tenants, rows):
    lines = ["Mitgliedsnr;Vorname;E-Mail;Tags;Status"] + [";".join(cells) for cells in rows]
    try:
        batch = run(tenants.a, "\n".join(lines).encode("utf-8", "replace"))
    except AriiaError:
        return
    assert batch.counts["rows"] >= batch.counts.get("rejected", 0)


def test_visits_move_the_last_visit_and_a_second_import_adds_nothing(tenants):
    run(tenants.a, MESSY)
    visits = (
        "Mitgliedsnr;Art;Zeit;Kurs\n"
        "M1;Besuch;2026-11-01T10:00:00;Yoga\n"
        "M1;Besuch;2026-10-01;Yoga\n"
        "X;Besuch;2026-10-01;Yoga\n"
    )
    counts = []
    for _ in range(2):
        with db.tenant_session(tenants.a) as session:
            batch = histories.run(session, kind="activities", data=visits.encode(), file_name="b.csv", actor="t")
            counts.append(batch.counts)
    assert counts[0] == {"rows": 3, "created": 2, "rejected": 1}
    assert counts[1] == {"rows": 3, "rejected": 1, "unchanged": 2}
    with db.tenant_session(tenants.a) as session:
        member = session.execute(select(Member).where(Member.external_id == "M1")).scalar_one()
        assert member.last_visit_at.month == 11


def test_purchases_are_read_in_german_and_english_money(tenants):
    run(tenants.a, MESSY)
    rows = (
        "Mitgliedsnr;Produkt;Betrag;Datum\n"
        "M1;Karte;1.299,50 €;01.10.2026\n"
        "M1;Tee;2.50;2026-10-02\n"
        "M1;Quatsch;viel;2026-10-02\n"
    )
    with db.tenant_session(tenants.a) as session:
        batch = histories.run(session, kind="purchases", data=rows.encode(), file_name="k.csv", actor="t")
        amounts = session.execute(text("SELECT amount_minor FROM purchase ORDER BY amount_minor")).scalars().all()
    assert amounts == [250, 129_950]
    assert batch.counts["rejected"] == 1


def test_a_large_file_after_a_small_one_does_not_compare_every_row_with_every_address(tenants):
    def file(first: int, rows: int) -> str:
        lines = (f"M{n};m{n}@example.org;0171 {1_000_000 + n}" for n in range(first, first + rows))
        return "\n".join(["Mitgliedsnr;E-Mail;Telefon", *lines])

    run(tenants.a, file(90_000, 200))  # the planner now takes the tables for small ones
    with db.tenant_session(tenants.a) as session:
        session.execute(text("SELECT refresh_statistics()"))
    began = time.perf_counter()
    assert run(tenants.a, file(0, 20_000)).counts["created"] == 20_000
    assert time.perf_counter() - began < 30


@pytest.mark.parametrize("moment", ["31.12.9999", "01.01.0001 08:15", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_no_clock_can_show_is_named_and_not_kept(moment, tenants):
    done = run(tenants.a, f"Vorname;E-Mail;Letzter Besuch\nJo;jo@example.org;{moment}\n")
    with db.tenant_session(tenants.a) as session:
        (row,) = session.execute(select(ImportRow).where(ImportRow.batch_id == done.id)).scalars()
        assert "outside of the years" in str(row.problems)
        (member,) = session.execute(select(Member).where(Member.id == row.member_id)).scalars()
        assert member.last_visit_at is None
